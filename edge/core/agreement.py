"""How far people who judged the same things agree beyond chance, on the standard library alone."""

from collections import Counter
from collections.abc import Hashable, Sequence

_RATERS_MIN = 2


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return the agreement of two raters beyond chance: 1 is perfect, 0 what chance gives.

    Cohen, Educational and Psychological Measurement 20 (1960), 37-46. ``pairs`` holds both raters' answers to each
    thing. None without things, and where chance alone gives full agreement (both always gave one and the same answer).
    """
    if not pairs:
        return None
    total = len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(two for _, two in pairs)
    by_chance = sum(first[answer] * second[answer] for answer in first)
    agreeing = sum(one == two for one, two in pairs)
    if by_chance == total * total:
        return None
    return (agreeing * total - by_chance) / (total * total - by_chance)


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float | None:
    """Return the agreement of many raters beyond chance: 1 is perfect, 0 what chance gives.

    Fleiss, Psychological Bulletin 76 (1971), 378-382. ``counts`` holds for each thing how many raters gave each
    answer. None without things, and where all gave one and the same answer throughout.

    Raises:
        ValueError: The things have not all been rated by the same number of raters, at least two.
    """
    if not counts:
        return None
    raters = sum(counts[0])
    if raters < _RATERS_MIN or any(sum(row) != raters or min(row) < 0 for row in counts):
        raise ValueError("every thing needs the same number of ratings, at least two")
    ratings = len(counts) * raters
    agreeing: float = sum(answers * (answers - 1) for row in counts for answers in row) / (ratings * (raters - 1))
    shares = [sum(column) for column in zip(*counts, strict=True)]
    if ratings in shares:
        return None
    by_chance: float = sum(share * share for share in shares) / (ratings * ratings)
    return (agreeing - by_chance) / (1.0 - by_chance)
