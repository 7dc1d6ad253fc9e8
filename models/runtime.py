"""The interpreter behind the detector; no other file imports ai_edge_litert."""

import math

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.bundle.manifest import Manifest
from models.errors import ModelError
from models.quantisation import Quantisation

_INPUT_SCALE = 1.0 / 128.0


class Runtime:
    """One loaded int8 network. Used by one thread at a time; ``invoke`` releases the GIL while the network runs."""

    def __init__(self, model: bytes, manifest: Manifest, threads: int) -> None:
        """Load the network and check its tensors against the manifest.

        Raises:
            ModelError: It cannot be loaded, or its tensors are not those that the manifest describes.
        """
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(
                f"{manifest.file_name}: the network cannot be loaded ({error}); make the bundle again"
            ) from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{manifest.file_name}: {len(inputs)} inputs and {len(outputs)} outputs; one of each is known"
            )
        colour = manifest.input.colour == "bgr"
        stride = manifest.output.stride
        self._input_shape = (1, manifest.input.height, manifest.input.width, 3 if colour else 1)
        channels = 1 + len(manifest.output.channel_classes)
        self._output_shape = (1, manifest.input.height // stride, manifest.input.width // stride, channels)
        self._input_index = int(inputs[0]["index"])
        self._output_index = int(outputs[0]["index"])
        entrance = _quantisation(inputs[0], self._input_shape, f"{manifest.file_name}: input")
        self.output = _quantisation(outputs[0], self._output_shape, f"{manifest.file_name}: output")
        if not math.isclose(entrance.scale, _INPUT_SCALE, rel_tol=1e-6) or entrance.zero_point != 0:
            raise ModelError(
                f"{manifest.file_name}: input quantised with scale {entrance.scale}, zero {entrance.zero_point}, "
                "not 1/128 and 0; export the network again with (x-128)/128 over all bytes"
            )

    def invoke(self, pixels: NDArray[np.int8]) -> NDArray[np.int8]:
        """Run the network on height x width x channels and return its map, rows x columns x channels, as stored.

        Raises:
            ModelError: The input's shape or type is wrong, or the interpreter failed.
        """
        if (1, *pixels.shape) != self._input_shape or pixels.dtype != np.int8:
            raise ModelError(f"the network takes {self._input_shape[1:]} int8, not {pixels.shape} {pixels.dtype}")
        try:
            self._interpreter.set_tensor(self._input_index, pixels[np.newaxis])
            self._interpreter.invoke()
            output: NDArray[np.int8] = np.asarray(self._interpreter.get_tensor(self._output_index))
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"the network failed ({error}); restart the station, then install the bundle again"
            ) from error
        if output.shape != self._output_shape or output.dtype != np.int8:
            raise ModelError(f"the network gave {output.shape} {output.dtype} instead of {self._output_shape} int8")
        return output.reshape(self._output_shape[1:])


def _quantisation(details: dict[str, object], shape: tuple[int, ...], where: str) -> Quantisation:
    found = tuple(int(side) for side in np.asarray(details["shape"]))
    if found != shape or details["dtype"] is not np.int8:
        raise ModelError(
            f"{where} is {found} {details['dtype']}, the manifest says {shape} int8; make the bundle again"
        )
    scale, zero_point = np.asarray(details["quantization"], np.float64)
    if not (math.isfinite(scale) and scale > 0.0):
        raise ModelError(f"{where} carries no quantisation scale; export the network again as int8")
    return Quantisation(scale=float(scale), zero_point=int(zero_point))
