"""Sections on the scores themselves: where they lie, group by group, whether they are calibrated and repeat."""

from collections.abc import Iterator, Sequence
from typing import Final

from edge.core.statistics import Interval
from edge.core.types import Limits
from models.audit.audit import Audit
from models.audit.charts import Strip, reliability_chart, score_histogram, score_strips
from models.audit.markup import Html, cell, heading, joined, paragraph, rate_cell, table
from models.audit.prior import PER, Expected
from models.audit.repeat import BAND, GAIN, NOISE_LEVELS, SHIFT_PIXELS, Repeatability
from models.audit.tables import GroupRow
from models.audit.wording import NONE, end_of_share, number, share
from models.evaluation import JudgedImage

_GROUPS_SHOWN: Final = 30
_THREE_DIGITS: Final = 100.0
"""From here on counts have no decimal: three digits are enough."""


def scores_section(audit: Audit) -> Html:
    """Return the histogram of scores with the limits, then one strip for each group."""
    without = sum(image.score is None for image in audit.images)
    shown = _gravest(audit.groups)
    pieces: list[str] = [heading("Scores and limits")]
    for title, images, limits in _by_limits(audit):
        pieces += [heading(title, 3)] if title else []
        pieces.append(score_histogram(_scores(images, bad=True), _scores(images, bad=False), limits))
        if shown:
            pieces += [
                heading(f"Do the limits travel? Each group by itself{f', {title}' if title else ''}", 3),
                score_strips([_strip(row.name, images) for row in shown], limits),
            ]
    if without:
        pieces.append(paragraph(f"{without} pictures have no score and are not drawn.", "note"))
    if len(shown) < len(audit.groups):
        pieces.append(paragraph(_left_out(len(shown), len(audit.groups)), "note"))
    return joined(pieces)


def tables_section(audit: Audit) -> Html:
    """Return the tables by group and by class of defect; nothing where there is neither."""
    pieces: list[str] = []
    if audit.classes:
        pieces += [
            heading("By class of defect"),
            table(
                ["class", "escape", "catch", "cannot judge", "labelled boxes found"],
                [
                    [
                        cell(row.name),
                        rate_cell(row.escape, wrong=True),
                        rate_cell(row.catch),
                        rate_cell(row.abstention),
                        rate_cell(row.boxes),
                    ]
                    for row in audit.classes
                ],
            ),
            paragraph("A part with boxes of several classes counts for each of them.", "note"),
        ]
    if audit.groups:
        shown = _gravest(audit.groups)
        pieces += [
            heading("By group"),
            table(
                ["group", "escape", "overkill", "cannot judge", "AUROC"],
                [
                    [
                        cell(row.name),
                        rate_cell(row.escape, wrong=True),
                        rate_cell(row.overkill, wrong=True),
                        rate_cell(row.abstention),
                        cell(number(row.auroc)),
                    ]
                    for row in shown
                ],
            ),
        ]
        if len(shown) < len(audit.groups):
            pieces.append(paragraph(_left_out(len(shown), len(audit.groups)), "note"))
    return joined(pieces)


def calibration_section(audit: Audit) -> Html:
    """Return the reliability of the probabilities, and what another prior does to them."""
    found = audit.reliability
    pieces: list[str] = [heading("Do the probabilities mean what they say?")]
    if found is None:
        pieces.append(
            paragraph("Not to be told: that needs pictures of both verdicts and a stated prior between 0 and 1.")
        )
    else:
        rows = [
            [cell(_range(one.low, one.high)), cell(end_of_share(one.mean)), rate_cell(one.defective)]
            for one in found.bins
        ]
        pieces += [
            '<div class="beside"><div>',
            reliability_chart(found.bins),
            "</div><div>",
            table(["stated probability", "mean", "found defective"], rows),
            paragraph(
                f"Expected calibration error {share(found.expected_error)} over {found.pictures} pictures, "
                f"{len(found.bins)} bins of equally many. Probabilities are restated from the bundle's prior of "
                f"{share(found.stated_prior)} defective to the {share(found.share)} of these pictures. With few "
                "pictures the error is above 0 for a perfect model too.",
                "note",
            ),
            "</div></div>",
        ]
    return joined([*pieces, _priors(audit)])


def repeat_section(audit: Audit) -> Html:
    """Return how often verdicts change between shots."""
    if not audit.repeats:
        text = (
            "Not measured: every view was shot once. --repeat 3 judges each picture three more times, moved and lit a "
            "little differently."
        )
        return joined([heading("Would it say the same again?"), paragraph(text)])
    pieces: list[str] = [heading("Would it say the same again?")]
    for one in audit.repeats:
        pieces += _repeat_pieces(one)
    return joined(pieces)


def _by_limits(audit: Audit) -> Iterator[tuple[str, Sequence[JudgedImage], Limits]]:
    """Yield the pictures that are judged by the same limits, under a title where there are several such sets."""
    if isinstance(audit.limits, Limits):
        yield "", audit.images, audit.limits
        return
    for view, limits in audit.limits.items():
        yield f"view {view}", [image for image in audit.images if image.entry.view == view], limits


def _scores(images: Sequence[JudgedImage], *, bad: bool) -> tuple[float, ...]:
    return tuple(image.score for image in images if image.bad == bad and image.score is not None)


def _strip(name: str, images: Sequence[JudgedImage]) -> Strip:
    own = [image for image in images if image.entry.group == name]
    return Strip(name=name, bad=_scores(own, bad=True), good=_scores(own, bad=False))


def _gravest(groups: Sequence[GroupRow]) -> tuple[GroupRow, ...]:
    """Return the groups that fit the page, those with escapes first, then with overkills, then the largest."""

    def weight(row: GroupRow) -> tuple[int, int, int, str]:
        return (-row.escape.count, -row.overkill.count, -(row.escape.n + row.overkill.n), row.name)

    return tuple(sorted(groups, key=weight)[:_GROUPS_SHOWN])


def _left_out(shown: int, groups: int) -> str:
    return (
        f"{shown} of {groups} groups are shown: those with escapes first, then those with overkills, then the largest. "
        "metrics.json holds all."
    )


def _priors(audit: Audit) -> Html:
    if not audit.priors:
        prior = audit.subject.prior
        stated = "no prior for all views" if prior is None else f"a prior of {share(prior)} defective parts"
        return paragraph(f"There is {stated}, from which nothing can be restated.")
    rows = [
        [
            cell(("stated: " if place == 0 else "asked for: ") + share(one.prior, 2)),
            cell(number(one.accept_below, 4)),
            cell(number(one.reject_above, 4)),
            cell(_expected(one.escapes)),
            cell(_expected(one.overkills)),
            cell(_expected(one.abstentions)),
            cell(_shipped(one.shipped_defective, one.shipped_interval)),
        ]
        for place, one in enumerate(audit.priors)
    ]
    head = [
        "defective parts",
        "accept below",
        "reject above",
        "escapes",
        "overkills",
        "cannot judge",
        "shipped defective",
    ]
    advice = "" if len(audit.priors) > 1 else " --prior 0.02 shows the same where 2 % are defective."
    return joined(
        [
            heading(f"Expected among {PER} parts", 3),
            table(head, rows),
            paragraph(
                "The rates found here, at each share of defective parts; the limits are restated as probabilities, the "
                "verdicts are the same. Shipped defective: of the accepted parts. Ranges follow from the intervals of "
                f"the rates.{advice}",
                "note",
            ),
        ]
    )


def _shipped(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return NONE
    return f"{share(value, 2)} ({share(interval[0], 2)} to {share(interval[1], 2)})"


def _range(low: float, high: float) -> str:
    ends = end_of_share(low), end_of_share(high)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _expected(found: Expected | None) -> str:
    if found is None:
        return NONE
    digits = 1 if found.interval[1] < _THREE_DIGITS else 0
    return f"{found.count:.{digits}f} ({found.interval[0]:.{digits}f} to {found.interval[1]:.{digits}f})"


def _repeat_pieces(one: Repeatability) -> list[str]:
    how = (
        f"Views that were really shot again, {one.shots} times or more."
        if one.source == "repeated"
        else f"Each picture judged as it is and {one.shots - 1} more times: moved by up to {SHIFT_PIXELS:g} px, "
        f"{share(GAIN, 0)} brighter or darker, with noise of {NOISE_LEVELS:g} grey level."
    )
    return [
        paragraph(how),
        table(
            [
                "verdict changes",
                "accepted and rejected",
                "defective, accepted in some shots only",
                "changes near a limit",
            ],
            [
                [
                    rate_cell(one.flips),
                    rate_cell(one.accept_reject, wrong=True),
                    rate_cell(one.hidden_escapes, wrong=True),
                    rate_cell(one.near_flips),
                ]
            ],
        ),
        paragraph(
            f"Near: a score within {BAND} of a limit. Between shots a score moves by {one.spread_median:.3f} (median), "
            f"{one.spread_p95:.3f} (95th percentile)."
            + (f" Most changing: {', '.join(one.flipped)}." if one.flipped else ""),
            "note",
        ),
    ]
