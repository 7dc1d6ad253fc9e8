"""Small file systems of their own for tests: full, read-only, cut off from power, and gone at the end. Needs root."""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PAGE: Final = 4096
SHUT_DOWN: Final = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_FLUSHING: Final = 2


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount an empty file system of ``size`` bytes on a new folder."""
    _require_root()
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def fill(filler: Path) -> Path:
    """Write a file until nothing more fits, and return it."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * PAGE):
            pass
    return filler


def leave_free(filler: Path, pages: int) -> None:
    """Fill the disk but for so many pages."""
    fill(filler)
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - pages * PAGE))


def make_ext4(image: Path, size: int = 64 << 20) -> Path:
    """Make an ext4 file system in a file, which turns read-only on its first error, and return it."""
    _require_root()
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-e", "remount-ro", str(image)], check=True, capture_output=True)
    return image


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """Have an image mounted; what uses it must have ended before the block does."""
    folder.mkdir(exist_ok=True)
    mount("-o", "loop", str(image), str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def cut_power(folder: Path) -> None:
    """Make the kernel forget all of the file system that is not on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", WITHOUT_FLUSHING))
    finally:
        os.close(descriptor)


def repair(image: Path) -> None:
    """Check and mend an unmounted image, as a machine does when it starts; raises where that is not possible."""
    done = subprocess.run(["fsck.ext4", "-f", "-y", str(image)], check=False, capture_output=True, text=True)
    assert done.returncode in {0, 1}, done.stdout + done.stderr


def turn_read_only(folder: Path) -> None:
    """Report an error to ext4 as a failing disk would; it turns read-only under whoever writes."""
    device = folder.stat().st_dev
    name = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").rsplit("/", 1)[1]
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test", encoding="utf-8")


def _require_root() -> None:
    assert os.geteuid() == 0, "this test mounts a file system: run it as root"
