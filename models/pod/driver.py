"""The whole study by one call: clean bases, implants, hairlines, curves, comparison, report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.pod.bases import Base, Progress, judge_clean
from models.pod.class_summary import fit_classes
from models.pod.comparison import RealDefect, compare_with_real
from models.pod.hairlines import PER_CONTRAST, run_hairlines
from models.pod.judging import Judge
from models.pod.plans import Plan
from models.pod.report import html_fragment
from models.pod.study import run_implants
from models.pod.summary import Provenance, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReport:
    """A finished study: its figures as JSON values, and the same as a self-contained HTML fragment."""

    summary: dict[str, Any]
    html: str


def run_study(
    bases: Sequence[Base],
    judge: Judge,
    provenance: Provenance,
    *,
    plan: Plan | None = None,
    real: Sequence[RealDefect] = (),
    hairlines_per_contrast: int = PER_CONTRAST,
    seed: int = 0,
    progress: Progress | None = None,
) -> StudyReport:
    """Run a study of the probability of detection with drawn defects.

    Args:
        bases: Good pictures of parts that training never saw; the groups name the physical parts.
        judge: From picture to verdict, thresholds frozen.
        provenance: Who judges at which thresholds, and whose pictures these are, for the reader.
        plan: Classes with sizes and contrasts; all classes by default, sized to the pictures.
        real: Labelled real defects with their hits, to be compared where sizes and contrasts overlap.
        hairlines_per_contrast: Hairlines drawn for each of nine contrasts.
        seed: Of everything random: the same seed, bases and judge give the same report.
        progress: Told what is being done, how much of it is done, and how much there is.

    Raises:
        StudyError: No base was given, or none is accepted without an implant.
    """
    clean = judge_clean(bases, judge, progress)
    study = run_implants(bases, clean, judge, plan=plan, seed=seed, progress=progress)
    hairlines = run_hairlines(bases, clean, judge, per_contrast=hairlines_per_contrast, seed=seed, progress=progress)
    models, faults = fit_classes(study)
    comparisons = compare_with_real(models, real)
    summary = summarise(study, hairlines, models, faults, comparisons=comparisons, provenance=provenance)
    return StudyReport(summary=summary, html=html_fragment(summary))
