"""Progress on standard error; nothing where that is no terminal or nobody wants it."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, TaskID, track

Item = TypeVar("Item")


def shown(items: Iterable[Item], total: int, what: str, *, hidden: bool = False) -> Iterator[Item]:
    """Yield the items while a bar counts them; it is gone when they are through."""
    console = Console(stderr=True)
    disabled = hidden or not total or not console.is_terminal
    yield from track(items, total=total, description=what, console=console, disable=disabled, transient=True)


def counted_in(progress: Progress) -> Callable[[str, int, int], None]:
    """Return what counts each kind of work in a bar of its own: told what is done, how much of it, of how much."""
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, whole: int) -> None:
        task = tasks.get(what)
        if task is None:
            task = tasks[what] = progress.add_task(what, total=whole)
        progress.update(task, completed=done, total=whole)

    return show
