"""Sections that set the bundle beside others: baselines, incumbent, people."""

from collections.abc import Iterator
from typing import Final

from models.audit.audit import Audit
from models.audit.charts import Whisker, whiskers
from models.audit.incumbent import PairedRate
from models.audit.markup import Html, cell, heading, joined, paragraph, rate_cell, table
from models.audit.people import PeopleResult
from models.audit.wording import NONE, bounds, number, several, share
from models.evaluation import Rate, join_parts, ranking, rate

_RATE_TITLES: Final = {
    "escape": "Escape: defective and accepted",
    "catch": "Catch: defective and rejected",
    "overkill": "Overkill: good and rejected",
    "not_accepted_good": "Good and not accepted",
    "abstention": "Cannot judge, all",
    "abstention_good": "Cannot judge, good",
    "abstention_bad": "Cannot judge, defective",
}
_ERRORS: Final = {"escape", "overkill"}


def rates_section(audit: Audit) -> Html:
    """Return the rates beside those of the baselines."""
    parts = join_parts(audit.classical.images)
    rivals = {name: rate(name, parts) for name in _RATE_TITLES} if parts else None
    rows = [
        [
            cell(title),
            rate_cell(audit.rates[name], wrong=name in _ERRORS),
            rate_cell(rivals[name]) if rivals else cell(NONE),
            cell(share(audit.evaluation["baselines"]["always_accept"][name], 0)),
        ]
        for name, title in _RATE_TITLES.items()
    ]
    rows.append(
        [
            cell("AUROC of pictures"),
            cell(number(audit.evaluation["auroc"])),
            cell(number(ranking(audit.classical.images))),
            cell("0.500"),
        ]
    )
    rows.append(
        [
            cell("AUROC within a group, mean"),
            cell(number(audit.evaluation["auroc_within_group"])),
            cell(number(audit.evaluation["baselines"]["classical"]["auroc_within_group"])),
            cell("0.500"),
        ]
    )
    return joined(
        [
            heading("Rates, and what simpler judges reach"),
            table(["", "this bundle (95 %)", "classical detector (95 %)", "always accept"], rows),
            *_classical_words(audit),
            *_latency_words(audit),
        ]
    )


def incumbent_section(audit: Audit) -> Html:
    """Return the comparison with the incumbent; nothing where there is none."""
    found = audit.comparison
    if found is None:
        return Html("")
    rows = [_paired_row("escapes, of defective parts", found.escapes)]
    rows.append(_paired_row("overkills, of good parts", found.overkills))
    verdict = "Releasable" if found.releasable else "Not releasable"
    return joined(
        [
            heading(f"Against the incumbent {found.incumbent}"),
            paragraph(f"{verdict}. {found.finding}"),
            table(
                ["", "both", "only this bundle", "only the incumbent", "neither", "difference", "95 %", "p"],
                rows,
            ),
            paragraph(
                "The same parts, judged by both. Difference: this bundle's share less the incumbent's, with Tango's "
                "score interval (1998); p: McNemar's exact test. The bundle is releasable where the one-sided upper "
                "bound (95 %) of the difference of escapes, Tango's and that with whole groups drawn anew, is at most "
                f"the margin of {share(found.margin)}. Parts that the bundle was trained or commissioned on are left "
                "out.",
                "note",
            ),
        ]
    )


def people_section(audit: Audit) -> Html:
    """Return what people said; nothing where nobody was asked."""
    found = audit.people
    if found is None:
        return Html("")
    judges = [*found.people, found.bundle]
    return joined(
        [
            heading("Beside people"),
            paragraph(_agreement_words(found)),
            table(
                ["", "pictures", "escape, consensus", "overkill, consensus", "escape, labels", "overkill, labels"],
                [
                    [
                        cell(one.name),
                        cell(str(one.judged)),
                        *(
                            rate_cell(value, wrong=True)
                            for value in (one.escape, one.overkill, one.true_escape, one.true_overkill)
                        ),
                    ]
                    for one in judges
                ],
            ),
            heading("Against the labels", 3),
            whiskers(
                [
                    *(_whisker(f"{one.name}: escape", one.true_escape, one is found.bundle) for one in judges),
                    *(_whisker(f"{one.name}: overkill", one.true_overkill, one is found.bundle) for one in judges),
                ]
            ),
            heading("Two by two", 3),
            table(
                ["two people", "agreement", "Cohen's kappa"],
                [
                    [cell(f"{one.first}, {one.second}"), rate_cell(one.agreeing), cell(number(one.kappa, 2))]
                    for one in found.pairs
                ],
            ),
            paragraph(
                "Pictures, not parts. Consensus: the verdict of more than half of those who judged a picture, the "
                "person measured included; ties are in no rate. Two people can only agree with their consensus: read "
                "kappa and the ties. Kappa is agreement beyond chance, 1 at best (Cohen 1960, Fleiss 1971). For the "
                "bundle a cannot judge is neither escape nor overkill.",
                "note",
            ),
        ]
    )


def _classical_words(audit: Audit) -> Iterator[Html]:
    found = audit.classical
    if found.reason is not None:
        yield paragraph(f"There is no classical baseline: {found.reason}.", "note")
        return
    settings = "; ".join(f"{setting} ({several(folds, 'fold')})" for setting, folds in found.settings)
    text = (
        "The classical detector subtracts the local median, thresholds and takes the strongest blob; setting and "
        f"threshold are tuned without the groups that it judges, and it knows no cannot judge. Chosen: {settings}."
    )
    if found.untuned:
        text += f" {several(found.untuned, 'picture')} had nothing to be tuned on and count as cannot judge."
    yield paragraph(text, "note")


def _latency_words(audit: Audit) -> Iterator[Html]:
    latency = audit.evaluation["latency_ms"]
    if latency["p50"] is not None:
        yield paragraph(
            f"From decoded pixels to verdict on the machine of this audit: median {latency['p50']:.1f} ms, "
            f"99th percentile {latency['p99']:.1f} ms."
        )


def _paired_row(name: str, found: PairedRate) -> list[Html]:
    counts = found.counts
    values = (counts.both, counts.first_only, counts.second_only, counts.neither)
    difference = counts.difference
    return [
        cell(name),
        *(cell(str(value)) for value in values),
        cell(NONE if difference is None else _signed(difference)),
        cell(bounds(found.interval)),
        cell(number(found.p_value)),
    ]


def _signed(difference: float) -> str:
    return f"{100.0 * difference:+.1f} %" if difference else share(0.0)


def _agreement_words(found: PeopleResult) -> str:
    judged = found.consensus + found.ties
    text = (
        f"{len(found.people)} people; {several(judged, 'picture')} judged by two or more, {found.consensus} with a "
        f"majority and {several(found.ties, 'tie')}."
    )
    if found.alone:
        text += f" {several(found.alone, 'picture')} judged by one person only, without a consensus."
    if len(found.people) > len(found.pairs) + 1 or found.kappa is not None:
        text += f" Fleiss' kappa over the {found.common} pictures that all judged: {number(found.kappa, 2)}."
    return text


def _whisker(name: str, value: Rate, strong: bool) -> Whisker:
    return Whisker(
        name=name,
        text=f"{value.count}/{value.n}" if value.n else NONE,
        value=value.value,
        interval=value.interval,
        strong=strong,
    )
