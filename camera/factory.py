"""Makes the source that an address of the configuration names."""

from camera.address import (
    GigEVisionAddress,
    GStreamerAddress,
    ReplayAddress,
    SourceAddress,
    StreamAddress,
    V4l2Address,
    VirtualAddress,
    parse_address,
)
from camera.errors import SourceSettingError
from camera.opencv import OpenCvSource
from camera.replay import ReplaySource
from camera.source import Source
from camera.virtual_source import VirtualSource


def create_source(view: str, address: str | SourceAddress, latency_ms: int | None = None) -> Source:
    """Return the closed source of a view; nothing is opened or looked up.

    Args:
        view: The camera's name in the configuration.
        address: Its ``source``.
        latency_ms: Its ``latency_ms``: from exposure to what the source can time; a simulated source needs none.

    Raises:
        SourceSettingError: The address cannot be understood, or names a kind of camera without a driver.
    """
    match parse_address(address) if isinstance(address, str) else address:
        case VirtualAddress(parameters):
            return VirtualSource(view, parameters)
        case ReplayAddress(folder, shuffle_seed):
            return ReplaySource(view, folder, shuffle_seed=shuffle_seed)
        case V4l2Address() | StreamAddress() | GStreamerAddress() as device:
            return OpenCvSource(view, device, latency_ms=latency_ms)
        case GigEVisionAddress(serial):
            raise SourceSettingError(
                f"source 'gigevision:{serial}' needs a GenTL driver, which is not part of this version; until then "
                "use the camera's RTSP stream, or v4l2:"
            )
