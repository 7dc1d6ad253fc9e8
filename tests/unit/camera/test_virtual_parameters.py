import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera.virtual import VirtualParameters, parse_parameters


def test_empty_query_gives_the_defaults():
    assert parse_parameters("") == VirtualParameters()
    assert parse_parameters("?") == VirtualParameters()


def test_every_parameter_is_read():
    query = "seed=7&defects=0.5&lighting=0.8&drift=-0.1&width=640&height=360"
    expected = VirtualParameters(seed=7, defects=0.5, lighting=0.8, drift=-0.1, width=640, height=360)
    assert parse_parameters(query) == expected
    assert parse_parameters("?" + query) == expected


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sead=1", "sead"),
        ("seed=1&seed=2", "seed"),
        ("seed", "seed"),
        ("seed=", "seed"),
        ("seed=1.5", "1.5"),
        ("seed=-1", "-1"),
        ("seed=4294967296", "4294967296"),
        ("defects=1.01", "1.01"),
        ("defects=nan", "nan"),
        ("defects=many", "many"),
        ("lighting=0.04", "0.04"),
        ("lighting=inf", "inf"),
        ("lighting=1_0", "1_0"),
        ("lighting= 1", "lighting"),
        ("drift=-1.5", "-1.5"),
        ("width=0", "width"),
        ("height=1e3", "1e3"),
        ("seed=1&&defects=0.1", "unknown"),
        ("seed=" + "9" * 5000, "seed"),
    ],
)
def test_a_bad_query_is_refused_by_name(query: str, named: str):
    with pytest.raises(ValueError, match="virtual line") as refused:
        parse_parameters(query)
    assert named in str(refused.value)
    assert len(str(refused.value)) < 6000


def test_a_refusal_states_the_allowed_range():
    with pytest.raises(ValueError, match=r"from 0\.05 to 4\.0"):
        parse_parameters("lighting=5")


@pytest.mark.parametrize("values", [{"seed": True}, {"seed": 1.0}, {"defects": "0.1"}, {"drift": math.nan}])
def test_parameters_check_themselves(values: dict[str, object]):
    with pytest.raises(ValueError, match="virtual line"):
        VirtualParameters(**values)  # type: ignore[arg-type]


@given(st.text(alphabet="seddfctlightnrw=&?0123456789.-+e_ nai\x00é", max_size=40))
def test_any_text_is_parameters_or_a_value_error(query: str):
    try:
        parsed = parse_parameters(query)
    except ValueError:
        return
    assert isinstance(parsed, VirtualParameters)


@given(
    st.sampled_from(["seed", "defects", "lighting", "drift", "width", "height"]),
    st.one_of(st.integers().map(str), st.floats().map(str), st.text(max_size=8)),
)
def test_any_value_is_parameters_or_a_value_error(name: str, text: str):
    try:
        parsed = parse_parameters(f"{name}={text}")
    except ValueError:
        return
    assert getattr(parsed, name) == float(text)


def test_gain_drifts_and_stays_within_the_lights_limits():
    falling = VirtualParameters(lighting=1.0, drift=-0.5)
    assert falling.gain(0) == 1.0
    assert falling.gain(1000) == pytest.approx(0.5)
    assert falling.gain(10_000_000) == 0.05
    assert VirtualParameters(drift=1.0).gain(10_000_000) == 4.0
