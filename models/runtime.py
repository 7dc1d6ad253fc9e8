"""The interpreter behind the detector; no other file imports ai_edge_litert."""

import math
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.bundle.manifest import Manifest
from models.errors import ModelError
from models.quantisation import Quantisation

_INPUT_SCALE = 1.0 / 128.0


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


class Runtime:
    """One loaded int8 network. Used by one thread at a time; ``invoke`` releases the GIL while the network runs.

    ``output`` and ``embedding`` say how its maps store real values; ``embedding`` is None where there is no such map.
    """

    def __init__(self, model: bytes, manifest: Manifest, threads: int) -> None:
        """Load the network and check its tensors against the manifest.

        Raises:
            ModelError: It cannot be loaded, or its tensors are not those that the manifest describes.
        """
        name = manifest.file_name
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"{name}: the network cannot be loaded ({error}); make the bundle again") from error
        logits_shape, embedding_shape = _output_shapes(manifest)
        wanted = [shape for shape in (logits_shape, embedding_shape) if shape is not None]
        if len(inputs) != 1 or len(outputs) != len(wanted):
            raise ModelError(
                f"{name}: {len(inputs)} inputs and {len(outputs)} outputs, the manifest says 1 and {len(wanted)}; "
                "make the bundle again"
            )
        colour = manifest.input.colour == "bgr"
        self._input = _tensor(
            inputs[0], (1, manifest.input.height, manifest.input.width, 3 if colour else 1), f"{name}: input"
        )
        self._logits = _tensor(_of_shape(outputs, logits_shape), logits_shape, f"{name}: output")
        self._embedding = (
            _tensor(_of_shape(outputs, embedding_shape), embedding_shape, f"{name}: embedding")
            if embedding_shape
            else None
        )
        self.output = self._logits.quantisation
        self.embedding = self._embedding.quantisation if self._embedding else None
        entrance = self._input.quantisation
        if not math.isclose(entrance.scale, _INPUT_SCALE, rel_tol=1e-6) or entrance.zero_point != 0:
            raise ModelError(
                f"{name}: input quantised with scale {entrance.scale}, zero {entrance.zero_point}, "
                "not 1/128 and 0; export the network again with (x-128)/128 over all bytes"
            )

    def invoke(self, pixels: NDArray[np.int8]) -> Outputs:
        """Run the network on height x width x channels and return its maps.

        Raises:
            ModelError: The input's shape or type is wrong, or the interpreter failed.
        """
        if (1, *pixels.shape) != self._input.shape or pixels.dtype != np.int8:
            raise ModelError(f"the network takes {self._input.shape[1:]} int8, not {pixels.shape} {pixels.dtype}")
        try:
            self._interpreter.set_tensor(self._input.index, pixels[np.newaxis])
            self._interpreter.invoke()
            logits = self._map(self._logits)
            embedding = self._map(self._embedding) if self._embedding else None
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"the network failed ({error}); restart the station, then install the bundle again"
            ) from error
        return Outputs(logits=logits, embedding=embedding)

    def _map(self, tensor: _Tensor) -> NDArray[np.int8]:
        stored: NDArray[np.int8] = np.asarray(self._interpreter.get_tensor(tensor.index))
        if stored.shape != tensor.shape or stored.dtype != np.int8:
            raise ModelError(f"the network gave {stored.shape} {stored.dtype} instead of {tensor.shape} int8")
        return stored.reshape(tensor.shape[1:])


def _output_shapes(manifest: Manifest) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of the logits' map and of the embedding; the manifest has made sure that they differ."""
    size, output = manifest.input, manifest.output
    logits = (1, size.height // output.stride, size.width // output.stride, 1 + len(output.channel_classes))
    embedding = output.embedding
    if embedding is None:
        return logits, None
    return logits, (1, size.height // embedding.stride, size.width // embedding.stride, embedding.channels)


def _of_shape(outputs: list[dict[str, object]], shape: tuple[int, ...]) -> dict[str, object]:
    """Return the output of a shape, which is how the two are told apart; else the first, for the complaint."""
    return next((details for details in outputs if _shape(details) == shape), outputs[0])


def _shape(details: dict[str, object]) -> tuple[int, ...]:
    return tuple(int(side) for side in np.asarray(details["shape"]))


def _tensor(details: dict[str, object], shape: tuple[int, ...], where: str) -> _Tensor:
    if _shape(details) != shape or details["dtype"] is not np.int8:
        raise ModelError(
            f"{where} is {_shape(details)} {details['dtype']}, the manifest says {shape} int8; make the bundle again"
        )
    scale, zero_point = np.asarray(details["quantization"], np.float64)
    if not (math.isfinite(scale) and scale > 0.0):
        raise ModelError(f"{where} carries no quantisation scale; export the network again as int8")
    quantisation = Quantisation(scale=float(scale), zero_point=int(zero_point))
    return _Tensor(index=int(np.asarray(details["index"])), shape=shape, quantisation=quantisation)
