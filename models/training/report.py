"""What people read of a bundle: the model card and the report page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.claims import parts_needed
from edge.core.statistics import auroc, clopper_pearson
from edge.core.types import Decision
from models.audit.audit import audit_judgements
from models.audit.page import render_report
from models.audit.pictures import report_picture
from models.audit.subject import Claim, Subject
from models.audit.wording import TRAINING_CLAIM
from models.bundle import Manifest
from models.evaluation import JudgedImage, match_images
from models.postprocess import probability
from models.training.beside import Beside
from models.training.settings import PARITY_PICTURES, CardNotes

_GROUPS_MAX = 20
_LOOSEST_CLAIM = 0.05
_TITLES = {
    "photo": "Photos, each judged by a network that never saw its group",
    "virtual": "Virtual line, each part judged by a network that never saw its seed",
}

_CARD = """\
# {name}-{version}

Product: {product}. Finds {classes}. An int8 network of {parameters} parameters on {width} x {height}
pixels gives a map at stride {stride}; the mean of its {top_cells} highest cells, calibrated (Platt) at a prior of
{prior:.2f}, is the picture's defect probability. Accept below {accept_below:.4f}, reject above {reject_above:.4f};
{claim}.

## Trained on

{datasets}

{data_notes}

## Figures

From pictures whose group the judging network never saw, with the bundle's own calibration and limits. Escape: share of
defective parts accepted; overkill: share of good parts rejected. Calibration and limits were chosen on the scores of
the deciding pictures: rates of those flatter and have no interval, but for the last ones, under limits chosen without
the fold that they judge (from scores of networks that had learnt from it). Intervals are Clopper-Pearson; they take
pictures as independent, which those of one group are not. The network that ships was then fitted on all pictures; no
figure measures how it judges parts that it never saw.

{figures}
{nested}
{half_light}{teachers}

{beside}

{parity_doubt}int8 against float on {parity[pictures]} pictures, faint defects near both limits among them: 99th
percentile of the logit difference {parity[logit_difference_p99]:.3f}, largest {parity[logit_difference_max]:.3f};
{parity[accept_reject_flips]} flips between accept and reject, {parity[other_flips]} others.

## The claim

{claim_text}

{expected_text}Any claim ends when parts are no longer like those it was made on: a new model, lamp, camera or supplier.

## Limits of use

{limit_notes}

## Made with

{tools}
"""


def model_card(manifest: Manifest, metrics: Mapping[str, Any], notes: CardNotes) -> str:
    """Return the model card in Markdown."""
    decision = manifest.decision
    return _CARD.format(
        name=manifest.name,
        version=manifest.version,
        product=manifest.product,
        classes=", ".join(entry.name for entry in manifest.classes),
        parameters=metrics["parameters"],
        width=manifest.input.width,
        height=manifest.input.height,
        stride=manifest.output.stride,
        top_cells=manifest.calibration.top_cells,
        prior=manifest.calibration.prior,
        accept_below=decision.accept_below,
        reject_above=decision.reject_above,
        claim="no risk is claimed (provisional)" if manifest.provisional else "bundle.json holds the risk claim",
        datasets=_items(
            f"{one.name}: {one.pictures} pictures, fingerprint {one.sha256[:16]}" for one in manifest.datasets
        ),
        data_notes=notes.data.strip(),
        figures="\n".join(_evaluation(origin, metrics) for origin in _TITLES if f"{origin}_out_of_fold" in metrics),
        nested=_nested(metrics["nested_limits"]),
        half_light=_half_light(metrics["half_light"]),
        teachers=_teachers(metrics),
        parity=metrics["int8_against_float"],
        parity_doubt="".join(f"**{one}**\n\n" for one in _parity_doubt(metrics["int8_against_float"]["pictures"])),
        beside=_beside(metrics["beside"]),
        claim_text=_claim(manifest, metrics["limits"]["claimed"]),
        expected_text=_expected(manifest, metrics["limits"]),
        limit_notes=notes.limits.strip(),
        tools=_items(f"{tool.name} {tool.version}" for tool in manifest.tools),
    )


def _evaluation(origin: str, metrics: Mapping[str, Any]) -> str:
    novel = metrics[f"{origin}_novel"]
    unlike = (
        f"Held to be unlike the training although of its product: {novel['good_novel']} good and "
        f"{novel['bad_novel']} defective of {novel['pictures']} pictures of left-out groups. The limit was set on "
        "the good photos among them, a third beyond the farthest.\n"
        f"{_unknown_classes(novel['unknown_classes'])}\n"
    )
    chose = metrics["limits"]["chosen_on"] in {origin, "all"}
    return "\n".join([_figures(_TITLES[origin], metrics[f"{origin}_out_of_fold"], chose=chose), unlike])


def _unknown_classes(found: Mapping[str, Mapping[str, int]]) -> str:
    """Return how novelty fares on classes of which the judging network had seen no such picture."""
    if not found:
        return (
            "No class of defect was left out whole, so that nothing is known of novelty as a protection against "
            "unknown defects: count it as none."
        )
    told = "; ".join(f"{name} {_share(one['novel'], one['pictures'])}" for name, one in found.items())
    return (
        f"Classes of which the judging network had seen no such picture, and how many of them novelty tells: {told}. "
        "It is no protection against unknown defects beyond that."
    )


def _half_light(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    bad, good = found["bad"], found["good"]
    return (
        "Photos with each grey level halved (no louder noise, which a dark factory has), groups left out: AUROC "
        f"{_number(found['auroc'])}; "
        f"of {bad['pictures']} defective {bad['accept']} accepted, {bad['reject']} rejected; "
        f"of {good['pictures']} good {good['accept']} accepted, {good['reject']} rejected.\n\n"
    )


def _teachers(metrics: Mapping[str, Any]) -> str:
    student = f"AUROC of raw scores, groups left out: students {_number(metrics['auroc_of_students'])}"
    teachers = metrics["auroc_of_teachers"]
    return f"{student}, no teachers." if teachers is None else f"{student}, teachers {_number(teachers)}."


def _beside(found: Mapping[str, Any]) -> str:
    """Return what the rival without learning reaches, and what the network that ships says again, and how fast."""
    classical, repeats, latency = found["classical"], found["repeatability"], found["latency_ms"]
    if classical["reason"] is None:
        escapes, overkills = (
            f"{classical[name]['count']} of {classical[name]['n']}" for name in ("escape", "overkill")
        )
        rival = (
            "A classical detector (local median, threshold, blobs), tuned without the group that it judges, accepts "
            f"{escapes} defective and rejects {overkills} good parts."
        )
    else:
        rival = f"There is no classical baseline: {classical['reason']}."
    if repeats is None or latency is None:
        return rival
    return (
        f"{rival} The network that ships, on {repeats['flips']['n']} of these pictures, each as it is and twice moved "
        f"and lit a little differently: {repeats['flips']['count']} change their verdict, "
        f"{repeats['accept_reject']['count']} between accept and reject. From decoded pixels to verdict, on two "
        f"threads where it was trained: median {latency['p50']:.0f} ms, 99th percentile {latency['p99']:.0f} ms."
    )


def _claim(manifest: Manifest, claimed: Mapping[str, Any]) -> str:
    escape, overkill = claimed["escape"], claimed["overkill"]
    if not manifest.provisional:
        return (
            f"At most {escape['alpha']:.0%} of defective parts are accepted, with {escape['confidence']:.0%} "
            f"confidence, from the scores of {escape['parts']} independent defective parts. {TRAINING_CLAIM}"
        )
    if not escape["parts_missing"] and not overkill["parts_missing"]:
        return (
            "None: limits are placed by rule of thumb. The data does not name the independent part that each picture "
            "shows, or groups of it look like one part under several names (the data check says which), or the limits "
            "rest on drawn parts: a claim needs real and independent ones."
        )
    missing = [
        f"{side['parts_missing']} more independent {kind} parts"
        for kind, side in (("defective", escape), ("good", overkill))
        if side["parts_missing"]
    ]
    return (
        f"None: limits are placed by rule of thumb. There are {escape['parts']} independent defective parts (groups) "
        f"and {overkill['parts']} good ones; a claim of {escape['alpha']:.0%} at {escape['confidence']:.0%} confidence "
        f"still needs {' and '.join(missing)}."
    )


def _expected(manifest: Manifest, limits: Mapping[str, Any]) -> str:
    """Return what conformal risk control says of the expected escape rate; nothing where groups are not known."""
    found = limits["expected"]
    if found is None:
        return ""
    parts, alpha = found["parts"], found["alpha"]
    # The accept limit is never above the score of this rank: the lowest one where nothing is claimed.
    rank = limits["claimed"]["escape"]["rank"] or 1
    if found["score"] is None:
        wanted = f"To bring it to {alpha:.0%} takes {parts + found['parts_missing']} parts."
    else:
        loosest = probability(found["score"], manifest.calibration)
        wanted = f"At {alpha:.0%} accepting could begin below {loosest:.4f}; no limit was set by that."
    return (
        "Beside the claim, never in its place, the expected escape rate by conformal risk control (Angelopoulos et "
        f"al., arXiv 2208.02814): on average over draws of {parts} such defective parts and a next one, the next is "
        f"accepted at the limit in force with a chance of at most {rank / (parts + 1):.1%}. {wanted} It is an average: "
        "for the parts at hand the rate may be higher. It takes parts as exchangeable, and the network that ships as "
        "no worse than those that left each group out.\n\n"
    )


def report_page(
    judged: Iterable[JudgedImage],
    manifest: Manifest,
    data: str,
    *,
    pictures: Callable[[str], NDArray[np.uint8] | None],
    beside: Beside,
    compared: int,
) -> str:
    """Return the audit of out-of-fold verdicts as one self-contained HTML page.

    ``pictures`` gives the worst ones to show (height x width x 3, BGR) by name, None where they are to stay private;
    ``compared`` is on how many pictures int8 and float were compared.
    """
    claim = manifest.decision.risk_claim
    matched = match_images(replace(one, latency_ms=beside.latency_ms.get(one.entry.file)) for one in judged)
    subject = Subject(
        bundle=manifest.file_name,
        product=manifest.product,
        data=data,
        judged="Each picture was judged by a network that never saw its group; the network that ships saw all groups. "
        "Repeats and latency are of that one.",
        prior=manifest.calibration.prior,
        claim=None if claim is None else Claim(**claim.model_dump()),
        parts_needed=parts_needed(_LOOSEST_CLAIM),
        chose_limits=True,
        doubts=tuple(_parity_doubt(compared)),
    )
    audit = audit_judgements(
        matched, manifest.decision.limits(), subject, classical=beside.classical, jitter=beside.shots
    )
    by_file = {one.image.entry.file: one.image for one in matched}
    shown = {}
    for worst in (*audit.escapes.pictures, *audit.overkills.pictures):
        picture = pictures(worst.entry.file)
        if picture is not None:
            shown[worst.entry.file] = report_picture(picture, by_file[worst.entry.file])
    return render_report(audit, shown)


def _parity_doubt(compared: int) -> Iterator[str]:
    if compared < PARITY_PICTURES:
        yield (
            f"The int8 network was compared with the float one on {compared} pictures only: its settings fall short of "
            f"the {PARITY_PICTURES} that tell whether verdicts stay the same. Train again with parity.pictures = "
            f"{PARITY_PICTURES} or more before this is released."
        )


def _figures(title: str, evaluation: Mapping[str, Any], *, chose: bool) -> str:
    """Return one evaluation; its rates have intervals unless these pictures ``chose`` the limits."""
    counts = evaluation["counts"]
    summary = [
        f"{counts['bad']} defective and {counts['good']} good parts",
        f"AUROC {_number(evaluation['auroc'])}, within group {_number(evaluation['auroc_within_group'])}",
        f"box recall {_number(evaluation['box_recall'])}, precision {_number(evaluation['box_precision'])}",
        f"false boxes per good part {_number(evaluation['false_boxes_per_good'])}",
    ]
    lines = [f"### {title}", "", "; ".join(summary) + ".", "", "| rate | value | 95 % |", "|---|---|---|"]
    for name, rate in evaluation["rates"].items():
        interval = "-" if chose or rate["ci95"] is None else "{:.3f} to {:.3f}".format(*rate["ci95"])
        lines.append(f"| {name} | {_number(rate['value'])} | {interval} |")
    groups = sorted({one["group"] for one in evaluation["per_image"]})
    if len(groups) <= _GROUPS_MAX:
        lines += ["", "| group | bad: accept, reject, cannot judge | good: the same | AUROC |", "|---|---|---|---|"]
        lines += [_group(group, [one for one in evaluation["per_image"] if one["group"] == group]) for group in groups]
    return "\n".join([*lines, ""])


def _group(name: str, pictures: Sequence[Mapping[str, Any]]) -> str:
    bad = [one for one in pictures if one["truth"] == "reject"]
    good = [one for one in pictures if one["truth"] == "accept"]
    counts = [
        ", ".join(str(sum(one["verdict"] == decision.label for one in side)) for decision in Decision)
        for side in (bad, good)
    ]
    order = auroc([one["score"] for one in bad], [one["score"] for one in good])
    return f"| {name} | {counts[0]} | {counts[1]} | {_number(order)} |"


def _nested(counts: Mapping[str, Mapping[str, int]]) -> str:
    lines = ["| deciding pictures | accepted | rejected | not judged |", "|---|---|---|---|"]
    for truth, one in counts.items():
        whole = sum(one.values())
        cells = [_share(one[verdict], whole) for verdict in ("accept", "reject", "cannot_judge")]
        lines.append(f"| {truth} | {' | '.join(cells)} |")
    return (
        "### The deciding pictures again, with limits chosen without the fold that they judge\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _share(count: int, whole: int) -> str:
    interval = clopper_pearson(count, whole)
    return f"{count}/{whole}" + ("" if interval is None else " ({:.3f} to {:.3f})".format(*interval))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
