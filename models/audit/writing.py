"""The report's two files, which appear together and whole or not at all."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.durable import stage, sync_folder
from models.errors import ModelError
from models.whole_files import make_folder

REPORT: Final = "report.html"
METRICS: Final = "metrics.json"


class ReportError(ModelError):
    """A report cannot be written; the message names the folder and what to do."""


def prepare_folder(folder: Path) -> None:
    """Make the report's folder and see that it can be written to, before the long work.

    Raises:
        ReportError: It cannot.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise _explained(folder, error) from error


def write_report(folder: Path, page: str, metrics: str) -> None:
    """Write ``report.html`` and ``metrics.json`` beside their final names, then rename both.

    Raises:
        ReportError: The file system refused; what stood there before stands there still, unless the very renaming
            failed.
    """
    staged: dict[str, Path] = {}
    try:
        for name, text in ((METRICS, metrics), (REPORT, page)):
            staged[name] = stage(folder, text.encode("utf-8", "backslashreplace"))
        for name, temporary in staged.items():
            temporary.replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise _explained(folder, error) from error
    finally:
        _remove(staged)


def _remove(staged: Mapping[str, Path]) -> None:
    for temporary in staged.values():
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _explained(folder: Path, error: OSError) -> ReportError:
    return ReportError(
        f"{folder}: the report cannot be written ({error.strerror or error}); check space, path and permissions, or "
        "name another folder (--report)"
    )
