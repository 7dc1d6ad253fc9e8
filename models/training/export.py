"""From the trained network to the int8 file: litert-torch converts, ai-edge-quantizer quantises."""

import copy
from collections.abc import Sequence

import litert_torch
import numpy as np
import torch
from ai_edge_quantizer import calibrator, quantizer, recipe
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.training.network import EmbeddingNetwork
from models.training.pictures import normalise

_INPUT_RANGE = (
    -1.0,
    127.0 / 128.0,
)  # (x - 128) / 128 over all bytes, so that int8 is the byte with its top bit flipped


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Return a copy in inference mode whose batch norms are folded into the convolutions before them."""
    folded = copy.deepcopy(network).eval()
    for module in list(folded.modules()):
        match list(module) if isinstance(module, nn.Sequential) else []:
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm, *_]:
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return folded


def export_float(network: EmbeddingNetwork, height: int, width: int) -> bytes:
    """Return the network as a float32 TFLite file: 1 x height x width x 3 in, logits and embedding out."""
    folded = fold_batch_norms(network).to(memory_format=torch.contiguous_format)
    channel_last = litert_torch.to_channel_last_io(folded, args=[0], outputs=[0, 1])
    return litert_torch.convert(channel_last.eval(), (torch.zeros(1, height, width, 3),)).model_content()


def quantise(float_model: bytes, pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    """Return the file with int8 input and output, per-channel weights, and true min/max activation ranges.

    The quantizer's own default is a moving average, which clips rare peaks; the rare peaks are the defects.

    Args:
        float_model: What :func:`export_float` returned.
        pictures: Network inputs (height x width x 3 uint8) that show every defect class at its strongest.
    """
    tool = quantizer.Quantizer(float_model, recipe.static_wi8_ai8())
    observer = calibrator.Calibrator(float_model, num_threads=2, qsv_update_func=qsv_utils.min_max_update)
    [(signature, names)] = observer.get_signature_list().items()
    [input_name] = names["inputs"]
    samples = [{input_name: normalise(picture)[np.newaxis]} for picture in pictures]
    observer.calibrate({signature: samples}, tool._recipe_manager)  # noqa: SLF001  # no public way to pass min/max
    ranges = observer.get_model_qsvs()
    input_tensor = observer._tfl_interpreter.get_input_details()[0]["name"]  # noqa: SLF001
    lowest, highest = _INPUT_RANGE
    ranges[input_tensor] = {
        "min": np.full_like(ranges[input_tensor]["min"], lowest),
        "max": np.full_like(ranges[input_tensor]["max"], highest),
    }
    return bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model)
