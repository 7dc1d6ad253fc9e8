"""Tests that need the training environment; elsewhere they are not even collected."""

import importlib.util

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning",
        "ignore:Warning. Enabling `experimental_preserve_all_tensors`:UserWarning",
        "ignore::DeprecationWarning:jax.*",
        "ignore::DeprecationWarning:litert.*",
        "ignore::DeprecationWarning:torch.*",
    ):
        config.addinivalue_line("filterwarnings", line)
