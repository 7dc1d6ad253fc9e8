"""Pictures, files and recipes of commissioned and catalogued views, for the arithmetic network.

``SLOT`` is what belongs on the part and alarms the bundle (a logit of about -1.1), ``SCRATCH`` a plain defect.
"""

from pathlib import Path

import cv2
import numpy as np
from click.testing import Result
from typer.testing import CliRunner

from edge.cli.main import app
from tests.support import networks
from tests.support.networks import PictureFolder

SLOT = (200, 90, 110)
"""Blue, green, red."""
SCRATCH = (60, 180, 255)

CATALOGUE_HEAD = 'product = "phone"\nrevision = 1\n'
RULE = """
[[rule]]
class = "scratch"
accept_length_below_px = 15
"""
SAMPLES = """
[[sample]]
picture = "small.png"
verdict = "accept"
[[sample]]
picture = "long.png"
verdict = "reject"
"""


def slotted(part: int) -> np.ndarray:
    """Draw a good part of a product with a slot, which lies elsewhere on each."""
    return networks.part(part, (part % 7, 3 * part % 15, SLOT))


def scratched(part: int) -> np.ndarray:
    """Draw a part with a scratch and nothing else."""
    return networks.part(500 + part, (6 - part % 7, 2 * part % 15, SCRATCH))


def add_goods(folder: PictureFolder, count: int = 32) -> PictureFolder:
    for part in range(count):
        folder.add(f"good-{part}.png", slotted(part), "accept")
    return folder


def add_known_defects(folder: PictureFolder, count: int = 12) -> PictureFolder:
    for part in range(count):
        folder.add(f"bad-{part}.png", scratched(part), "reject", part_id=f"bad-{part}")
    return folder


def run(*given: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in given])


def commissioned_file(folder: Path, bundle: Path, *given: object) -> Path:
    """Commission the view of camera top with 32 goods and 12 known defects; they lie in ``folder/pictures``."""
    pictures = add_known_defects(add_goods(PictureFolder(folder / "pictures"))).folder
    out = folder / "top.json"
    sets = "--goods", pictures, "--challenge", pictures
    done = run("commission", "--bundle", bundle, *sets, "--out", out, "--view", "top", *given)
    assert done.exit_code == 0, done.output
    return out


def specks(*places: tuple[int, int, int, int], level: int = 200) -> np.ndarray:
    """Draw an even part with specks: x, y, width, height in pixels, and their grey level."""
    noise = np.random.default_rng(0).integers(-2, 3, (networks.HEIGHT, networks.WIDTH, 1))
    shading = np.linspace(30, 62, networks.WIDTH)[np.newaxis, :, np.newaxis].repeat(3, axis=2)
    picture = (shading + noise).astype(np.uint8)
    for x, y, width, height in places:
        picture[y : y + height, x : x + width] = level
    return picture


SMALL, LONG = specks((100, 60, 8, 8)), specks((100, 60, 32, 4))


def catalogue_file(folder: Path, text: str = RULE + SAMPLES, head: str = CATALOGUE_HEAD) -> Path:
    """Write a catalogue with its limit samples: a small speck and a long one."""
    for name, picture in (("small", SMALL), ("long", LONG)):
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    path = folder / "catalogue.toml"
    path.write_text(head + text)
    return path


def station_file(folder: Path, recipes: str, *, cameras: tuple[str, ...] = ("top",), live: bool = False) -> Path:
    """Write a configuration with these ``[[recipe]]`` tables."""
    path = folder / "linegate.toml"
    sources = "".join(f'[[camera]]\nname = "{camera}"\nsource = "virtual:"\n' for camera in cameras)
    path.write_text(
        f'[station]\nsite = "s"\nline = "l"\nname = "st"\n{sources}{recipes}\n'
        f'[line]\nbroker = "mqtt://127.0.0.1:1883"\nlive = {str(live).lower()}\n'
    )
    return path


def recipe_table(views: str, identity: int = 0, **fields: object) -> str:
    more = "".join(f"{key} = {str(value).lower()}\n" for key, value in fields.items())
    return f'[[recipe]]\nid = {identity}\nname = "part"\n{more}views = [{views}]\n'
