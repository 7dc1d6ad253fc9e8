"""The texts that travel with a bundle: the model card and the report page."""

import html
from collections.abc import Iterable, Mapping
from typing import Any

from models.bundle import Manifest
from models.training.settings import CardNotes

_TITLES = {
    "photos_out_of_fold": "Photos, each judged by a network that never saw its phone",
    "virtual_held_out": "Virtual line, seeds never trained on",
}

_CARD = """\
# {name}-{version}

Finds {classes} on the front glass of phones. An int8 network of {parameters} parameters on {width} x {height} pixels
gives a map at stride {stride}; the mean of its {top_cells} highest cells, calibrated (Platt), is the picture's defect
probability. Accept below {accept_below:.4f}, reject above {reject_above:.4f}; {claim}.

## Trained on

{datasets}

{data_notes}

## Figures

From the training run, on pictures that the judging network never saw, with the bundle's own calibration and limits.
Escape: share of defective parts accepted; overkill: share of good parts rejected. Intervals are Clopper-Pearson.

{figures}
{nested}int8 against float on {parity_pictures} pictures: largest difference of the probability {parity_difference:.3f},
{parity_flips} verdicts differ.

## Limits of use

{limit_notes}

## Made with

{tools}
"""

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui;max-width:90ch;margin:2rem auto}}pre{{white-space:pre-wrap}}</style></head>
<body><pre>{text}</pre></body></html>
"""


def model_card(manifest: Manifest, metrics: Mapping[str, Any], notes: CardNotes) -> str:
    """Return the model card in Markdown."""
    decision, parity = manifest.decision, metrics["int8_against_float"]
    return _CARD.format(
        name=manifest.name,
        version=manifest.version,
        classes=", ".join(entry.name for entry in manifest.classes),
        parameters=metrics["parameters"],
        width=manifest.input.width,
        height=manifest.input.height,
        stride=manifest.output.stride,
        top_cells=manifest.calibration.top_cells,
        accept_below=decision.accept_below,
        reject_above=decision.reject_above,
        claim="no risk is claimed (provisional)" if manifest.provisional else "bundle.json holds the risk claim",
        datasets=_items(
            f"{one.name}: {one.pictures} pictures, fingerprint {one.sha256[:16]}" for one in manifest.datasets
        ),
        data_notes=notes.data.strip(),
        figures="\n".join(_figures(_TITLES[key], metrics[key]) for key in _TITLES if metrics[key]),
        nested=_nested(metrics["photos_nested_limits"]) if metrics["photos_out_of_fold"] else "",
        parity_pictures=parity["pictures"],
        parity_difference=parity["probability_difference_max"],
        parity_flips=parity["verdict_flips"],
        limit_notes=notes.limits.strip(),
        tools=_items(f"{tool.name} {tool.version}" for tool in manifest.tools),
    )


def report_page(manifest: Manifest, card: str) -> str:
    """Return a self-contained HTML page with the model card's text."""
    return _PAGE.format(title=html.escape(f"{manifest.name}-{manifest.version}"), text=html.escape(card))


def _figures(title: str, evaluation: Mapping[str, Any]) -> str:
    counts = evaluation["counts"]
    summary = [
        f"{counts['bad']} defective and {counts['good']} good parts",
        f"AUROC {_number(evaluation['auroc'])}, within group {_number(evaluation['auroc_within_group'])}",
        f"box recall {_number(evaluation['box_recall'])}, precision {_number(evaluation['box_precision'])}",
        f"false boxes per good part {_number(evaluation['false_boxes_per_good'])}",
    ]
    lines = [f"### {title}", "", "; ".join(summary) + ".", "", "| rate | value | 95 % |", "|---|---|---|"]
    for name, rate in evaluation["rates"].items():
        interval = "-" if rate["ci95"] is None else "{:.3f} to {:.3f}".format(*rate["ci95"])
        lines.append(f"| {name} | {_number(rate['value'])} | {interval} |")
    if evaluation["per_group"]:
        lines += ["", "| group | bad: accept, reject, cannot judge | good: the same | AUROC |", "|---|---|---|---|"]
    for group, one in evaluation["per_group"].items():
        bad, good = (", ".join(str(count) for count in one[truth]) for truth in ("bad", "good"))
        lines.append(f"| {group} | {bad} | {good} | {_number(one['auroc'])} |")
    return "\n".join([*lines, ""])


def _nested(counts: Mapping[str, Mapping[str, int]]) -> str:
    shares = [
        f"{truth}: {one['accept']} accepted, {one['reject']} rejected, {one['cannot_judge']} not judged"
        for truth, one in counts.items()
    ]
    return (
        "The photos again, with limits chosen without the fold that they judge, by the same rule and margins:\n"
        f"{'; '.join(shares)}.\n\n"
    )


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
