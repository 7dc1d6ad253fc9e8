"""``linegate commission``: what a product's good parts look like at this station, proved on known defects."""

import json as json_format
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge.cli.commission_remarks import first_unused, remarks_on
from edge.cli.common import BundleOption, Exit, JsonOption, RoiOption, explained, fail
from edge.cli.progress import shown
from edge.inspector.commissioning import Observed, list_challenge, list_goods, observe, refuse_shared
from edge.inspector.judging import Roi
from edge.inspector.station import software_version
from models.bundle import Bundle, read_bundle
from models.commissioning import CommissionedFile, CommissioningRefusedError, write_commissioned
from models.commissioning.commission import FEWEST_PARTS, GOODS_MIN, Network
from models.commissioning.commission import commission as learn_and_prove
from models.commissioning.record import VIEW_NAME_MAX, Counts, Origin, recorded
from models.commissioning.storage import StoredCommissioning, refuse_existing
from models.detector import Detector
from models.golden import verify_golden

_NAMED: Final = 10
_PRINTS: Final = {"goods": {"prints"}, "challenge": {"prints"}}


def commission(
    bundle: BundleOption,
    goods: Annotated[
        Path, typer.Option("--goods", metavar="DIR", help="Good parts: a COCO folder, or any folder of pictures.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The commissioned file to write.")],
    challenge: Annotated[
        Path | None, typer.Option("--challenge", metavar="DIR", help="Parts with known defects: a COCO folder.")
    ] = None,
    view: Annotated[
        str | None,
        typer.Option("--view", metavar="NAME", help="The camera whose view it is: a recipe takes no file without."),
    ] = None,
    roi: RoiOption = None,
    minimum_goods: Annotated[
        int, typer.Option("--minimum-goods", min=FEWEST_PARTS, help="Distinct good parts needed.")
    ] = GOODS_MIN,
    accept_below: Annotated[
        float | None, typer.Option("--accept-below", min=0.0, max=1.0, help="A stricter accept limit than is found.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json: JsonOption = False,
) -> None:
    """Set what belongs on a product's parts, its score offset and limits; refused if a known defect would pass.

    Exit code 0: written; 3: refused, nothing written; 1: the pictures, the bundle or the file cannot be used.
    """
    if view is not None and not 0 < len(view) <= VIEW_NAME_MAX:
        fail(f"--view: write the name of the view, {VIEW_NAME_MAX} characters at most", Exit.USAGE)
    with explained():
        try:
            refuse_existing(out, replace=force)
            loaded = read_bundle(bundle)
            listed = list_goods(goods, view), list_challenge(challenge, view) if challenge else ()
            detector = Detector.load(loaded)
            verify_golden(loaded, detector)
            good, known = (
                observe(detector, some, roi, partial(shown, total=len(some), what=what, hidden=json))
                for some, what in zip(listed, ("goods", "known defects"), strict=True)
            )
            _refuse_few(good, minimum_goods)
            refuse_shared(good, known)
            network = Network(manifest=loaded.manifest, quantisation=detector.quantisation)
            found = learn_and_prove(network, good.observations, known.observations, accept_below=accept_below)
            origin = _origin(loaded, good, known if challenge else None, view=view, roi=roi)
            remarks = tuple(remarks_on(loaded, found, good, known, view=view))
            content = recorded(found, origin, detector.embedding_quantisation, remarks)
            stored = write_commissioned(out, content, replace=force)
        except CommissioningRefusedError as error:
            fail(f"refused, nothing is written: {error}", Exit.REFUSED)
    for remark in remarks:
        typer.echo(f"warning: {remark}", err=True)
    if json:
        typer.echo(json_format.dumps(_summary(out, stored), allow_nan=False))
        return
    _print(out, stored, bundle)


def _refuse_few(goods: Observed, minimum: int) -> None:
    if goods.parts >= minimum:
        return
    reasons = [f"{len(goods.unused)} cannot be used ({first_unused(goods.unused)})"] if goods.unused else []
    if len(goods.observations) > goods.parts:
        reasons.append("several pictures of one part, and frames that are nearly the same, count once")
    raise CommissioningRefusedError(
        f"{goods.parts} distinct good parts in {goods.listed} pictures, {minimum} are needed"
        + "".join(f"; {reason}" for reason in reasons)
        + ": take pictures of more parts, each laid down anew"
    )


def _origin(
    bundle: Bundle, goods: Observed, challenge: Observed | None, *, view: str | None, roi: Roi | None
) -> Origin:
    return Origin(
        bundle=bundle.manifest.file_name,
        bundle_sha256=bundle.sha256,
        product=bundle.manifest.product,
        view=view,
        roi=roi,
        software=software_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        goods=goods.described(),
        challenge=challenge.described() if challenge else None,
    )


def _summary(out: Path, stored: StoredCommissioning) -> dict[str, Any]:
    content = stored.content
    known = content.model_dump(mode="json", exclude={"reference": True, "novelty": True, "origin": _PRINTS})
    places = len(content.reference.logits) if content.reference else 0
    return {"file": str(out), "sha256": stored.sha256, "expected_places": places, **known}


def _print(out: Path, stored: StoredCommissioning, bundle: Path) -> None:
    content: CommissionedFile = stored.content
    origin, results = content.origin, content.results
    typer.echo(f"{out}: SHA-256 {stored.sha256}")
    typer.echo(
        f"goods: {origin.goods.parts} distinct parts in {origin.goods.used} pictures; left out in turn "
        f"{_spelt(results.goods)} (by the bundle alone {_spelt(results.goods_by_bundle)})"
    )
    if results.not_accepted:
        more = ", …" if len(results.not_accepted) > _NAMED else ""
        typer.echo(f"not accepted: {', '.join(results.not_accepted[:_NAMED])}{more}")
    known = len({result.part for result in results.challenge})
    typer.echo(f"known defects: {known} distinct parts, none accepted" if known else "known defects: none shown")
    places = f"{len(content.reference.logits)} places" if content.reference else "nothing"
    typer.echo(
        f"offset {content.offset:+.2f} logits, accept below {content.accept_below:.4f}, reject above "
        f"{content.reject_above:.4f}, expected on the part: {places}"
    )
    typer.echo(f"risk claim: {_claimed(content)}")
    if origin.view is None:
        return
    entry = f'camera = "{origin.view}", bundle = "{bundle.resolve()}", commissioned = "{out.resolve()}"'
    typer.echo(f"views = [{{ {entry} }}]")


def _claimed(content: CommissionedFile) -> str:
    claim = content.risk_claim
    if claim is None:
        return "none" if content.lenient else "the bundle's, if it has one"
    return (
        f"at most {100 * claim.escape_upper:g} % of defective parts accepted, at {100 * claim.confidence:g} % "
        f"confidence, from {claim.defective_parts} parts"
    )


def _spelt(counts: Counts) -> str:
    return f"{counts.accept} accepted, {counts.reject} rejected, {counts.cannot_judge} not judged"
