"""The distribution itself: its import names are its own, and its locks name no registry."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["edge", "camera", "models", "sync", "deploy"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dependency_claims_one_of_our_import_names(package):
    assert set(packages_distributions().get(package, [])) <= {"linegate"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_installed_file_lies_where_our_packages_would_be(package):
    others = [Path(entry) / package for entry in sys.path if entry.endswith("site-packages")]
    assert [str(path) for path in others if path.exists()] == []


@pytest.mark.parametrize("lock", ["station.txt", "test.txt", "train.txt"])
def test_every_locked_requirement_has_a_hash_and_none_names_a_registry(lock):
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", ""))
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


def test_the_shipped_bundle_is_one_and_small():
    bundles = list((ROOT / "models" / "shipped").glob("*.lgb"))
    assert len(bundles) == 1
    assert bundles[0].stat().st_size < 2_000_000
