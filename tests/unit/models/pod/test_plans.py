import pytest

from models.pod.errors import StudyError
from models.pod.implants import KINDS
from models.pod.plans import PER_CLASS_MIN, Grid, default_plan, requests_of


@pytest.mark.parametrize("diagonal", [250.0, 640.0, 2203.0, 6000.0])
def test_the_default_plan_has_every_class_and_implants_enough(diagonal: float) -> None:
    plan = default_plan(diagonal)
    assert tuple(plan) == KINDS
    for kind, grid in plan.items():
        requests = list(requests_of(kind, grid, 1))
        assert len(requests) == len(grid.sizes) * len(grid.contrasts) * grid.repeats >= PER_CLASS_MIN
        assert max(request.size for request in requests) < diagonal
        assert len({request.seed for request in requests}) == len(requests)
        brighter = sum(request.contrast > 0.0 for request in requests)
        assert 0.3 * len(requests) < brighter < 0.7 * len(requests)


def test_a_class_with_fewer_than_sixty_implants_is_refused() -> None:
    with pytest.raises(StudyError, match="at least 60"):
        Grid(sizes=(10.0, 20.0), contrasts=(0.1, 0.2), repeats=14)
    Grid(sizes=(10.0, 20.0), contrasts=(0.1, 0.2), repeats=15)
    with pytest.raises(StudyError, match="above 0"):
        Grid(sizes=(10.0,), contrasts=(0.1, -0.2), repeats=30)


def test_the_seed_decides_the_requests() -> None:
    grid = default_plan(500.0)["spot"]
    assert list(requests_of("spot", grid, 1)) == list(requests_of("spot", grid, 1))
    assert list(requests_of("spot", grid, 1)) != list(requests_of("spot", grid, 2))
