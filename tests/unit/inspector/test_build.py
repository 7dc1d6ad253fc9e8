"""What a start does before it can fail."""

import threading
from pathlib import Path

import pytest

from edge.config import LoadedConfig
from edge.config.load import parse_config
from edge.inspector.daemon import run
from edge.line.link import LinkError
from tests.support.stations import CONFIG


def test_a_link_that_can_never_work_uses_up_no_epoch(tmp_path):
    text = CONFIG.replace("127.0.0.1:1", "h:abc") + f'[store]\npath = "{tmp_path}"\n'
    loaded = LoadedConfig(config=parse_config(text), sha256="c" * 64, path=Path("linegate.toml"))
    with pytest.raises(LinkError, match="h:abc"):
        run(loaded, threading.Event())
    assert list(tmp_path.iterdir()) == []
