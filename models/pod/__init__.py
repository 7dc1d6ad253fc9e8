"""Synthetic probability of detection: drawn defects of known size and contrast, and which of them are found.

The renderers here are a family of their own. Training never imports them, so that a network is judged on defects whose
drawing it has not learnt. Start at :func:`run_study`.
"""

from models.pod.bases import Base, Progress
from models.pod.comparison import RealDefect, compare_with_real
from models.pod.driver import StudyReport, run_study
from models.pod.errors import ImplantError, StudyError
from models.pod.implants import KINDS, Implant, Kind, Request, implant
from models.pod.judging import Judge, Judgement
from models.pod.measure import Measurement, measure, measure_labelled
from models.pod.plans import Grid, default_plan
from models.pod.summary import Provenance

__all__ = [
    "KINDS",
    "Base",
    "Grid",
    "Implant",
    "ImplantError",
    "Judge",
    "Judgement",
    "Kind",
    "Measurement",
    "Progress",
    "Provenance",
    "RealDefect",
    "Request",
    "StudyError",
    "StudyReport",
    "compare_with_real",
    "default_plan",
    "implant",
    "measure",
    "measure_labelled",
    "run_study",
]
