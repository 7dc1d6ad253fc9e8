"""The lock of a store: what it says when it cannot be taken."""

from pathlib import Path

import pytest

from edge.ledger import LedgerStorageError
from edge.ledger.lock import StoreLock


@pytest.mark.parametrize("place", ["absent", "file/below"])
def test_a_folder_that_is_not_there_says_how_it_is_made(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerStorageError, match=r"no such folder; create it .*systemd-tmpfiles --create") as caught:
        StoreLock(tmp_path / place)
    assert str(caught.value).startswith(f"{tmp_path / place}: ")
