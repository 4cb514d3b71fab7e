"""A rating on the scale of Codeforces from a model's results in contests and the fields that took part in them.

A contestant rated R places ahead of one rated r with chance 1 / (1 + 10^((r - R) / 400)), the Elo formula that
Codeforces computes with. The rating of a model is the maximum-likelihood one: that R at which it is expected to beat as
many contestants, over all contests, as it did (the derivative of the likelihood of all pairings is that difference). Of
one contest it is the rating at which its expected place is its place, as Codeforces' own performance rating is. The
standard error is that of contests drawn again (jackknife), since pairings within a contest hang together.

Points are those of the problems solved; penalties of time and of wrong tries are left out. Places are shared on a tie.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acereason.errors import InputError
from acereason.evaluation.statistics import Samples, solve_rates

SCALE = 400.0
LOWEST, HIGHEST = -2000.0, 6000.0  # where a rating is looked for
_STEPS = 60  # halvings of that range, far below a point


@dataclass(frozen=True)
class Contest:
    """A contest: `points` of each problem by its id, and the field's ratings and points [contestants]."""

    name: str
    points: Mapping[str, float]
    ratings: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Placing:
    """A model in a contest: expected points, contestants that it beats (a tie counts half), and its rating there."""

    contest: str
    solved: float
    points: float
    beaten: float
    field: int
    rating: float  # -inf or inf where it beats nobody, or everybody


@dataclass(frozen=True)
class Rating:
    """The rating over all contests. `percentile`: share of `population` that is rated lower, in per cent."""

    rating: float
    standard_error: float  # nan for one contest
    percentile: float | None
    placings: tuple[Placing, ...]
    missing: tuple[str, ...]  # problems of contests for which there is no result; they count as not solved


def beat_chance(rating: float, others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance [n] that a contestant rated `rating` places ahead of each of `others` [n]."""
    return np.asarray(1.0 / (1.0 + 10.0 ** ((others - rating) / SCALE)))


def most_likely(others: NDArray[np.float64], beaten: float) -> float:
    """The rating at which so many of `others` [n] are expected to be beaten; -inf for none of them, inf for all.

    The expected number rises with the rating, so it is found by halving the range from `LOWEST` to `HIGHEST`.
    """
    if beaten <= 0 or beaten >= len(others):
        return -math.inf if beaten <= 0 else math.inf
    low, high = LOWEST, HIGHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if beat_chance(middle, others).sum() < beaten:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def placing(contest: Contest, solved: Mapping[str, float]) -> Placing:
    """The place of a model that solves each problem with the given chance (one attempt: 0 or 1)."""
    score = sum(points * solved.get(name, 0.0) for name, points in contest.points.items())
    beaten = float((contest.scores < score).sum() + 0.5 * (contest.scores == score).sum())
    count = sum(solved.get(name, 0.0) for name in contest.points)
    return Placing(contest.name, count, score, beaten, len(contest.ratings), most_likely(contest.ratings, beaten))


def rate(contests: Sequence[Contest], results: Samples, population: Sequence[float] = ()) -> Rating:
    """The rating of the results; a problem counts by the share of its samples that is right, pass@1.

    Raises `InputError` where no problem of the contests has a result.
    """
    solved = solve_rates(results)
    names = [name for contest in contests for name in contest.points]
    if not any(name in solved for name in names):
        raise InputError("no problem of the contests has a judged sample in the results: their ids have to be the same")
    placings = [placing(contest, solved) for contest in contests]
    overall = _pooled(contests, placings)
    left_out = [
        _pooled([c for c in contests if c is not one], [p for p in placings if p is not gone])
        for one, gone in zip(contests, placings, strict=True)
    ]
    percentile = None
    if len(population):
        listed = np.asarray(population, dtype=float)
        percentile = 100 * float((listed < overall).mean())
    missing = tuple(name for name in names if name not in solved)
    return Rating(overall, _jackknife(left_out), percentile, tuple(placings), missing)


def _pooled(contests: Sequence[Contest], placings: Sequence[Placing]) -> float:
    if not contests:
        return math.nan
    return most_likely(np.concatenate([c.ratings for c in contests]), sum(p.beaten for p in placings))


def _jackknife(left_out: Sequence[float]) -> float:
    """The standard error from the ratings without one contest each; nan where it cannot be known."""
    n = len(left_out)
    if n < 2 or not all(map(math.isfinite, left_out)):
        return math.nan
    mean = sum(left_out) / n
    return math.sqrt((n - 1) / n * sum((value - mean) ** 2 for value in left_out))


def read_contests(path: Path) -> tuple[list[Contest], list[float]]:
    """Contests, and the ratings of the population that the percentile is of (may be empty).

    `{"contests": [{"id", "problems": {id: points}, "field": [[rating, points], ...]}], "population": [rating, ...]}`.
    Raises `InputError`, which names the place.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected contests in JSON: {error}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("contests"), list) or not raw["contests"]:
        raise InputError(f"{path}: contests: expected a list with at least one contest")
    contests = [_contest(entry, f"{path}: contests[{number}]") for number, entry in enumerate(raw["contests"])]
    names = [name for contest in contests for name in contest.points]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: problem {twice!r} stands in two contests")
    population = raw.get("population", [])
    if not isinstance(population, list):
        raise InputError(f"{path}: population: expected a list of ratings")
    for number, value in enumerate(population):
        if not is_number(value):
            raise InputError(f"{path}: population[{number}]: expected a list of ratings, got {_said(value)}")
    return contests, [float(value) for value in population]


def _contest(entry: Any, place: str) -> Contest:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), (str, int)):
        raise InputError(f"{place}: expected an object with id, problems and field")
    points, field = entry.get("problems"), entry.get("field")
    if not isinstance(points, dict) or not points or not all(is_number(v) and v > 0 for v in points.values()):
        raise InputError(f"{place}.problems: expected the points of each problem by its id, above 0")
    if not isinstance(field, list) or not field:
        raise InputError(f"{place}.field: expected [rating, points] of at least one contestant")
    for number, row in enumerate(field):
        if not isinstance(row, list) or len(row) != 2 or not all(map(is_number, row)):
            raise InputError(f"{place}.field[{number}]: expected [rating, points], two numbers, got {_said(row)}")
    listed = np.asarray(field, dtype=float)
    return Contest(str(entry["id"]), {k: float(v) for k, v in points.items()}, listed[:, 0], listed[:, 1])


def is_number(value: Any) -> bool:
    """Whether a value out of JSON is a number that a float holds, which NaN and the infinities are not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _said(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + " ..."
