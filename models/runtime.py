"""The interpreter behind the detector; no other file imports ai_edge_litert."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.bundle.layout import ENTRANCE, REST
from models.bundle.manifest import InputFormat, Manifest, StripFormat
from models.errors import ModelError
from models.quantisation import Quantisation
from models.strips import strips_of

Details = dict[str, Any]
"""What the interpreter says of a tensor: index, shape, dtype, quantization."""

_INPUT_SCALE: Final = 1.0 / 128.0
_MAP_AXES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outputs:
    """The network's maps as stored, rows x columns x channels; ``embedding`` is None where it has but one."""

    logits: NDArray[np.int8]
    embedding: NDArray[np.int8] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    index: int
    shape: tuple[int, ...]
    quantisation: Quantisation


class _Network(Protocol):
    """A network made ready: ``entrance`` and ``outputs`` are its tensors' details, ``run`` gives maps by index."""

    entrance: Details
    outputs: list[Details]

    def run(self, pixels: NDArray[np.int8]) -> Mapping[int, NDArray[np.int8]]: ...


class _Whole:
    """A network that takes the whole input at once."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        inputs, self.outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.entrance = _only(inputs, "inputs")

    def run(self, pixels: NDArray[np.int8]) -> Mapping[int, NDArray[np.int8]]:
        self._interpreter.set_tensor(self.entrance["index"], pixels[np.newaxis])
        self._interpreter.invoke()
        return {details["index"]: self._interpreter.get_tensor(details["index"]) for details in self.outputs}


class _InStrips:
    """A network in two parts: the entrance strip by strip, then the rest on the map that the strips made."""

    def __init__(self, interpreter: Interpreter, size: InputFormat, strips: StripFormat) -> None:
        known = interpreter.get_signature_list()
        if not {ENTRANCE, REST} <= set(known):
            raise ValueError(f"its signatures are {', '.join(known) or 'none'}, not {ENTRANCE} and {REST}")
        self._first, self._rest = (interpreter.get_signature_runner(part) for part in (ENTRANCE, REST))
        [(self._pixels, self.entrance)] = self._first.get_input_details().items()
        [(self._given, given)] = self._first.get_output_details().items()
        [(self._taken, taken)] = self._rest.get_input_details().items()
        self._outputs = self._rest.get_output_details()
        self.outputs = list(self._outputs.values())
        if any(len(_shape(tensor)) != _MAP_AXES or 0 in _shape(tensor) for tensor in (given, taken)):
            raise ValueError(f"its entrance gives {_shape(given)}, its rest takes {_shape(taken)}: both must be maps")
        self._map = np.zeros(_shape(taken), np.int8)
        self._height = strips.height
        rows, stride = _shape(given)[1], strips.height // _shape(given)[1]
        fits = (rows * stride, self._map.shape[1] * stride) == (strips.height, size.height)
        if not fits or _shape(given)[2:] != _shape(taken)[2:] or strips.rows % stride or strips.above % stride:
            raise ValueError(f"strips of {strips.height} rows give {_shape(given)}, the rest takes {_shape(taken)}")
        self._strips = tuple(
            strips_of(size.height, rows=strips.rows, above=strips.above, below=strips.below, stride=stride)
        )

    def run(self, pixels: NDArray[np.int8]) -> Mapping[int, NDArray[np.int8]]:
        for strip in self._strips:
            seen = pixels[np.newaxis, strip.top : strip.top + self._height]
            self._map[:, strip.first : strip.end] = self._first(**{self._pixels: seen})[self._given][:, strip.kept]
        found = self._rest(**{self._taken: self._map})
        return {details["index"]: found[name] for name, details in self._outputs.items()}


class Runtime:
    """One loaded int8 network. Used by one thread at a time; ``invoke`` releases the GIL while the network runs.

    ``output`` and ``embedding`` say how its maps store real values; ``embedding`` is None where there is no such map.
    """

    def __init__(self, model: bytes, manifest: Manifest, threads: int) -> None:
        """Load the network and check its tensors against the manifest.

        Raises:
            ModelError: It cannot be loaded, or its tensors are not those that the manifest describes.
        """
        name, size = manifest.file_name, manifest.input
        try:
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
            self._network: _Network = _InStrips(interpreter, size, size.strips) if size.strips else _Whole(interpreter)
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"{name}: the network cannot be loaded ({error}); make the bundle again") from error
        outputs = self._network.outputs
        logits_shape, embedding_shape = _output_shapes(manifest)
        wanted = [shape for shape in (logits_shape, embedding_shape) if shape is not None]
        if len(outputs) != len(wanted):
            raise ModelError(f"{name}: {len(outputs)} outputs, the manifest says {len(wanted)}; make the bundle again")
        self._shape = (size.height, size.width, 3 if size.colour == "bgr" else 1)
        rows = size.strips.height if size.strips else size.height
        entrance = _tensor(self._network.entrance, (1, rows, *self._shape[1:]), f"{name}: input")
        self._logits = _tensor(_of_shape(outputs, logits_shape), logits_shape, f"{name}: output")
        self._embedding = (
            _tensor(_of_shape(outputs, embedding_shape), embedding_shape, f"{name}: embedding")
            if embedding_shape
            else None
        )
        self.output = self._logits.quantisation
        self.embedding = self._embedding.quantisation if self._embedding else None
        stored = entrance.quantisation
        if not math.isclose(stored.scale, _INPUT_SCALE, rel_tol=1e-6) or stored.zero_point != 0:
            raise ModelError(
                f"{name}: input quantised with scale {stored.scale}, zero {stored.zero_point}, "
                "not 1/128 and 0; export the network again with (x-128)/128 over all bytes"
            )

    def invoke(self, pixels: NDArray[np.int8]) -> Outputs:
        """Run the network on height x width x channels and return its maps.

        Raises:
            ModelError: The input's shape or type is wrong, or the interpreter failed.
        """
        if pixels.shape != self._shape or pixels.dtype != np.int8:
            raise ModelError(f"the network takes {self._shape} int8, not {pixels.shape} {pixels.dtype}")
        try:
            maps = self._network.run(pixels)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"the network failed ({error}); restart the station, then install the bundle again"
            ) from error
        return Outputs(
            logits=_checked(maps[self._logits.index], self._logits),
            embedding=_checked(maps[self._embedding.index], self._embedding) if self._embedding else None,
        )


def _checked(stored: NDArray[np.int8], tensor: _Tensor) -> NDArray[np.int8]:
    if stored.shape != tensor.shape or stored.dtype != np.int8:
        raise ModelError(f"the network gave {stored.shape} {stored.dtype} instead of {tensor.shape} int8")
    return stored.reshape(tensor.shape[1:])


def _only(found: list[Details], what: str) -> Details:
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} {what} instead of one")
    return found[0]


def _output_shapes(manifest: Manifest) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of the logits' map and of the embedding; the manifest has made sure that they differ."""
    size, output = manifest.input, manifest.output
    logits = (1, size.height // output.stride, size.width // output.stride, 1 + len(output.channel_classes))
    embedding = output.embedding
    if embedding is None:
        return logits, None
    return logits, (1, size.height // embedding.stride, size.width // embedding.stride, embedding.channels)


def _of_shape(outputs: list[Details], shape: tuple[int, ...]) -> Details:
    """Return the output of a shape, which is how the two are told apart; else the first, for the complaint."""
    return next((details for details in outputs if _shape(details) == shape), outputs[0])


def _shape(details: Details) -> tuple[int, ...]:
    return tuple(int(side) for side in np.asarray(details["shape"]))


def _tensor(details: Details, shape: tuple[int, ...], where: str) -> _Tensor:
    if _shape(details) != shape or details["dtype"] is not np.int8:
        raise ModelError(
            f"{where} is {_shape(details)} {details['dtype']}, the manifest says {shape} int8; make the bundle again"
        )
    scale, zero_point = np.asarray(details["quantization"], np.float64)
    if not (math.isfinite(scale) and scale > 0.0):
        raise ModelError(f"{where} carries no quantisation scale; export the network again as int8")
    quantisation = Quantisation(scale=float(scale), zero_point=int(zero_point))
    return _Tensor(index=int(np.asarray(details["index"])), shape=shape, quantisation=quantisation)
