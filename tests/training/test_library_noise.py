"""What libraries say for nothing is dropped by its words; whatever else anybody says is heard."""

import logging
import os
import warnings

import pytest

from models.training.library_noise import silence_libraries

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "LITERT_TORCH_SHOW_PROGRESS", "TQDM_DELAY"):
        monkeypatch.setenv(name, "as it was")
    for name in ("torchao", "torch.utils._pytree"):
        monkeypatch.setattr(logging.getLogger(name), "filters", [])


def test_only_what_is_known_to_be_harmless_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        silence_libraries()
    logging.getLogger("torchao").warning("Failed to load /x/_C_mxfp8.so: Could not load this library")
    logging.getLogger("torchao").warning("Your weights are wrong")
    logging.getLogger("torch.utils._pytree").warning(
        "%s is an Enum subclass and is now natively supported by torch", "KernelPreference"
    )
    logging.getLogger("linegate").warning("Failed to load your bundle")
    assert [record.getMessage() for record in caplog.records] == [
        "Your weights are wrong",
        "Failed to load your bundle",
    ]


def test_a_variable_that_somebody_has_set_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with warnings.catch_warnings():
        silence_libraries()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_other_warnings_are_still_heard() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        silence_libraries()
        warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated, use something else", FutureWarning, stacklevel=1)
        warnings.warn("the disk is full", UserWarning, stacklevel=1)
    assert [str(one.message) for one in heard] == ["the disk is full"]
