from collections import Counter

import numpy as np
import pytest

from edge.core.types import Decision
from models.errors import ModelError, PictureError
from models.pod.bases import Base, in_turns, judge_clean
from models.pod.errors import StudyError
from models.pod.implants import Kind
from models.pod.judging import Judge, Judgement
from models.pod.plans import Grid
from models.pod.study import Study, run_implants
from tests.support.judges import SIGHT, always, loader, plates, seeing
from tests.support.surfaces import plate

PLAN: dict[Kind, Grid] = {
    "spot": Grid(sizes=(6.0, 12.0), contrasts=(0.03, 0.07, 0.15, 0.3), repeats=8),
    "scratch": Grid(sizes=(40.0, 80.0), contrasts=(0.03, 0.07, 0.15, 0.3), repeats=8),
}


def study_of(bases: list[Base], judge: Judge, plan: dict[Kind, Grid] = PLAN, seed: int = 0) -> Study:
    return run_implants(bases, judge_clean(bases, judge), judge, plan=plan, seed=seed)


def test_every_implant_asked_for_is_judged_or_left_out_with_its_class() -> None:
    bases = plates()
    study = study_of(bases, seeing(bases))
    assert Counter(trial.request.kind for trial in study.trials) == {"spot": 64, "scratch": 64}
    assert study.left_out == ()
    assert {trial.group for trial in study.trials} == {base.group for base in bases}


def test_hits_are_what_the_judge_sees_and_boxes_are_located() -> None:
    bases = plates()
    study = study_of(bases, seeing(bases))
    for trial in study.trials:
        if trial.measured.contrast > 1.2 * SIGHT:
            assert trial.hit
            assert trial.located
        if trial.measured.peak < 0.5 * SIGHT:
            assert not trial.hit
    assert any(trial.hit and trial.decision is Decision.CANNOT_JUDGE for trial in study.trials)


def test_a_base_that_is_not_accepted_clean_carries_no_implant() -> None:
    bases = plates()
    study = study_of(bases, seeing(bases[2:]))
    assert [result.accepted for result in study.clean] == [False, False] + [True] * 6
    assert {trial.group for trial in study.trials} == {"part1", "part2", "part3"}


def test_without_an_accepted_base_nothing_is_claimed() -> None:
    for decision in (Decision.REJECT, Decision.CANNOT_JUDGE):
        with pytest.raises(StudyError, match="none of the 8 base pictures is accepted"):
            study_of(plates(), always(decision))


def test_no_base_or_two_of_one_name_are_refused() -> None:
    with pytest.raises(StudyError, match="none was given"):
        judge_clean([], always(Decision.ACCEPT))
    with pytest.raises(StudyError, match="share a name"):
        judge_clean([*plates(1, 1), *plates(1, 1)], always(Decision.ACCEPT))


def test_an_unreadable_base_is_left_out_with_its_reason() -> None:
    def unreadable() -> np.ndarray:
        raise PictureError("broken.png holds no picture")

    bases = [*plates(), Base(name="broken.png", group="part9", load=unreadable)]
    bases.append(Base(name="tiny.png", group="part9", load=loader(np.zeros((4, 4, 3), np.uint8))))
    clean = judge_clean(bases, seeing(plates()))
    assert "broken.png holds no picture" in clean[-2].fault
    assert "too small" in clean[-1].fault
    assert not clean[-1].accepted
    assert not clean[-2].accepted


def test_a_judge_that_fails_is_no_detection() -> None:
    bases = plates()
    sees = seeing(bases)

    def failing(picture: np.ndarray) -> Judgement:
        verdict = sees(picture)
        if verdict.decision is not Decision.ACCEPT:
            raise ModelError("the network failed")
        return verdict

    study = study_of(bases, failing)
    assert len(study.trials) + len(study.left_out) == 128
    assert not any(trial.hit for trial in study.trials)
    assert study.left_out
    assert all("the network failed" in one.reason for one in study.left_out)


def test_a_judge_without_a_score_is_no_detection() -> None:
    def judge(picture: np.ndarray) -> Judgement:
        return Judgement(decision=Decision.CANNOT_JUDGE, score=None)

    assert judge_clean(plates(1, 1), judge)[0].fault == "the judge gave no score"


def test_what_no_base_has_room_for_is_left_out_with_the_reason() -> None:
    bases = plates()
    plan: dict[Kind, Grid] = {"scratch": Grid(sizes=(900.0,), contrasts=(0.1,), repeats=60)}
    study = study_of(bases, seeing(bases), plan)
    assert study.trials == ()
    assert len(study.left_out) == 60
    assert "no place for a scratch" in study.left_out[0].reason


def test_a_surface_too_dark_for_darker_defects_gets_brighter_ones() -> None:
    dark = [
        Base(name=f"{index}", group=f"{index}", load=loader(plate(level=8.0, seed=index)), region=(0, 0, 320, 240))
        for index in range(2)
    ]
    plan: dict[Kind, Grid] = {"spot": Grid(sizes=(10.0,), contrasts=(0.2,), repeats=60)}
    study = study_of(dark, seeing(dark), plan)
    assert len(study.trials) == 60
    assert {trial.measured.sign for trial in study.trials} == {1}


def test_the_seed_decides_the_study() -> None:
    bases = plates()
    judge = seeing(bases)
    plan: dict[Kind, Grid] = {"spot": Grid(sizes=(8.0,), contrasts=(0.1, 0.2), repeats=30)}
    one, again, other = (study_of(bases, judge, plan, seed) for seed in (3, 3, 4))
    assert one.trials == again.trials
    assert one.trials != other.trials


def test_parts_take_turns_however_many_pictures_they_have() -> None:
    uneven = [*plates(1, 6), *(base for base in plates(3, 1) if base.group != "part0")]
    turns = Counter(base.group for base in in_turns(uneven))
    assert turns == {"part0": 6, "part1": 6, "part2": 6}


def test_progress_runs_from_nothing_to_all() -> None:
    told: list[tuple[str, int, int]] = []
    bases = plates()
    judge = seeing(bases)
    clean = judge_clean(bases, judge, lambda *step: told.append(step))
    run_implants(bases, clean, judge, plan=PLAN, progress=lambda *step: told.append(step))
    for what, whole in (("clean base pictures", 8), ("implants", 128)):
        steps = [(done, total) for name, done, total in told if name == what]
        assert steps == [(done, whole) for done in range(whole + 1)]
