"""Small pieces of HTML. Everything that is not markup already is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

from models.audit.wording import NONE, bounds, share
from models.evaluation import Rate

Html = NewType("Html", str)
"""Text that is markup already."""


def html(text: str) -> Html:
    """Return a text as markup; a number stays with its percent sign."""
    return Html(escape(text).replace(" %", "&nbsp;%"))


def paragraph(text: str, kind: str = "") -> Html:
    """Return a paragraph of plain text."""
    css = f' class="{kind}"' if kind else ""
    return Html(f"<p{css}>{html(text)}</p>")


def heading(text: str, level: int = 2) -> Html:
    """Return a heading."""
    return Html(f"<h{level}>{escape(text)}</h{level}>")


def table(head: Sequence[str], rows: Iterable[Sequence[Html]]) -> Html:
    """Return a table; cells are markup, ``<td>`` included."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return Html(f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>")


def cell(text: str) -> Html:
    """Return a cell of plain text."""
    return Html(f"<td>{html(text)}</td>")


def rate_cell(rate: Rate | None, *, wrong: bool = False) -> Html:
    """Return a cell ``3/68 = 4.4 %`` with its 95 % interval if it has one; ``wrong`` marks any count as an error."""
    if rate is None or not rate.n:
        return cell(NONE)
    css = ' class="hit"' if wrong and rate.count else ""
    interval = f" <small>{html(bounds(rate.interval))}</small>" if rate.interval else ""
    return Html(f"<td{css}>{rate.count}/{rate.n} = {html(share(rate.value))}{interval}</td>")


def joined(parts: Iterable[str]) -> Html:
    """Return pieces of markup one after the other."""
    return Html("\n".join(parts))
