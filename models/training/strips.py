"""Cuts an int8 network in two parts, so that a station runs the first strip by strip and needs far less memory.

At full resolution the interpreter's tables and maps of the first layers are most of a station's memory, and making
them most of the time that loading takes. These layers look at a few rows only: run on one strip after the other they
give the very same bytes. What is cut is the finished file; its numbers are not touched.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ai_edge_litert.schema_py_generated import (
    BuiltinOperator,
    ModelT,
    OperatorT,
    Padding,
    SignatureDefT,
    SubGraphT,
    TensorMapT,
)
from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray, read_model_from_bytearray

from models.bundle.layout import ENTRANCE, REST
from models.bundle.manifest import StripFormat

STRIP_PIXELS: Final = 275_000
"""A strip of the input has at most about so many: an eighth of 1920 x 1088."""

STRIDE: Final = 8
"""How far the entrance goes: until a row of its map stands for so many of the picture."""

_CONVOLUTIONS: Final = (BuiltinOperator.CONV_2D, BuiltinOperator.DEPTHWISE_CONV_2D)
_SEEN_THROUGH: Final = (*_CONVOLUTIONS, BuiltinOperator.PAD, BuiltinOperator.ADD)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Rows of a tensor, relative to a row of the entrance's map times the stride, that the map's row rests on."""

    low: int
    high: int

    def joined(self, other: "_Reach | None") -> "_Reach":
        return self if other is None else _Reach(min(self.low, other.low), max(self.high, other.high))


def in_strips(model: bytes, pixels: int = STRIP_PIXELS) -> tuple[bytes, StripFormat | None]:
    """Return a network in two parts, and how to run it; as it was, and None, where that would not help.

    Args:
        model: An int8 file with one input, 1 x height x width x channels.
        pixels: A strip has about so many at most.
    """
    whole = read_model_from_bytearray(bytearray(model))
    graph = whole.subgraphs[0]
    height, width = (int(side) for side in graph.tensors[graph.inputs[0]].shape[1:3])
    count = _entrance(whole, graph, height)
    number = math.ceil(height * width / pixels)
    if count is None or number == 1:
        return model, None
    first, rest = graph.operators[:count], graph.operators[count:]
    cut = int(first[-1].outputs[0])
    reach = _reach(whole, graph, first, cut)
    rows = _whole(math.ceil(height / number))
    strips = StripFormat(rows=rows, above=_whole(-reach.low), below=_whole(reach.high - (STRIDE - 1)))
    if strips.height >= height:
        return model, None
    entrance = _part(graph, first, list(graph.inputs), [cut], ENTRANCE)
    _make_shorter(entrance, height, strips.height)
    # The rest comes first: the interpreter takes a file's first part for the network itself.
    whole.subgraphs = [_part(graph, rest, [cut], list(graph.outputs), REST), entrance]
    whole.signatureDefs = [_signature(part, place) for place, part in enumerate(whole.subgraphs)]
    return bytes(convert_object_to_bytearray(whole)), strips


def _whole(rows: int) -> int:
    return max(math.ceil(rows / STRIDE), 0) * STRIDE


def _entrance(model: ModelT, graph: SubGraphT, height: int) -> int | None:
    """Return how many of the first operations end in the one map, at the stride, that all others rest on."""
    made = {int(tensor) for tensor in graph.inputs}
    for count, operation in enumerate(graph.operators, 1):
        if _kind(model, operation) not in _SEEN_THROUGH:
            return None
        made |= {int(tensor) for tensor in operation.outputs}
        later = {int(tensor) for other in graph.operators[count:] for tensor in other.inputs}
        if (later | {int(tensor) for tensor in graph.outputs}) & made == {int(operation.outputs[0])} and (
            int(graph.tensors[operation.outputs[0]].shape[1]) * STRIDE == height
        ):
            return count
    return None


def _kind(model: ModelT, operation: OperatorT) -> int:
    code = model.operatorCodes[operation.opcodeIndex]
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _reach(model: ModelT, graph: SubGraphT, operations: Sequence[OperatorT], cut: int) -> _Reach:
    """Return which rows of the picture a row of the entrance's map rests on, relative to the row's own first one."""
    reached = {cut: _Reach(0, 0)}
    for operation in reversed(operations):
        seen = reached[int(operation.outputs[0])]
        kind = _kind(model, operation)
        sources = [int(operation.inputs[0])]
        if kind in _CONVOLUTIONS:
            seen = _before_convolution(graph, operation, seen)
        elif kind == BuiltinOperator.PAD:
            padding = model.buffers[graph.tensors[operation.inputs[1]].buffer].data
            above = int(padding.view("<i4").reshape(-1, 2)[1, 0])
            seen = _Reach(seen.low - above, seen.high - above)
        else:
            sources = [int(tensor) for tensor in operation.inputs]
        for source in sources:
            reached[source] = seen.joined(reached.get(source))
    return reached[int(graph.inputs[0])]


def _before_convolution(graph: SubGraphT, operation: OperatorT, seen: _Reach) -> _Reach:
    options: Any = operation.builtinOptions
    kernel = int(graph.tensors[operation.inputs[1]].shape[1])
    span, stride = (kernel - 1) * int(options.dilationHFactor), int(options.strideH)
    above = 0
    if options.padding == Padding.SAME:
        given, taken = (int(graph.tensors[tensor].shape[1]) for tensor in (operation.inputs[0], operation.outputs[0]))
        above = max((taken - 1) * stride + span + 1 - given, 0) // 2
    return _Reach(seen.low * stride - above, seen.high * stride - above + span)


def _part(
    graph: SubGraphT, operations: Sequence[OperatorT], inputs: Sequence[int], outputs: Sequence[int], name: str
) -> SubGraphT:
    """Return some operations of a graph as a graph of their own, with the tensors that they use."""
    used = [int(tensor) for operation in operations for tensor in (*operation.inputs, *operation.outputs)]
    kept = list(dict.fromkeys(tensor for tensor in (*inputs, *used, *outputs) if tensor >= 0))
    place = {tensor: number for number, tensor in enumerate(kept)} | {-1: -1}
    part = SubGraphT()
    part.name = name.encode()
    part.tensors = [copy.deepcopy(graph.tensors[tensor]) for tensor in kept]
    part.operators = []
    for operation in operations:
        moved = copy.deepcopy(operation)
        moved.inputs = [place[int(tensor)] for tensor in operation.inputs]
        moved.outputs = [place[int(tensor)] for tensor in operation.outputs]
        part.operators.append(moved)
    part.inputs, part.outputs = [place[tensor] for tensor in inputs], [place[tensor] for tensor in outputs]
    return part


def _make_shorter(entrance: SubGraphT, height: int, rows: int) -> None:
    """Write down the heights that the maps have for a strip; padded ones keep what was added."""
    maps = {int(tensor) for operation in entrance.operators for tensor in (operation.inputs[0], *operation.outputs)}
    for tensor in maps:
        shape = entrance.tensors[tensor].shape
        stride = round(height / int(shape[1]))
        shape[1] = rows // stride + int(shape[1]) - height // stride


def _signature(part: SubGraphT, place: int) -> SignatureDefT:
    signature = SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = part.name, place
    signature.inputs = [_named(f"input_{number}", tensor) for number, tensor in enumerate(part.inputs)]
    signature.outputs = [_named(f"output_{number}", tensor) for number, tensor in enumerate(part.outputs)]
    return signature


def _named(name: str, tensor: int) -> TensorMapT:
    named = TensorMapT()
    named.name, named.tensorIndex = name.encode(), tensor
    return named
