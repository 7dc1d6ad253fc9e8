"""The segmentation networks: a cheap stem at full resolution, a dilated encoder, a light decoder at stride 8."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

OUTPUT_STRIDE: Final = 8
EMBEDDING_STRIDE: Final = 32
"""Inputs are whole multiples of it."""
_BATCH_NORM_MOMENTUM = 0.1  # torch counts the new value's share: 0.9 in the other convention


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWidths:
    """Channels at stride 2, 4, 8, 16 and 32, and the dilations of the residual blocks at stride 32."""

    entrance: int = 16
    stem: int = 32
    fine: int = 40
    middle: int = 64
    coarse: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 1)


STUDENT: Final = NetworkWidths()
TEACHER: Final = NetworkWidths(fine=56, middle=144, coarse=352, dilations=(1, 2, 4, 1, 2, 4, 1))


def _normalised(layer: nn.Conv2d, *, activate: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [layer, nn.BatchNorm2d(layer.out_channels, momentum=_BATCH_NORM_MOMENTUM)]
    if activate:
        layers.append(nn.ReLU6())
    return nn.Sequential(*layers)


class SeparableBlock(nn.Module):
    """Depthwise 3x3 then pointwise convolution, each with batch norm; residual where the shapes allow.

    MobileNet (Howard et al. 2017), with ReLU6 throughout because it quantises well.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        """Build for ``inputs`` channels in and ``outputs`` out."""
        super().__init__()
        self.depthwise = _normalised(
            nn.Conv2d(inputs, inputs, 3, stride=stride, padding=dilation, dilation=dilation, groups=inputs, bias=False)
        )
        self.residual = stride == 1 and inputs == outputs
        self.pointwise = _normalised(nn.Conv2d(inputs, outputs, 1, bias=False), activate=not self.residual)

    def forward(self, features: Tensor) -> Tensor:
        """Map N x inputs x H x W to N x outputs x H/stride x W/stride."""
        mixed = self.pointwise(self.depthwise(features))
        return features + mixed if self.residual else mixed


class DefectNetwork(nn.Module):
    """Maps a normalised BGR picture to logits at stride 8: any defect first, then one per class.

    Input N x 3 x H x W with H and W divisible by 32, values (x - 128) / 128; output N x (1 + classes) x H/8 x W/8. The
    first layer works at full resolution, as hairlines of one or two pixels vanish when the picture is halved; it is
    narrow, so that the rest costs as much as a network on the halved picture.
    """

    def __init__(self, classes: int, widths: NetworkWidths) -> None:
        """Build for this many defect classes."""
        super().__init__()
        self.widths = widths
        self.entrance = nn.Sequential(
            _normalised(nn.Conv2d(3, widths.entrance, 3, stride=2, padding=1, bias=False)),
            SeparableBlock(widths.entrance, widths.entrance),
        )
        self.stem = nn.Sequential(
            SeparableBlock(widths.entrance, widths.stem, stride=2),
            SeparableBlock(widths.stem, widths.stem),
        )
        self.fine = nn.Sequential(
            SeparableBlock(widths.stem, widths.fine, stride=2),
            SeparableBlock(widths.fine, widths.fine),
        )
        self.middle = nn.Sequential(
            SeparableBlock(widths.fine, widths.middle, stride=2),
            SeparableBlock(widths.middle, widths.middle),
            SeparableBlock(widths.middle, widths.middle),
        )
        self.coarse = nn.Sequential(
            SeparableBlock(widths.middle, widths.coarse, stride=2),
            *(SeparableBlock(widths.coarse, widths.coarse, dilation=dilation) for dilation in widths.dilations),
        )
        self.from_coarse = _normalised(nn.Conv2d(widths.coarse, widths.middle, 1, bias=False), activate=False)
        self.decode_middle = SeparableBlock(widths.middle, widths.middle)
        self.from_middle = _normalised(nn.Conv2d(widths.middle, widths.fine, 1, bias=False), activate=False)
        self.decode_fine = nn.Sequential(
            SeparableBlock(widths.fine, widths.fine),
            SeparableBlock(widths.fine, widths.fine),
        )
        self.head = nn.Conv2d(widths.fine, 1 + classes, 1)
        nn.init.constant_(self.head.bias[:1], -4.0)  # defects are rare: start from their prior, not from one half

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of a batch."""
        return self.judged(pictures)[0]

    def judged(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and the coarse features (N x coarse x H/32 x W/32) that they rest on."""
        fine = self.fine(self.stem(self.entrance(pictures)))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.decode_middle(functional.relu6(middle + self._doubled(self.from_coarse(coarse))))
        fine = self.decode_fine(functional.relu6(fine + self._doubled(self.from_middle(middle))))
        return self.head(fine), coarse

    @staticmethod
    def _doubled(features: Tensor) -> Tensor:
        return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


class EmbeddingNetwork(nn.Module):
    """A trained network with its second output: whitened principal components of the coarse features, clipped.

    Output: logits as before, then N x components x H/32 x W/32 within +-``EMBEDDING_RANGE``.
    """

    def __init__(self, network: DefectNetwork, projection: nn.Conv2d) -> None:
        """Join a network and the 1x1 convolution that projects its coarse features."""
        super().__init__()
        self.network = network
        self.projection = projection

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and embedding of a batch."""
        logits, coarse = self.network.judged(pictures)
        return logits, self.projection(coarse)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())
