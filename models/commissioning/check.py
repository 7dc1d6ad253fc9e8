"""Whether a station may judge a view by a commissioned file; pure."""

from collections.abc import Iterator

from edge.core.policy import judge_view
from edge.core.types import Decision, ViewJudgement
from models.bundle import Bundle
from models.bundle.manifest import RiskClaim
from models.bundle.prints import trained_prints
from models.commissioning.commission import CHALLENGE_MIN, risk_claim
from models.commissioning.record import CommissionedFile, PictureSet
from models.preprocess import Region


def refusals(content: CommissionedFile, bundle: Bundle, *, camera: str, roi: Region | None) -> Iterator[str]:
    """Yield every reason why the rules of a file must not judge this view, in words that say what to do."""
    yield from _belongs(content, bundle, camera, roi)
    yield from _fits(content, bundle)
    bounds = bundle.manifest.decision
    if content.accept_below > bounds.accept_below or content.reject_above > bounds.reject_above:
        yield (
            f"its limits ({content.accept_below:.4f}, {content.reject_above:.4f}) are laxer than the bundle's "
            f"({bounds.accept_below:.4f}, {bounds.reject_above:.4f}): commission the view again"
        )
    yield from _proved(content, bundle)


def claim_in_force(content: CommissionedFile, bundle: Bundle) -> RiskClaim | None:
    """Return the risk that is claimed for a commissioned view.

    Rules that are nowhere laxer than the bundle keep the bundle's claim; others have their own or none.
    """
    return content.risk_claim if content.lenient else bundle.manifest.decision.risk_claim


def _belongs(content: CommissionedFile, bundle: Bundle, camera: str, roi: Region | None) -> Iterator[str]:
    origin = content.origin
    if origin.bundle_sha256 != bundle.sha256:
        yield (
            f"it belongs to bundle {origin.bundle} ({origin.bundle_sha256[:8]}), the view runs {bundle.label}: "
            "commission the view again with this bundle"
        )
    if origin.product != bundle.manifest.product:
        yield f"it is for product {origin.product!r}, the bundle for {bundle.manifest.product!r}: name the right file"
    if origin.view is not None and origin.view != camera:
        yield f"it was commissioned for view {origin.view!r}: name the file of this view, or commission it"
    if origin.roi != roi:
        yield (
            f"it was commissioned with roi {_shown(origin.roi)}, the view has {_shown(roi)}: they must be the same, "
            "commission the view again"
        )


def _fits(content: CommissionedFile, bundle: Bundle) -> Iterator[str]:
    embedding = bundle.manifest.output.embedding
    channels = embedding.channels if embedding else None
    reference, novelty = content.reference, content.novelty
    if (reference and reference.channels != channels) or (novelty and len(novelty.centre) != 2 * (channels or 0)):
        yield "it was made with another embedding than the bundle's: commission the view again"


def _proved(content: CommissionedFile, bundle: Bundle) -> Iterator[str]:
    """Yield where the rules are laxer than what the file's own challenge results allow."""
    results = content.results.challenge
    parts = len({result.part for result in results})
    accepted = [
        result.file
        for result in results
        if judge_view(
            ViewJudgement(camera="", score=result.score, novelty=result.novelty, limits=content.limits)
        ).decision
        is Decision.ACCEPT
    ]
    if accepted:
        yield f"its limits accept {len(accepted)} known defects ({accepted[0]}): commission the view again"
    if content.lenient and parts < CHALLENGE_MIN:
        yield (
            f"it is laxer than the bundle on {parts} known defects, {CHALLENGE_MIN} are the fewest: commission the "
            "view again with more challenge parts"
        )
    if not content.lenient and (content.offset < 0.0 or content.reference is not None):
        yield "it lowers scores without known defects that prove it: commission the view again with challenge parts"
    if content.risk_claim is None:
        return
    independent = min(parts, _independent(content.origin.challenge, bundle))
    if content.risk_claim != risk_claim(content.origin.goods.parts, independent):
        yield (
            f"{independent} independent known defects, which the network was not trained on, do not carry the risk "
            "that it claims: commission the view again"
        )


def _independent(challenge: PictureSet | None, bundle: Bundle) -> int:
    """Return how many parts a claim may rest on: as told, and no more than there are different, unlearnt pictures."""
    trained = trained_prints(bundle)
    if challenge is None or challenge.independent is None or challenge.prints is None:
        return 0
    if challenge.trained is None or trained is None:
        return 0
    return min(challenge.independent, len(set(challenge.prints) - trained))


def _shown(roi: Region | None) -> str:
    return "none" if roi is None else str(list(roi))
