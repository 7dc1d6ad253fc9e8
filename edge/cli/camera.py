"""``linegate camera``: the picture sources."""

import time
from pathlib import Path
from typing import Annotated

import cv2
import typer

from camera.quality import measure
from camera.source import SourceState
from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, explained, fail, load_or_exit
from edge.core import wire
from edge.inspector.build import create_sources

OPENING_S = 10.0
SNAP_S = 5.0

app = typer.Typer(help="Look through the cameras.", no_args_is_help=True)


@app.command()
def snap(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the picture (.png, .jpg, .bmp).")],
    camera: Annotated[str | None, typer.Option("--camera", help="The camera's name; the first if not given.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Take one picture as a trigger would, write it to a file and tell its quality."""
    loaded = load_or_exit(config)
    if not cv2.haveImageWriter(str(out)):
        fail(f"--out {out}: its ending names no kind of picture; use .png, .jpg or .bmp", Exit.USAGE)
    with explained():
        sources = create_sources(loaded.config)
        name = camera or loaded.config.camera[0].name
        if name not in sources:
            fail(f"--camera {name!r} is not configured: known are {', '.join(sources)}", Exit.USAGE)
        source = sources[name]
        source.open()
        try:
            opened_by = time.monotonic() + OPENING_S
            while source.state is not SourceState.READY and time.monotonic() < opened_by:
                time.sleep(0.02)
            now_ns = time.monotonic_ns()
            frame = source.acquire(now_ns, now_ns + int(SNAP_S * 1e9))
        finally:
            source.close()
        quality = measure(frame.image)
        try:
            written = cv2.imwrite(str(out), frame.image)
        except cv2.error:
            written = False
        if not written:
            fail(f"{out}: cannot be written: name a file in a folder that exists and has room")
    height, width = frame.image.shape[:2]
    fields = {
        "camera": name,
        "file": str(out),
        "name": frame.name,
        "width": width,
        "height": height,
        "timing": frame.timing.value,
        "brightness": round(quality.brightness, 2),
        "contrast": round(quality.contrast, 2),
        "sharpness": round(quality.sharpness, 2),
        "clipped": round(quality.clipped, 5),
    }
    typer.echo(wire.encode(fields).decode() if json else ", ".join(f"{key} {value}" for key, value in fields.items()))


@app.callback()
def group() -> None:
    """Look through the cameras."""
