"""What people said of the same pictures: how far they agree, and how the bundle stands beside them."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from edge.core.agreement import cohen_kappa, fleiss_kappa
from edge.core.dataset import DatasetImage
from edge.core.types import Decision
from models.errors import ModelError
from models.evaluation import JudgedImage, Part, Rate, rate

_COLUMNS: Final = ("file", "person", "verdict")
_VERDICTS: Final = {"accept": Decision.ACCEPT, "reject": Decision.REJECT}
_DELIMITERS: Final = ",;\t"
_FAULTS_SHOWN: Final = 200
_PEOPLE_MIN: Final = 2


class PeopleError(ModelError, ValueError):
    """The file of people's verdicts is malformed; the message lists every fault with its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One person's verdict on one picture."""

    file: str
    person: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A person (or the bundle) against a reference: escapes and overkills, counted in pictures.

    ``escape`` and ``overkill`` are against the consensus, ``true_escape`` and ``true_overkill`` against the annotations
    of the same pictures.
    """

    name: str
    judged: int
    escape: Rate
    overkill: Rate
    true_escape: Rate
    true_overkill: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """Two people on the pictures that both judged; ``kappa`` is Cohen's, None where it is not defined."""

    first: str
    second: str
    agreeing: Rate
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleResult:
    """Two or more people's verdicts.

    ``consensus`` pictures have a majority, ``ties`` have none and are in no rate, ``alone`` were judged by one person
    only. ``kappa`` is Fleiss' over the ``common`` pictures that all people judged; None with two people, or where it is
    not defined.
    """

    people: tuple[Judge, ...]
    bundle: Judge
    pairs: tuple[PairAgreement, ...]
    kappa: float | None
    common: int
    consensus: int
    ties: int
    alone: int


def read_people(path: Path, files: Collection[str]) -> tuple[Opinion, ...]:
    """Read a CSV file with the columns file, person and verdict (accept or reject), in any order, named in line 1.

    Args:
        path: UTF-8, separated by comma, semicolon or tab.
        files: The pictures that may be named.

    Raises:
        PeopleError: It cannot be read, or has faults, which are all listed, or fewer than two people.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PeopleError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    except UnicodeDecodeError as error:
        raise PeopleError(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from error
    opinions, faults = parse_people(text, files)
    if faults:
        shown = faults[:_FAULTS_SHOWN]
        more = [f"and {len(faults) - len(shown)} more"] if len(faults) > len(shown) else []
        raise PeopleError("\n".join([f"{path}: {len(faults)} fault(s); nothing was evaluated", *shown, *more]))
    return opinions


def parse_people(text: str, files: Collection[str]) -> tuple[tuple[Opinion, ...], tuple[str, ...]]:
    """Return the verdicts of a CSV text and all its faults, each beginning with its line."""
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    # NUL bytes and cells beyond the csv module's own limit end the reading: what follows them cannot be trusted.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    opinions: dict[tuple[str, str], tuple[Opinion, int]] = {}
    faults: list[str] = []
    try:
        header = [cell.strip().lower() for cell in next(rows, [])]
        if sorted(header) != sorted(_COLUMNS):
            return (), (f"line 1: must name the columns {', '.join(_COLUMNS)}, not {', '.join(header) or 'nothing'}",)
        for cells in rows:
            line = rows.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                faults.append(f"line {line}: has {len(cells)} cells, {len(header)} are needed")
                continue
            opinion, wrong = _opinion(dict(zip(header, (cell.strip() for cell in cells), strict=True)), files)
            faults += [f"line {line}: {fault}" for fault in wrong]
            if opinion is not None:
                earlier = opinions.setdefault((opinion.file, opinion.person), (opinion, line))[1]
                if earlier != line:
                    faults.append(f"line {line}: {opinion.person} judged {opinion.file} already in line {earlier}")
    except csv.Error as error:
        faults.append(f"line {rows.line_num}: {error}")
    people = {person for _, person in opinions}
    if not faults and len(people) < _PEOPLE_MIN:
        found = "one person" if people else "nobody"
        faults.append(f"line {max(rows.line_num, 1)}: ends the file, which names {found}; two or more are needed")
    return tuple(opinion for opinion, _ in opinions.values()), tuple(faults)


def compare_people(opinions: Iterable[Opinion], images: Sequence[JudgedImage]) -> PeopleResult:
    """Compare people with each other, with their majority and with the bundle.

    The consensus of a picture is the verdict of more than half of those who judged it, at least two; it includes the
    person who is measured against it, so that two people can only agree with it: for two read kappa and the ties.
    """
    verdicts: dict[str, dict[str, Decision]] = {}
    for opinion in opinions:
        verdicts.setdefault(opinion.file, {})[opinion.person] = opinion.decision
    people = sorted({person for given in verdicts.values() for person in given})
    several = {file: given for file, given in verdicts.items() if len(given) >= _PEOPLE_MIN}
    consensus = {file: decision for file, given in several.items() if (decision := _majority(given)) is not None}
    truths = {image.entry.file: image.entry for image in images}
    said = {image.entry.file: image.decision for image in images}
    common = [given for given in verdicts.values() if len(given) == len(people)]
    return PeopleResult(
        people=tuple(
            _judge(name, {file: given[name] for file, given in verdicts.items() if name in given}, consensus, truths)
            for name in people
        ),
        bundle=_judge("the bundle", {file: said[file] for file in verdicts}, consensus, truths),
        pairs=tuple(_pair(first, second, verdicts) for first, second in combinations(people, 2)),
        kappa=_fleiss(common) if len(people) > _PEOPLE_MIN else None,
        common=len(common),
        consensus=len(consensus),
        ties=len(several) - len(consensus),
        alone=len(verdicts) - len(several),
    )


def _opinion(cells: Mapping[str, str], files: Collection[str]) -> tuple[Opinion | None, list[str]]:
    faults = [f"{column} is empty" for column in _COLUMNS if not cells[column]]
    file, person, verdict = cells["file"], cells["person"], cells["verdict"].lower()
    if file and file not in files:
        faults.append(f"{file!r:.120} is no picture of the dataset (its file_name is needed)")
    if verdict and verdict not in _VERDICTS:
        faults.append(f"verdict must be accept or reject, not {verdict!r:.60}")
    if faults:
        return None, faults
    return Opinion(file=file, person=person, decision=_VERDICTS[verdict]), []


def _majority(given: Mapping[str, Decision]) -> Decision | None:
    decision, votes = Counter(given.values()).most_common(1)[0]
    return decision if 2 * votes > len(given) else None


def _judge(
    name: str,
    said: Mapping[str, Decision],
    consensus: Mapping[str, Decision],
    truths: Mapping[str, DatasetImage],
) -> Judge:
    against_consensus = [
        _as_part(said[file], bad=consensus[file] is Decision.REJECT) for file in said if file in consensus
    ]
    against_truth = [_as_part(decision, bad=truths[file].truth == "reject") for file, decision in said.items()]
    return Judge(
        name=name,
        judged=len(said),
        escape=rate("escape", against_consensus),
        overkill=rate("overkill", against_consensus),
        true_escape=rate("escape", against_truth),
        true_overkill=rate("overkill", against_truth),
    )


def _as_part(decision: Decision, *, bad: bool) -> Part:
    return Part(group=None, bad=bad, decision=decision, pictures=())


def _pair(first: str, second: str, verdicts: Mapping[str, Mapping[str, Decision]]) -> PairAgreement:
    both = [(given[first], given[second]) for given in verdicts.values() if first in given and second in given]
    return PairAgreement(
        first=first,
        second=second,
        agreeing=Rate(count=sum(one == two for one, two in both), n=len(both)),
        kappa=cohen_kappa(both),
    )


def _fleiss(common: Sequence[Mapping[str, Decision]]) -> float | None:
    counts = [[list(given.values()).count(decision) for decision in _VERDICTS.values()] for given in common]
    return fleiss_kappa(counts)
