import pytest

from edge.core.statistics import clopper_pearson
from edge.core.types import Decision
from models.pod.bases import judge_clean
from models.pod.errors import StudyError
from models.pod.hairlines import HairlineStudy, run_hairlines
from tests.support.judges import SIGHT, always, plates, seeing

CONTRASTS = (0.03, 0.06, 0.15, 0.3)


def hairlines(blind_to: int = 0, per_contrast: int = 12) -> HairlineStudy:
    """A study in which the judge does not know (and so never accepts) the first ``blind_to`` bases."""
    bases = plates(size=(400, 500))
    judge = seeing(bases[blind_to:])
    clean = judge_clean(bases, judge)
    return run_hairlines(bases, clean, judge, contrasts=CONTRASTS, per_contrast=per_contrast)


def test_what_is_seen_rises_with_contrast() -> None:
    study = hairlines()
    assert [row.contrast for row in study.rows] == list(CONTRASTS)
    shares = [row.hits / row.implants for row in study.rows]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    ranks = [row.auroc for row in study.rows]
    assert None not in ranks
    assert ranks[-1] == 1.0
    for row in study.rows:
        assert row.interval == clopper_pearson(row.hits, row.implants)
        assert row.implants + row.left_out == 12
    assert study.rows[-1].located >= 10


def test_hairlines_are_thin_long_and_of_the_contrast_asked_for() -> None:
    for row in hairlines().rows:
        assert row.width is not None
        assert 1.0 <= row.width <= 2.4
        assert row.length is not None
        assert 80.0 <= row.length <= 265.0
        assert row.measured == pytest.approx(row.contrast, rel=0.08)


def test_bases_not_accepted_count_as_false_calls_and_carry_no_hits() -> None:
    study = hairlines(blind_to=2)
    assert (study.false_calls, study.clean) == (2, 8)
    on_accepted = [trial for trial in study.trials if trial.group != "part0"]
    assert sum(row.implants for row in study.rows) == len(on_accepted) < len(study.trials)


def test_a_judge_that_tells_nothing_apart_has_an_auroc_of_one_half() -> None:
    bases = plates(size=(400, 500))
    judge = always(Decision.ACCEPT)
    study = run_hairlines(bases, judge_clean(bases, judge), judge, contrasts=(SIGHT,), per_contrast=8)
    assert study.rows[0].auroc == 0.5


def test_hairlines_fit_small_pictures() -> None:
    bases = plates(2, 1, size=(100, 120))
    judge = seeing(bases)
    row = run_hairlines(bases, judge_clean(bases, judge), judge, contrasts=(0.2,), per_contrast=10).rows[0]
    assert row.implants == 10
    assert row.length is not None
    assert row.length < 80.0


def test_a_study_of_nothing_is_refused() -> None:
    bases = plates(1, 1)
    clean = judge_clean(bases, seeing(bases))
    with pytest.raises(StudyError, match="at least one contrast"):
        run_hairlines(bases, clean, seeing(bases), per_contrast=0)
    with pytest.raises(StudyError, match="no base picture could be judged"):
        run_hairlines([], [], seeing(bases))
