"""What ``make soak`` changes: many more examples of bad input, and every single write instead of some."""

import os

import pytest
from hypothesis import settings

EXAMPLES = int(os.environ.get("LINEGATE_SOAK_EXAMPLES", "100000"))

settings.register_profile("soak", max_examples=EXAMPLES, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the long form of the fault tests")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--soak", default=False))
