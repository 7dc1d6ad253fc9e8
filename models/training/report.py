"""The texts that travel with a bundle: the model card and the report page."""

import html
from collections.abc import Mapping
from typing import Any

from models.bundle import Manifest
from models.training.settings import CardNotes

_FIGURES = ("photos_out_of_fold", "virtual_held_out")
_TITLES = {
    "photos_out_of_fold": "Photos, each scored by a network that never saw its phone",
    "virtual_held_out": "Virtual line, seeds never trained on",
}


def model_card(manifest: Manifest, metrics: Mapping[str, Any], notes: CardNotes) -> str:
    """Return the model card in Markdown."""
    limits = manifest.decision
    lines = [
        f"# {manifest.name}-{manifest.version}",
        "",
        f"Finds {', '.join(entry.name for entry in manifest.classes)} on the front glass of phones. An int8 network of "
        f"{metrics['parameters']} parameters on {manifest.input.width} x {manifest.input.height} pixels gives a map at "
        f"stride {manifest.output.stride}; the mean of its {manifest.calibration.top_cells} highest cells, calibrated "
        "(Platt), is the picture's defect probability.",
        "",
        f"Accept below {limits.accept_below:.4f}, reject above {limits.reject_above:.4f}; "
        + ("no risk is claimed (provisional)." if limits.risk_claim is None else "see the risk claim in bundle.json."),
        "",
        "## Trained on",
        "",
        *(f"- {one.name}: {one.pictures} pictures, fingerprint {one.sha256[:16]}" for one in manifest.datasets),
        "",
    ]
    if notes.data:
        lines += [notes.data]
    lines += [
        "## Figures",
        "",
        "From the training run itself, on held-out pictures (escape: share of defective parts",
        "accepted; overkill: share of good parts rejected; intervals: Clopper-Pearson 95 %).",
        "",
    ]
    for key in _FIGURES:
        if metrics[key]:
            lines += [f"### {_TITLES[key]}", "", *_table(metrics[key]), ""]
    parity = metrics["int8_against_float"]
    lines += [
        f"int8 against float on {parity['pictures']} pictures: largest difference of the probability "
        f"{parity['probability_difference_max']:.3f}, {parity['verdict_flips']} verdicts differ.",
        "",
        "## Limits of use",
        "",
        notes.limits,
        "",
        "## Made with",
        "",
        *(f"- {tool.name} {tool.version}" for tool in manifest.tools),
        "",
    ]
    return "\n".join(lines)


def report_page(manifest: Manifest, card: str) -> str:
    """Return a self-contained HTML page with the model card's text."""
    title = html.escape(f"{manifest.name}-{manifest.version}")
    body = html.escape(card)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:75ch;margin:2rem auto}pre{white-space:pre-wrap}</style></head>"
        f"<body><pre>{body}</pre></body></html>\n"
    )


def _table(evaluation: Mapping[str, Any]) -> list[str]:
    counts = evaluation["counts"]
    rows = [
        f"{counts['bad']} defective, {counts['good']} good parts; AUROC {_number(evaluation['auroc'])}, "
        f"within group {_number(evaluation['auroc_within_group'])}; box recall {_number(evaluation['box_recall'])}, "
        f"precision {_number(evaluation['box_precision'])}, "
        f"false boxes per good part {_number(evaluation['false_boxes_per_good'])}.",
        "",
        "| rate | value | 95 % |",
        "|---|---|---|",
    ]
    for name, rate in evaluation["rates"].items():
        interval = "-" if rate["ci95"] is None else f"{rate['ci95'][0]:.3f} to {rate['ci95'][1]:.3f}"
        rows.append(f"| {name} | {_number(rate['value'])} | {interval} |")
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
