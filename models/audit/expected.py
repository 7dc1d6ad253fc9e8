"""What to expect on average, beside what is claimed: conformal risk control on the judged parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.core.claims import RankLimit, conformal_risk_limit, worst_of_groups
from edge.core.types import Limits
from models.audit.answer import ESCAPE_LOOSEST
from models.audit.markup import Html, heading, joined, paragraph
from models.audit.subject import Subject
from models.audit.wording import share
from models.evaluation import InForce, JudgedImage, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRisk:
    """The accept limit at which the judged parts bound the expected escape rate, and the one in force.

    ``conformal`` is what :func:`edge.core.claims.conformal_risk_limit` gives for the independent defective parts at the
    loosest rate that any claim is made for; ``accept_below`` is in force. Both are probabilities.
    """

    conformal: RankLimit
    accept_below: float


def expected_risk(
    images: Sequence[JudgedImage], parts: Sequence[Part], limits: InForce, subject: Subject
) -> ExpectedRisk | str:
    """Return what the judged parts say, or in words why they say nothing.

    A part's score is the highest of its views, as the worst view decides; a group counts by its lowest defective part.
    """
    if not isinstance(limits, Limits):
        return "views have limits of their own, and no common scale of scores"
    if subject.trained_on or subject.trained_files or subject.commissioned_files:
        return "some of the pictures had a part in making what judges them"
    if not any(part.bad for part in parts):
        return "there is no defective part"
    scored = [
        (
            f"group {part.group}" if part.group is not None else f"part {number}",
            part.bad,
            _part_score([images[place].score for place in part.pictures]),
        )
        for number, part in enumerate(parts)
    ]
    defective = worst_of_groups(scored).defective
    return ExpectedRisk(
        conformal=conformal_risk_limit(defective, alpha=ESCAPE_LOOSEST), accept_below=limits.accept_below
    )


def expected_section(found: ExpectedRisk | str) -> Html:
    """Return the finding as a section of the report."""
    title = heading("Expected escapes, beside the claim")
    if isinstance(found, str):
        return joined([title, paragraph(f"Not to be told: {found}.")])
    return joined([title, paragraph(expected_words(found)), paragraph(_NOTE, "note")])


def expected_words(found: ExpectedRisk) -> str:
    """Return the finding in words."""
    limit, rate = found.conformal, share(found.conformal.alpha, 0)
    if limit.score is None:
        return (
            f"To keep the expected escape rate at {rate} takes {limit.parts + limit.parts_missing} independent "
            f"defective parts; these are {limit.parts}."
        )
    side = "no higher" if found.accept_below <= limit.score else "higher: on average it lets more pass"
    return (
        f"These {limit.parts} independent defective parts bound the expected escape rate at {rate} for an accept "
        f"limit of up to {limit.score:.4f}, the score of rank {limit.rank} from below; the one in force, "
        f"{found.accept_below:.4f}, is {side}."
    )


_NOTE = (
    "Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, arXiv 2208.02814, theorem 1). It is an "
    "average over draws of such parts and the next one, not a bound for the parts at hand, and no limit was set by it. "
    "It needs parts that could have come in any order (exchangeable), the groups independent, and ends where the "
    "claim does: with a new model, lamp, lens or supplier."
)


def _part_score(scores: Sequence[float | None]) -> float | None:
    """Return the highest score of a part's views; None where one has none: such a part is never accepted."""
    known = [score for score in scores if score is not None]
    return max(known) if len(known) == len(scores) else None
