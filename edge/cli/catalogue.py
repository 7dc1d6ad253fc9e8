"""``linegate catalogue``: which blemishes are accepted, proved by limit samples."""

import json as json_format
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from camera.image_file import ImageLimits, read_image
from edge.cli.common import BundleOption, CommissionedOption, Exit, JsonOption, RoiOption, explained, fail
from edge.inspector.catalogue import ViewSettings, fitted_catalogue, judge_samples
from edge.inspector.judging import Roi
from models.bundle import Bundle, read_bundle
from models.catalogue import (
    Assessment,
    Catalogue,
    CatalogueDetector,
    CatalogueError,
    JudgedRegion,
    JudgedSample,
    Rule,
    StoredCatalogue,
    unproved,
)
from models.commissioning import read_commissioned, refusals
from models.detector import Detector
from models.golden import verify_golden

app = typer.Typer(help="Which blemishes are accepted, proved by limit samples.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Which blemishes are accepted, proved by limit samples."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The catalogue, a TOML file.")],
    bundle: BundleOption,
    commissioned: CommissionedOption = None,
    roi: RoiOption = None,
    json: JsonOption = False,
) -> None:
    """Check a catalogue and judge its limit samples as the line would; every rule and sample is shown.

    Exit code 0: a station uses it; 3: a station refuses it; 1: the bundle or the commissioned file cannot be used.
    """
    with explained():
        opened = _open(bundle, commissioned, roi)
        try:
            stored, judge = fitted_catalogue(file, opened.detector, opened.settings)
        except CatalogueError as error:
            if json:
                told = {"file": str(file), "usable": False, "faults": str(error).splitlines()}
                typer.echo(json_format.dumps(told))
            fail(f"refused: {error}", Exit.REFUSED)
        judged = tuple(judge_samples(stored, judge, opened.detector, opened.settings))
    faults = tuple(unproved(stored.content, judged))
    if json:
        typer.echo(json_format.dumps(_document(file, stored, judged, faults), allow_nan=False))
    else:
        _print_catalogue(file, stored, judged)
    if faults:
        fail(
            "\n".join(["refused: limit samples do not prove it", *(f"{file}: {fault}" for fault in faults)]),
            Exit.REFUSED,
        )
    if not json:
        typer.echo(
            "usable: the limit samples prove it" if stored.content.excuses else "usable: it accepts nothing more"
        )


@app.command()
def measure(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture as the station takes it.")],
    bundle: BundleOption,
    commissioned: CommissionedOption = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", metavar="FILE", help="A catalogue, proved or not, for its zones.")
    ] = None,
    roi: RoiOption = None,
    json: JsonOption = False,
) -> None:
    """List what is found in a picture with class, zone, size and contrast, to write the limits of a catalogue from."""
    with explained():
        opened = _open(bundle, commissioned, roi)
        if catalogue is None:
            empty = Catalogue(product=opened.bundle.manifest.product, revision=1)
            judge = CatalogueDetector(opened.detector, empty, opened.settings.limits, opened.settings.rules)
        else:
            judge = fitted_catalogue(catalogue, opened.detector, opened.settings)[1]
        known = judge.assess(read_image(picture, ImageLimits()), opened.settings.roi)
    if json:
        typer.echo(json_format.dumps({"file": str(picture), **_assessed(known)}, allow_nan=False))
        return
    typer.echo(f"{picture}: score {_scores(known.detection.score, known.plain.score)}, {_found(len(known.regions))}")
    for region in known.regions:
        typer.echo(f"  {_line(region, ruled=catalogue is not None)}")
    if known.remaining is not None:
        typer.echo(f"  without the accepted blemishes: score {known.remaining:.4f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A bundle made ready, and what a view with it is judged by."""

    bundle: Bundle
    detector: Detector
    settings: ViewSettings


def _open(path: Path, commissioned: Path | None, roi: Roi | None) -> _Opened:
    bundle = read_bundle(path)
    detector = Detector.load(bundle)
    verify_golden(bundle, detector)
    if commissioned is None:
        settings = ViewSettings(limits=bundle.manifest.decision.limits(), roi=roi)
        return _Opened(bundle=bundle, detector=detector, settings=settings)
    content = read_commissioned(commissioned).content
    own = content.origin.roi if roi is None else roi
    faults = tuple(refusals(content, bundle, camera=content.origin.view or "", roi=own))
    if faults:
        fail("\n".join(["refused", *(f"{commissioned}: {fault}" for fault in faults)]), Exit.REFUSED)
    settings = ViewSettings(limits=content.limits, roi=own, rules=content.rules())
    return _Opened(bundle=bundle, detector=detector, settings=settings)


def _document(
    file: Path, stored: StoredCatalogue, judged: tuple[JudgedSample, ...], faults: tuple[str, ...]
) -> dict[str, Any]:
    content = stored.content
    return {
        "file": str(file),
        "sha256": stored.sha256,
        "usable": not faults,
        "faults": list(faults),
        "product": content.product,
        "revision": content.revision,
        "rules": [rule.model_dump(mode="json", by_alias=True) for rule in content.rule],
        "samples": [
            {
                "picture": one.sample.picture,
                "wanted": one.sample.verdict,
                "verdict": one.decision.label,
                "as_wanted": one.as_wanted,
                "score": one.score,
                "score_without": one.plain_score,
                "trouble": one.trouble,
                "found": [_region_fields(region) for region in one.regions],
            }
            for one in judged
        ],
    }


def _assessed(known: Assessment) -> dict[str, Any]:
    return {
        "score": known.detection.score,
        "score_without": known.plain.score,
        "score_remaining": known.remaining,
        "novelty": known.plain.novelty,
        "found": [_region_fields(region) for region in known.regions],
    }


def _region_fields(region: JudgedRegion) -> dict[str, Any]:
    box = region.box
    return {
        "box": [box.x, box.y, box.width, box.height],
        "score": box.score,
        "classes": list(region.classes),
        "zones": list(region.zones),
        "size": None if region.size is None else asdict(region.size),
        "trouble": region.trouble,
        "ruling": region.ruling.reason.value,
        "rules": list(region.ruling.rules),
    }


def _print_catalogue(file: Path, stored: StoredCatalogue, judged: tuple[JudgedSample, ...]) -> None:
    content = stored.content
    typer.echo(f"{file}: product {content.product}, revision {content.revision} (SHA-256 {stored.sha256[:12]}…)")
    for place, rule in enumerate(content.rule):
        shown = [f"{verdict} {_shown(place, verdict, judged)}" for verdict in ("accept", "reject") if rule.excuses]
        typer.echo(f"{rule.title}: {_limits(rule)}" + (f"; samples: {', '.join(shown)}" if shown else ""))
    for one in judged:
        mark = "as wanted" if one.as_wanted else "NOT AS WANTED"
        trouble = f" ({one.trouble})" if one.trouble else ""
        typer.echo(
            f"sample {one.sample.picture}: {one.sample.verdict} wanted, {one.decision.label} at score "
            f"{_scores(one.score, one.plain_score)}, {mark}{trouble}"
        )
        for region in one.regions:
            typer.echo(f"  {_line(region, ruled=True)}")


def _shown(place: int, verdict: str, judged: tuple[JudgedSample, ...]) -> int:
    return sum(one.sample.verdict == verdict and one.shows(place) for one in judged)


def _limits(rule: Rule) -> str:
    if rule.always_reject:
        return f"always rejects from probability {rule.always_reject_from:g}"
    if not rule.excuses:
        return "accepts nothing"
    given = (
        ("length", rule.accept_length_below_px, " px"),
        ("area", rule.accept_area_below_px, " px2"),
        ("contrast", rule.accept_contrast_below, ""),
    )
    told = " and ".join(f"{name} below {limit:g}{unit}" for name, limit, unit in given if limit is not None)
    return f"accepts {told}, at most {rule.count_max} in a picture"


def _scores(score: float | None, plain: float | None) -> str:
    told = "none" if score is None else f"{score:.4f}"
    return told if plain is None or plain == score else f"{told} ({plain:.4f} without the catalogue)"


def _found(number: int) -> str:
    return "nothing found" if not number else f"{number} found"


def _line(region: JudgedRegion, *, ruled: bool) -> str:
    box, size = region.box, region.size
    measured = (
        f"not measured: {region.trouble}"
        if size is None
        else f"length {size.length:.1f} px, area {size.area} px2, contrast {size.contrast:.3f}"
    )
    zones = f" in {'+'.join(region.zones)}" if ruled else ""
    ruling = f"; {region.ruling.reason.value}" if ruled else ""
    return (
        f"{' or '.join(region.classes)}{zones} at {box.x},{box.y} ({box.width} x {box.height}, probability "
        f"{box.score:.3f}): {measured}{ruling}"
    )
