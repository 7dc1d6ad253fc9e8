"""The figures of one class of implants as plain JSON values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from edge.core.statistics import clopper_pearson
from models.pod.curve import (
    CurvePoint,
    Observation,
    PodModel,
    Reached,
    Thresholds,
    curve_in_contrast,
    curve_in_size,
    expected_share,
    fit_pod,
    thresholds_in_contrast,
    thresholds_in_size,
)
from models.pod.errors import StudyError
from models.pod.implants import Kind
from models.pod.plans import PER_CLASS_MIN, Grid
from models.pod.study import Study
from models.pod.trials import LeftOut, Trial

_CURVES: Final = 3
_FEW_GROUPS: Final = 10
_REASONS: Final = 5


def fit_classes(study: Study) -> tuple[dict[Kind, PodModel], dict[Kind, str]]:
    """Return the model of each class, and for classes that cannot be fitted the reason."""
    models: dict[Kind, PodModel] = {}
    faults: dict[Kind, str] = {}
    for kind in study.plan:
        observations = [
            Observation(size=trial.measured.length, contrast=trial.measured.contrast, hit=trial.hit, group=trial.group)
            for trial in study.trials
            if trial.request.kind == kind
        ]
        try:
            models[kind] = fit_pod(observations, seed=study.seed)
        except StudyError as error:
            faults[kind] = str(error)
    return models, faults


def summarise_class(study: Study, kind: Kind, grid: Grid, model: PodModel | None, fault: str) -> dict[str, Any]:
    """Return everything that a report shows of one class, as JSON values."""
    trials = [trial for trial in study.trials if trial.request.kind == kind]
    left_out = [one for one in study.left_out if one.request.kind == kind]
    hits = sum(trial.hit for trial in trials)
    groups = len({trial.group for trial in trials})
    bright, dark = _of_sign(trials, 1, model), _of_sign(trials, -1, model)
    return {
        "wanted": len(trials) + len(left_out),
        "implants": len(trials),
        "hits": hits,
        "located_hits": sum(trial.hit and trial.located for trial in trials),
        "bright": bright,
        "dark": dark,
        "groups": groups,
        "left_out": {"count": len(left_out), "reasons": _reasons(left_out)},
        "warnings": [
            *_warnings(len(trials), groups),
            *_sign_warnings({"brighter": bright, "darker": dark}),
        ],
        "size_px": _range([trial.measured.length for trial in trials]),
        "width_px": _range([trial.measured.width for trial in trials]),
        "contrast": _range([trial.measured.contrast for trial in trials]),
        "contrast_to_noise": _range([trial.measured.contrast_to_noise for trial in trials]),
        "cells": _cells(trials, grid),
        "model": _model(model) if model is not None else None,
        "model_fault": fault,
        **(_curves(model, grid) if model is not None else {"at_contrast": [], "at_size": []}),
    }


def _curves(model: PodModel, grid: Grid) -> dict[str, Any]:
    contrasts = [one for one in grid.contrasts if model.contrasts[0] <= one <= model.contrasts[1]]
    sizes = [one for one in grid.sizes if model.sizes[0] <= one <= model.sizes[1]]
    drawn_contrasts, drawn_sizes = _spread(contrasts), _spread(sizes)
    return {
        "at_contrast": [
            {
                "contrast": contrast,
                **_thresholds(thresholds_in_size(model, contrast)),
                "curve": _points(curve_in_size(model, contrast)) if contrast in drawn_contrasts else None,
            }
            for contrast in contrasts
        ],
        "at_size": [
            {
                "size": size,
                **_thresholds(thresholds_in_contrast(model, size)),
                "curve": _points(curve_in_contrast(model, size)) if size in drawn_sizes else None,
            }
            for size in sizes
        ],
    }


def _spread(values: Sequence[float]) -> set[float]:
    """Return three values spread over the upper part of a grid, where something is found."""
    if len(values) <= _CURVES:
        return set(values)
    return {values[round(place)] for place in np.linspace(len(values) / 3.0, len(values) - 1, _CURVES).tolist()}


def _cells(trials: Sequence[Trial], grid: Grid) -> list[dict[str, Any]]:
    """Return hits of implants by the cell of the grid that they are nearest to as measured."""
    counts: Counter[tuple[float, float]] = Counter()
    hits: Counter[tuple[float, float]] = Counter()
    for trial in trials:
        cell = (_nearest(trial.measured.length, grid.sizes), _nearest(trial.measured.contrast, grid.contrasts))
        counts[cell] += 1
        hits[cell] += trial.hit
    return [
        {"size": size, "contrast": contrast, "implants": counts[size, contrast], "hits": hits[size, contrast]}
        for contrast in grid.contrasts
        for size in grid.sizes
    ]


def _nearest(value: float, choices: Sequence[float]) -> float:
    return min(choices, key=lambda choice: abs(np.log(choice / max(value, 1e-6))))


def _warnings(implants: int, groups: int) -> list[str]:
    warnings: list[str] = []
    if implants < PER_CLASS_MIN:
        warnings.append(f"only {implants} implants could be judged; a class needs {PER_CLASS_MIN}")
    if groups == 1:
        warnings.append("all implants lie on one part: the intervals cannot tell how parts differ")
    elif 0 < groups < _FEW_GROUPS:
        warnings.append(f"the implants lie on {groups} parts: their intervals are rough and may be too narrow")
    return warnings


def _reasons(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    counts = Counter(one.reason for one in left_out)
    return [{"reason": reason, "count": count} for reason, count in counts.most_common(_REASONS)]


def _of_sign(trials: Sequence[Trial], sign: int, model: PodModel | None) -> dict[str, Any]:
    """Return hits of the brighter (darker) implants, and the share of them that the curve of both expects."""
    chosen = [trial for trial in trials if trial.measured.sign == sign]
    expected = None
    if chosen and model is not None:
        sizes = np.array([trial.measured.length for trial in chosen])
        expected = expected_share(model, sizes, np.array([trial.measured.contrast for trial in chosen])).pod
    return {**share_of(sum(trial.hit for trial in chosen), len(chosen)), "expected": expected}


def _sign_warnings(signs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{name} implants are found {'less' if one['value'] < one['expected'] else 'more'} often than the curve "
        f"of both says ({one['count']} of {one['n']}, the curve {one['expected']:.0%}): read it by sign"
        for name, one in signs.items()
        if one["expected"] is not None and not one["ci95"][0] <= one["expected"] <= one["ci95"][1]
    ]


def _model(model: PodModel) -> dict[str, Any]:
    names = ("constant", "ln_size", "contrast", "ln_contrast")
    return {
        "coefficients": dict(zip(names, model.coefficients.tolist(), strict=True)),
        "contrast_scale": model.contrast_scale,
        "observations": model.observations,
        "groups": model.groups,
    }


def _thresholds(found: Thresholds) -> dict[str, Any]:
    low, high = found.a90_ci95
    return {
        "a50": _reached(found.a50),
        "a90": _reached(found.a90),
        "a90_95": _reached(found.a90_95),
        "a90_ci95": [_reached(low), _reached(high)],
    }


def _reached(found: Reached) -> dict[str, Any]:
    return {"value": found.value, "status": found.status, "reason": found.reason}


def _points(curve: Sequence[CurvePoint]) -> list[list[float]]:
    return [[point.at, point.pod, point.low, point.high] for point in curve]


def share_of(count: int, whole: int) -> dict[str, Any]:
    """Return count, n, their quotient and its Clopper-Pearson interval (95 %)."""
    interval = clopper_pearson(count, whole)
    return {
        "count": count,
        "n": whole,
        "value": count / whole if whole else None,
        "ci95": list(interval) if interval else None,
    }


def _range(values: Sequence[float]) -> list[float] | None:
    return [min(values), max(values)] if values else None
