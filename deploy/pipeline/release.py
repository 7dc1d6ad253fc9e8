"""``python -m deploy.pipeline.release``: a model from its pictures to five per cent of the stations, or a refusal.

Every step is a command that a person could type (docs/pipeline.md); what each printed stays in the results' folder.
Exit codes: 0 published (or, without a repository, good to publish), 1 a step failed, 2 usage, 3 refused.
"""

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.pipeline.decision import COST_MARGIN, Findings, FindingsError, objections

OK: Final = 0
FAILED: Final = 1
REFUSED: Final = 3
SHARE: Final = 5.0

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command: its exit code and what it printed to standard output."""


class StepError(Exception):
    """A step failed; the message names the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to release and how.

    ``train`` holds the arguments of ``linegate train`` without ``--out``; empty where ``bundle`` is there already.
    ``shift`` is what ``linegate replay`` takes, ``replay`` more arguments of it (a store). ``publish`` holds arguments
    of ``publish add`` (keys, notes) for ``repository``, None to publish nothing. ``share`` is in per cent.
    """

    bundle: Path
    incumbent: Path
    holdout: Path
    shift: str
    results: Path
    train: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    repository: str | None = None
    publish: tuple[str, ...] = ()
    share: float = SHARE
    cost_margin: float = COST_MARGIN
    linegate: tuple[str, ...] = ("linegate",)
    trainer: tuple[str, ...] = ("linegate",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What became of it: ``objections`` are why nothing was published."""

    bundle: str
    objections: tuple[str, ...] = field(default=())
    published: bool = False


def release(plan: Plan, run: Run) -> Release:
    """Train, evaluate, replay, decide, publish; nothing is published against an objection.

    Raises:
        StepError: A command failed, or printed what cannot be read.
    """
    plan.results.mkdir(parents=True, exist_ok=True)
    if plan.train:
        command = [*plan.trainer, "train", "--out", str(plan.bundle), *plan.train]
        code, _ = run(command)
        if code != OK:
            raise _failed(code, command)
    found = _find(plan, run)
    sha256 = hashlib.sha256(_content(plan.bundle)).hexdigest()
    try:
        against = objections(found, bundle=sha256, cost_margin=plan.cost_margin)
    except FindingsError as error:
        raise StepError(str(error)) from error
    if against or plan.repository is None:
        return _told(plan, Release(bundle=sha256, objections=against))
    add = [*plan.linegate, "publish", "add", plan.repository, str(plan.bundle), "--share", f"{plan.share:g}"]
    command = [*add, "--replay", str(plan.results / "replay.json"), *plan.publish]
    code, _ = run(command)
    if code == REFUSED:
        return _told(plan, Release(bundle=sha256, objections=("publishing refused it, see above",)))
    if code != OK:
        raise _failed(code, command)
    return _told(plan, Release(bundle=sha256, published=True))


def _find(plan: Plan, run: Run) -> Findings:
    evaluate = [*plan.linegate, "evaluate", "--data", str(plan.holdout), "--json", "--bundle"]
    replay = [*plan.linegate, "replay", plan.shift, "--json", "--bundle", str(plan.bundle)]
    beside = ["--incumbent", str(plan.incumbent)]
    report = ["--report", str(plan.results)]
    return Findings(
        incumbent=_asked(run, plan, "incumbent", [*evaluate, str(plan.incumbent)]),
        candidate=_asked(run, plan, "evaluation", [*evaluate, str(plan.bundle), *beside, *_in(report, "evaluation")]),
        replay=_asked(run, plan, "replay", [*replay, *beside, *_in(report, "replay"), *plan.replay]),
    )


def _in(report: Sequence[str], name: str) -> list[str]:
    return [report[0], str(Path(report[1]) / name)]


def _asked(run: Run, plan: Plan, name: str, command: Sequence[str]) -> dict[str, Any]:
    """Return what a command found. A refusal (3) is a finding too, where it comes with one."""
    code, printed = run(command)
    try:
        found = json.loads(printed)
    except ValueError as error:
        raise _failed(code, command) from error
    if code not in {OK, REFUSED} or not isinstance(found, dict):
        raise _failed(code, command)
    (plan.results / f"{name}.json").write_text(printed, encoding="utf-8")
    return found


def _failed(code: int, command: Sequence[str]) -> StepError:
    return StepError(f"exit code {code}: {shlex.join(command)}")


def _content(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()
    except OSError as error:
        raise StepError(f"{bundle}: {error.strerror or error}") from error


def _told(plan: Plan, result: Release) -> Release:
    fields = {"bundle": result.bundle, "published": result.published, "objections": list(result.objections)}
    (plan.results / "release.json").write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return result


def _run(command: Sequence[str]) -> tuple[int, str]:
    sys.stderr.write(f"+ {shlex.join(command)}\n")
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  # as typed
    except OSError as error:
        raise StepError(f"{command[0]}: {error.strerror or error}") from error
    return done.returncode, done.stdout


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.pipeline.release", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="the new bundle, NAME-VERSION.lgb")
    parser.add_argument("--incumbent", type=Path, required=True, help="the bundle that it would replace")
    parser.add_argument("--holdout", type=Path, required=True, help="labelled parts that nothing was trained on")
    parser.add_argument("--shift", required=True, help="what to replay: a labelled folder, or a time with --store")
    parser.add_argument("--store", type=Path, help="the store that the shift's time is of")
    parser.add_argument("--results", type=Path, required=True, help="the folder for what every step printed")
    parser.add_argument(
        "--train", type=_words, default=(), help="train first: arguments of 'linegate train', in one text"
    )
    parser.add_argument("--trainer", type=_words, default=("linegate",), help="the command that trains")
    parser.add_argument("--linegate", type=_words, default=("linegate",), help="the command that judges and publishes")
    parser.add_argument("--repository", help="where to publish; without it nothing is published")
    parser.add_argument(
        "--publish", type=_words, default=(), help="more arguments of 'publish add': --key, --notes, in one text"
    )
    parser.add_argument("--share", type=_up_to(100.0), default=SHARE, help="per cent of the stations (5)")
    parser.add_argument("--cost-margin", type=_up_to(1.0), default=COST_MARGIN, help="share of good parts (0.02)")
    return parser


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: {text}") from error


def _up_to(most: float) -> Callable[[str], float]:
    """Return what reads a number from 0 to ``most``: what makes no sense is told before the long work."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if 0.0 <= (number := float(text)) <= most:
                return number
        raise argparse.ArgumentTypeError(f"{text}: give a number from 0 to {most:g}")

    return read


def main(given: Sequence[str] | None = None, run: Run = _run) -> int:
    """Release, tell, and return the exit code."""
    options = _arguments().parse_args(given)
    plan = Plan(
        bundle=options.bundle,
        incumbent=options.incumbent,
        holdout=options.holdout,
        shift=options.shift,
        results=options.results,
        train=options.train,
        replay=("--store", str(options.store)) if options.store else (),
        repository=options.repository,
        publish=options.publish,
        share=options.share,
        cost_margin=options.cost_margin,
        linegate=options.linegate,
        trainer=options.trainer,
    )
    try:
        result = release(plan, run)
    except (StepError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    for one in result.objections:
        sys.stderr.write(f"refused: {one}\n")
    if result.objections:
        return REFUSED
    state = f"published to {plan.share:g} % of the stations" if result.published else "good to publish"
    sys.stdout.write(f"{plan.bundle}: {state}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main())
