"""The report as one self-contained page: first the answer, then what it rests on."""

from collections.abc import Mapping, Sequence
from typing import Final

from models.audit.answer import Trust, Weight
from models.audit.audit import Audit
from models.audit.cases import worst_cases
from models.audit.expected import expected_section
from models.audit.markup import Html, cell, heading, html, joined, paragraph, table
from models.audit.pictures import ReportPicture
from models.audit.rivals import incumbent_section, people_section, rates_section
from models.audit.scores import calibration_section, repeat_section, scores_section, tables_section
from models.audit.style import STYLE
from models.audit.subject import SubjectView
from models.audit.wording import NONE, bounds, counted, number, several, share
from models.evaluation import Rate

_WORDS: Final = {
    Trust.YES: "Yes, for parts like these.",
    Trust.NOT_YET: "Not yet.",
    Trust.NO: "No.",
}
_WEIGHTS: Final = {Weight.AGAINST: "against", Weight.OPEN: "open", Weight.FOR: "in favour"}
_HASH_SHOWN: Final = 12
_ENDS: Final = (
    "Every figure, and any claim, ends where the parts stop being like these: a new product model, another lamp, "
    "lens or camera position, a new supplier or process. Then audit again, with parts from the changed line."
)


def render_report(audit: Audit, pictures: Mapping[str, ReportPicture]) -> str:
    """Return the report as one HTML page that needs no other file and no network.

    Args:
        audit: What was found.
        pictures: The pictures of ``audit.escapes`` and ``audit.overkills`` by their file name; one that is missing is
            shown by its figures alone.
    """
    subject = audit.subject
    body = joined(
        [
            _head(audit),
            _answer(audit),
            _tiles(audit),
            paragraph(_ENDS),
            _judged_by(audit.subject.views),
            rates_section(audit),
            scores_section(audit),
            tables_section(audit),
            calibration_section(audit),
            expected_section(audit.expected),
            incumbent_section(audit),
            people_section(audit),
            repeat_section(audit),
            worst_cases(audit.escapes, audit.limits, pictures),
            worst_cases(audit.overkills, audit.limits, pictures),
            _definitions(),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Audit of {html(subject.bundle)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _head(audit: Audit) -> Html:
    subject, counts = audit.subject, audit.evaluation["counts"]
    date = f"{subject.date}. " if subject.date else ""
    parts = f"{several(counts['parts'], 'part')}: {counts['bad']} defective, {counts['good']} good"
    groups = several(len(audit.groups), "group") if audit.groups else "no groups"
    pictures = f"{several(counts['images'], 'picture')}, {groups}"
    return Html(
        f"<header><h1>Audit of {html(subject.bundle)}</h1>"
        f"<p>{html(date)}Product {html(subject.product)}. Judged on {html(subject.data)}: {parts}; {pictures}. "
        f"{html(subject.judged)}</p></header>"
    )


def _answer(audit: Audit) -> Html:
    found = audit.answer
    word = _WORDS[found.trust]
    if found.trust is Trust.NOT_YET and audit.subject.claim is None:
        word = "Not yet: provisional."
    reasons = "".join(
        f'<li><b class="{one.weight.value}">{_WEIGHTS[one.weight]}</b>{html(one.text)}</li>' for one in found.reasons
    )
    return Html(
        f'<section class="answer {found.trust.value}"><h2>Can I trust this model?</h2>'
        f'<p class="word">{html(word)}</p><ul class="reasons">{reasons}</ul></section>'
    )


def _tiles(audit: Audit) -> Html:
    rates, interval = audit.rates, audit.auroc_interval
    spread = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "cannot be told"
    return Html(
        '<div class="tiles">'
        + _rate_tile("Escapes", rates["escape"], "defective parts accepted")
        + _rate_tile("Overkill", rates["overkill"], "good parts rejected")
        + _rate_tile("Cannot judge", rates["abstention"], "parts")
        + _tile("AUROC", number(audit.evaluation["auroc"]), "how well scores rank", f"groups drawn anew: {spread}")
        + "</div>"
    )


def _rate_tile(name: str, rate: Rate, what: str) -> str:
    if not rate.n:
        return _tile(name, share(None), f"no {what.partition(' ')[0]} part", "")
    spread = f"95 %: {bounds(rate.interval)}" if rate.interval else "no interval: they chose the limits"
    return _tile(name, share(rate.value), f"{counted(rate)} {what}", spread)


def _tile(name: str, value: str, detail: str, spread: str) -> str:
    return (
        f'<div class="tile"><div class="name">{html(name)}</div><div class="value">{html(value)}</div>'
        f'<div class="detail">{html(detail)}<br>{html(spread)}</div></div>'
    )


def _judged_by(views: Sequence[SubjectView]) -> Html:
    """Return what the pictures of each view were judged by; nothing where the bundle alone did."""
    if not views:
        return Html("")
    rows = [
        [
            cell(view.name or NONE),
            cell(view.bundle),
            cell(_limit(view.limits.accept_below, view.bundle_limits.accept_below)),
            cell(_limit(view.limits.reject_above, view.bundle_limits.reject_above)),
            cell(str(list(view.roi)) if view.roi else "whole picture"),
            cell(_file(view.commissioned)),
            cell(_file(view.catalogue) + (", accepts blemishes" if view.excuses else "")),
        ]
        for view in views
    ]
    head = ["view", "bundle", "accept below", "reject above", "region", "commissioned file", "catalogue"]
    return joined(
        [
            heading("What judged the pictures"),
            table(head, rows),
            paragraph("Files are named by the first digits of their SHA-256.", "note"),
        ]
    )


def _limit(in_force: float, bundle: float) -> str:
    return f"{in_force:.4f}" + (f" (bundle {bundle:.4f})" if in_force != bundle else "")


def _file(sha256: str | None) -> str:
    return NONE if sha256 is None else sha256[:_HASH_SHOWN]


def _definitions() -> Html:
    return joined(
        [
            "<footer>",
            heading("How to read this", 3),
            paragraph(
                "Parts are counted, not pictures: views of one part share its verdict, and the worst view decides. A "
                "picture that cannot be read counts as cannot judge and stays in every denominator. Intervals in "
                "tables are Clopper-Pearson at 95 %; they take parts as independent, which parts of one group are not: "
                "the group bootstrap in metrics.json is the wider truth; it is null where no draw differs, as with no "
                "error at all, which is not certainty. Scores are calibrated defect probabilities; "
                "AUROC is the chance that a defective picture scores above a good one. Limits are those in force and "
                "were not fitted here.",
                "note",
            ),
            "</footer>",
        ]
    )
