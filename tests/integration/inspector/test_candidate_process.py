"""A bundle on trial in its own process: the real one judges as the line does, a bad one is noticed and ended."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from camera.source import Frame, Timing
from deploy.active import shipped_bundle
from edge.config.schema import Recipe, View
from edge.core.policy import judge_part
from edge.inspector.capture import View as Seen
from edge.inspector.examine import examine
from edge.inspector.recipes import load_recipes
from edge.inspector.trial.candidate import (
    CandidateFailedError,
    CandidateProcess,
    CandidateRefusedError,
)
from edge.inspector.trial.protocol import Order
from models.golden import decode
from tests.support.stations import picture

RECIPES = (Recipe(id=0, name="phone", deadline_ms=10_000, views=(View(camera="top"),)),)


def order(path: Path, sha256: str | None = None) -> Order:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return Order(recipes=RECIPES, live=False, bundle=str(path), sha256=digest, nice=0)


def seen(image: np.ndarray) -> list[Seen]:
    frame = Frame(
        image=image, view="top", counter=1, arrival_ns=1, captured_ns=1, captured_utc_ms=1, timing=Timing.SIMULATED
    )
    return [Seen(camera="top", frame=frame)]


@contextmanager
def bad(behaviour: str) -> Iterator[CandidateProcess]:
    process = CandidateProcess(
        order(shipped_bundle()),
        program=(sys.executable, "-m", "tests.support.candidate_child", behaviour),
        open_s=30.0 if behaviour != "hang-at-start" else 3.0,
        answer_s=1.0,
    )
    try:
        yield process
    finally:
        process.close()


def test_it_judges_as_the_line_does_whatever_the_size_of_the_picture() -> None:
    process = CandidateProcess(order(shipped_bundle()))
    view = load_recipes(RECIPES, live=False, active=shipped_bundle())[0].views[0]
    try:
        assert process.open().pictures == len(view.bundle.golden)
        for image in (*(decode(golden, "") for golden in view.bundle.golden), picture(1), picture(2)):
            opinion = process.judge(0, seen(image))
            alone = examine(image, camera="top", judge=view.detector, quality=view.quality, limits=view.limits)
            verdict = judge_part([alone.judgement], ["top"])
            assert (opinion.decision, opinion.code) == (verdict.decision, verdict.code)
            assert opinion.score == pytest.approx(verdict.score, abs=1e-6)
    finally:
        process.close()


def test_a_view_without_a_picture_is_no_accept() -> None:
    process = CandidateProcess(order(shipped_bundle()))
    try:
        process.open()
        assert process.judge(0, [Seen(camera="top", fault=201)]).code == 201
    finally:
        process.close()


def test_a_file_that_was_exchanged_after_staging_is_refused() -> None:
    process = CandidateProcess(order(shipped_bundle(), "0" * 64))
    try:
        with pytest.raises(CandidateRefusedError, match="not the file that was staged"):
            process.open()
    finally:
        process.close()


def test_a_bundle_that_is_too_slow_for_the_recipe_is_refused() -> None:
    quick = (Recipe(id=0, name="phone", deadline_ms=102, capture_ms=100, views=(View(camera="top"),)),)
    hurried = order(shipped_bundle()).model_copy(update={"recipes": quick})
    process = CandidateProcess(hurried)
    try:
        with pytest.raises(CandidateRefusedError, match="deadline"):
            process.open()
    finally:
        process.close()


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        ("die-at-start", CandidateFailedError, "SIGSEGV"),
        ("hang-at-start", CandidateFailedError, "hangs"),
        ("refuse", CandidateRefusedError, "do not agree"),
    ],
)
def test_one_that_does_not_come_up_says_why(behaviour: str, error: type[Exception], words: str) -> None:
    with bad(behaviour) as process, pytest.raises(error, match=words):
        process.open()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [("die", "SIGSEGV"), ("leave", "code 7"), ("hang", "hangs"), ("babble", "nobody understands")],
)
def test_one_that_fails_on_a_part_says_how(behaviour: str, words: str) -> None:
    with bad(behaviour) as process:
        process.open()
        with pytest.raises(CandidateFailedError, match=words):
            process.judge(0, seen(picture(1)))
