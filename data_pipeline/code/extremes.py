"""The ends of what is allowed: which inputs try them, so that none is left to chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

NEAR, EQUAL, ANY = "ends", "equal", "any"
_TRIES = 12  # of one plan; the first ones to the letter, the others with some numbers drawn anew
_EXACT = 4


@dataclass(frozen=True, slots=True)
class Extreme:
    """`sides`: for each argument `low`, `high`, `ends` (one of them or next to it), `equal` (all items) or `any`.

    `size`: of lists and texts, as a kind of input (`least`, `edge`, `large`). `exact`: no number is drawn otherwise.
    """

    sides: tuple[str, ...]
    size: str = "edge"
    exact: bool = True


def extremes(arguments: int, rng: random.Random) -> Iterator[list[Extreme]]:
    """Plans without end, each as its tries: all low, all high, both mixed ways, all high at the greatest size, then
    the looser ones. With several arguments the mixed plans after the first two draw a side for each."""
    low, high = ("low",) * arguments, ("high",) * arguments
    mixed = tuple("low" if index % 2 == 0 else "high" for index in range(arguments))
    yield _tries(low, "least")
    yield _tries(high, "edge")
    if arguments > 1:
        yield _tries(mixed, "edge")
        yield _tries(tuple("high" if side == "low" else "low" for side in mixed), "edge")
    yield _tries(high, "large")
    while True:
        yield _tries((NEAR,) * arguments, "edge")
        yield _tries((EQUAL,) * arguments, "edge")
        if arguments > 1:
            yield _tries(tuple(rng.choice(["low", "high"]) for _ in range(arguments)), "edge")
        yield _tries((ANY,) * arguments, "edge")


def _tries(sides: tuple[str, ...], size: str) -> list[Extreme]:
    """Where the limits of one argument hang on another, the letter of a plan may be refused: then something near it."""
    sizes = [size if number < _EXACT or size == "least" else "edge" for number in range(_TRIES)]
    return [Extreme(sides, one, number < _EXACT) for number, one in enumerate(sizes)]
