"""Whether a catalogue may be used: it fits its bundle, and its limit samples prove every rule that accepts; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.core.types import Box, Decision
from models.bundle.manifest import Manifest
from models.catalogue.judge import Assessment, JudgedRegion, novel
from models.catalogue.rules import Reason
from models.catalogue.schema import ALL, Catalogue, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """A limit sample as the station judges it.

    ``score`` is that of the verdict. It and ``assessment`` are None where the picture could not be judged at all, and
    ``trouble`` says why.
    """

    sample: Sample
    decision: Decision
    score: float | None = None
    assessment: Assessment | None = None
    trouble: str | None = None

    @property
    def regions(self) -> tuple[JudgedRegion, ...]:
        """What was found in the picture."""
        return self.assessment.regions if self.assessment else ()

    @property
    def plain_score(self) -> float | None:
        """The score without the catalogue."""
        return self.assessment.plain.score if self.assessment else None

    @property
    def as_wanted(self) -> bool:
        """Whether the verdict is the sample's; a reject sample must come out not accepted."""
        return (self.decision is Decision.ACCEPT) == (self.sample.verdict == "accept")

    def shows(self, place: int) -> bool:
        """Return whether the sample proves the rule at this place of the catalogue, from its own side.

        An accepted sample shows a blemish that the rule accepts; the other one shows a measured one that it governs and
        does not accept, being too large, too strong or one too many.
        """
        wanted = (Reason.ACCEPTED,) if self.sample.verdict == "accept" else (Reason.BEYOND_LIMITS, Reason.TOO_MANY)
        return self.as_wanted and any(
            place in region.ruling.rules and region.ruling.reason in wanted and region.size is not None
            for region in self.regions
            if _overlaps(self.sample, region.box)
        )


def misfits(catalogue: Catalogue, manifest: Manifest) -> Iterator[str]:
    """Yield every reason why a catalogue does not belong to a bundle."""
    if catalogue.product != manifest.product:
        yield f"it is for product {catalogue.product!r}, the bundle for {manifest.product!r}: name the right file"
    known = [entry.name for entry in manifest.classes]
    for rule in catalogue.rule:
        if rule.category not in {ALL, *known}:
            yield f"{rule.title}: the bundle knows no such class, only {', '.join(known)}: correct it"


def unproved(catalogue: Catalogue, judged: Sequence[JudgedSample]) -> Iterator[str]:
    """Yield every reason why limit samples do not prove a catalogue, in words that say what to do."""
    for one in judged:
        if not one.as_wanted:
            yield _misjudged(one)
    for place, rule in enumerate(catalogue.rule):
        if not rule.excuses:
            continue
        for verdict, what in (("accept", "that it just accepts"), ("reject", "that it just does not accept")):
            if not any(one.shows(place) for one in judged if one.sample.verdict == verdict):
                yield (
                    f"{rule.title}: no limit sample with verdict {verdict!r} shows a measured blemish {what}: add one "
                    "(linegate catalogue measure PICTURE shows what is found in it)"
                )


def _misjudged(one: JudgedSample) -> str:
    score = "" if one.score is None else f" at score {one.score:.4f}"
    why = "".join(f"; {text}" for text in _reasons(one))
    if one.sample.verdict == "reject":
        return f"limit sample {one.sample.picture} must not be accepted, but is{score}{why}: make the limits stricter"
    return (
        f"limit sample {one.sample.picture} must be accepted, but comes out {one.decision.label}{score}{why}: correct "
        "the rules, or take another picture"
    )


def _reasons(one: JudgedSample) -> Iterator[str]:
    if one.trouble:
        yield one.trouble
    known = one.assessment
    if known is not None and novel(known.plain.novelty):
        yield f"novelty {known.plain.novelty:.2f}: nothing of a novel picture is accepted"
    if known is not None and known.remaining is not None:
        yield f"score without the accepted blemishes {known.remaining:.4f}"
    yield from (_spelt(region) for region in one.regions)


def _spelt(region: JudgedRegion) -> str:
    size = region.size
    told = region.trouble if size is None else f"{size.length:.1f} px, {size.area} px2, contrast {size.contrast:.3f}"
    return f"{region.box.category} in {'/'.join(region.zones)}: {region.ruling.reason.value}, {told}"


def _overlaps(sample: Sample, box: Box) -> bool:
    if sample.box is None:
        return True
    x, y, width, height = sample.box
    return box.x < x + width and x < box.x + box.width and box.y < y + height and y < box.y + box.height
