"""The page of a replay: first what it says of the candidate, then the parts on which the verdicts differ."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from edge.core.codes import describe
from edge.core.paired_evidence import ErrorKind, Weighed
from edge.core.replay import Missing, ReplayedPart, Said, count_missing, most_telling
from edge.core.types import Decision
from models.audit.markup import Html, cell, heading, html, joined, paragraph, table
from models.audit.pictures import LABELLED, PREDICTED, ReportPicture, compared_svg
from models.audit.style import STYLE
from models.audit.subject import SubjectView
from models.audit.wording import NONE, several, share_interval
from models.replay.summary import Replay

SHOWN_MAX: Final = 60
"""So many parts are shown with pictures; the JSON lists all."""

_WORDS: Final = {
    Decision.ACCEPT: "accept",
    Decision.REJECT: "reject",
    Decision.CANNOT_JUDGE: "cannot judge",
}
_UNREADABLE_SHOWN: Final = 20
_SELECTED: Final = (
    "The pictures of a station are no random sample of its parts: rejected parts and those that it could not judge are "
    "kept, of the accepted ones a small share. So no rate of this page is a rate of the shift. The comparison leans: "
    "escapes of the candidate show on all the rejected parts, escapes of the incumbent on few accepted ones; with "
    "overkill and abstentions it is the other way round."
)
_FOLDER: Final = (
    "How the parts of this folder were chosen is not known here. Pictures that a station kept in its spool "
    "are no random sample of its parts: then no rate of this page is a rate of the line, and the comparison leans "
    "against the candidate in escapes, and for it in overkill and abstentions."
)
_COMPRESSED: Final = (
    "What was recorded had been judged on the camera's own pixels, the candidate judges the stored JPEG: a score near "
    "a limit may move by that alone. To compare two bundles on equal terms, replay with the incumbent's file as well "
    "(--incumbent)."
)


def shown_parts(parts: Iterable[ReplayedPart]) -> list[ReplayedPart]:
    """Return the parts that the page shows with pictures, the most telling first."""
    return most_telling(parts)[:SHOWN_MAX]


def render_replay(replay: Replay, pictures: Mapping[str, ReportPicture]) -> str:
    """Return the page; it needs no other file and no network.

    Args:
        replay: What was found.
        pictures: The pictures of :func:`shown_parts` by their path; one that is missing is shown by its figures alone.
    """
    body = joined(
        [
            _head(replay),
            _answer(replay),
            heading("Verdicts, before and after"),
            _transitions(replay),
            _not_replayed(replay),
            _evidence(replay),
            _judges(replay),
            _cards(replay, pictures),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Replay by {html(replay.label)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def period_in_words(replay: Replay) -> str:
    """Return where the parts are from, and of which time."""
    if replay.period is None:
        return replay.source
    since, until = (
        datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        for moment in (replay.period.since_ms, replay.period.until_ms)
    )
    return f"{replay.source}, {since} to {until} UTC"


def _head(replay: Replay) -> Html:
    against = ", ".join(view.bundle for view in replay.incumbent) or "what was recorded"
    date = f"{replay.date}. " if replay.date else ""
    return Html(
        f"<header><h1>Replay by {html(replay.label)}</h1>"
        f"<p>{html(date)}{html(period_in_words(replay))}. {html(several(len(replay.parts), 'part'))} judged once more, "
        f"beside {html(against)}.</p></header>"
    )


def _answer(replay: Replay) -> Html:
    outcome = replay.outcome
    css, word = "not_yet", "Nothing is shown."
    if outcome.worse:
        css, word = "no", "Worse."
    elif outcome.releasable:
        css, word = "yes", "Not shown to be worse."
    differing = outcome.table.differing
    return Html(
        f'<section class="answer {css}"><h2>Is the candidate worse than the incumbent?</h2>'
        f'<p class="word">{html(word)}</p><p>{html(outcome.reason)}. '
        f"{html(several(differing, 'verdict'))} of {outcome.table.total} differ.</p></section>"
    )


def _transitions(replay: Replay) -> Html:
    found = replay.outcome.table
    rows = [
        [
            cell(f"incumbent: {_WORDS[before]}"),
            *(_count_cell(found.count(before, after), differs=before is not after) for after in Decision),
        ]
        for before in Decision
    ]
    return table(["", *(f"candidate: {_WORDS[after]}" for after in Decision)], rows)


def _count_cell(count: int, *, differs: bool) -> Html:
    return Html(f'<td class="hit">{count}</td>') if differs and count else cell(str(count))


def _not_replayed(replay: Replay) -> Html:
    if replay.period is None:
        return paragraph(_FOLDER, "note")
    counted = count_missing(replay.missing)
    rows = [[cell(why.in_words), cell(str(counted[why.value]))] for why in Missing if counted[why.value]]
    pieces = [
        heading("What is not in it", 3),
        paragraph(
            f"{several(len(replay.missing), 'recorded part')} could not be replayed"
            + (f", {replay.missing_defective} of them known to be defective." if replay.missing_defective else ".")
        ),
        table(["reason", "parts"], rows) if rows else Html(""),
        *(
            paragraph(f"session {one.session}, trigger {one.trig}: {one.detail}", "note")
            for one in [one for one in replay.missing if one.why is Missing.UNREADABLE][:_UNREADABLE_SHOWN]
        ),
        paragraph(_SELECTED, "note"),
    ]
    if replay.other_recipes:
        pieces.append(paragraph(f"Parts of other recipes, left out: {replay.other_recipes}.", "note"))
    if not replay.incumbent:
        pieces.append(paragraph(_COMPRESSED, "note"))
    return joined(pieces)


def _evidence(replay: Replay) -> Html:
    outcome = replay.outcome
    left_out = len(replay.parts) - outcome.compared
    return joined(
        [
            heading("The paired comparison"),
            paragraph(
                f"{several(outcome.compared, 'part')} compared"
                + (
                    f"; {left_out} left out, whose recorded verdict was not the model's (a deadline, the camera, a "
                    "canary), or which the candidate was made with."
                    if left_out
                    else "."
                )
            ),
            table(
                ["error", "parts", "candidate alone", "incumbent alone", "both", "p, one look", "e-value, worse"],
                [_weighed_row(one, outcome.p_values[one.error]) for one in outcome.balance.weighed],
            ),
            paragraph(
                "Only parts on which one of the two errs and the other does not tell which is worse. p is the chance "
                "of so many errors of the candidate alone if it were not worse; up to 0.05 it counts as worse. Each "
                "part counts as a finding of its own: of many with one and the same mark, p promises too much."
                + (
                    f" Differing verdicts: {share_interval(outcome.balance.disagreement)} of parts like these."
                    if outcome.compared
                    else ""
                ),
                "note",
            ),
            paragraph(f"Mind this: {outcome.balance.leaning}.", "note") if outcome.balance.leaning else Html(""),
        ]
    )


def _weighed_row(one: Weighed, p_value: float) -> Sequence[Html]:
    counts = one.counts
    return [
        cell({ErrorKind.ESCAPE: "escape", ErrorKind.OVERKILL: "overkill"}.get(one.error, "cannot judge")),
        cell(f"{counts.total} {one.error.kind}"),
        _count_cell(counts.first_only, differs=True),
        cell(str(counts.second_only)),
        cell(str(counts.both)),
        cell(f"{p_value:.3g}" if counts.total else NONE),
        cell(f"{one.e_worse:.3g}" if counts.total else NONE),
    ]


def _judges(replay: Replay) -> Html:
    rows = [_judge_row("candidate", view) for view in replay.views]
    rows += [_judge_row("incumbent", view) for view in replay.incumbent]
    rows += [
        [cell("recorded"), cell(NONE), cell(f"{sha256[:12]}, {several(count, 'picture')}"), cell(NONE)]
        for sha256, count in ({} if replay.incumbent else replay.bundles).items()
    ]
    return joined([heading("What judged", 3), table(["", "view", "bundle", "limits"], rows)])


def _judge_row(role: str, view: SubjectView) -> Sequence[Html]:
    limits = f"accept below {view.limits.accept_below:.4f}, reject above {view.limits.reject_above:.4f}"
    other = "" if view.limits == view.bundle_limits else " (not the bundle's own)"
    return [cell(role), cell(view.name or NONE), cell(view.bundle), cell(f"{limits}{other}")]


def _cards(replay: Replay, pictures: Mapping[str, ReportPicture]) -> Html:
    differing = most_telling(replay.parts)
    title = "Parts on which the verdicts differ"
    if not differing:
        return joined([heading(title), paragraph("None.")])
    shown = shown_parts(replay.parts)
    key = (
        f'<p class="note key"><span style="border-color:{LABELLED};border-top-style:dashed"></span>incumbent '
        f'<span style="border-color:{PREDICTED}"></span>candidate</p>'
    )
    more = f"The {len(shown)} most telling of {len(differing)}." if len(shown) < len(differing) else ""
    cards = "".join(_card(part, pictures) for part in shown)
    return joined([heading(title), paragraph(more), Html(key), Html(f'<div class="cards">{cards}</div>')])


def _card(part: ReplayedPart, pictures: Mapping[str, ReportPicture]) -> str:
    views = "".join(
        compared_svg(pictures[one.file], one.incumbent, one.candidate, one.file)
        for one in part.pictures
        if one.file in pictures
    )
    truth = f"; in truth {'defective' if part.defective else 'good'} ({part.source})" if part.truth else ""
    numbers = f" (session {part.session}, trigger {part.trig})" if part.session is not None else ""
    return (
        f'<div class="card"><div class="views">{views}</div><p><b>{html(part.name or "unnamed")}</b>{html(numbers)}: '
        f"{html(_said(part.incumbent))} &rarr; {html(_said(part.candidate))}{html(truth)}</p></div>"
    )


def _said(said: Said) -> str:
    why = "" if said.decision is Decision.ACCEPT else f", {describe(said.code)}"
    score = "" if said.score is None else f" ({said.score:.3f}{why})"
    return f"{_WORDS[said.decision]}{score or (f' ({why[2:]})' if why else '')}"
