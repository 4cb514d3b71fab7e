"""Ratings that `acereason eval rating --out` wrote, for the table of the paper that has a column of ratings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acereason.errors import InputError
from eval.rating import is_number

_FIELDS = {"model", "rating", "standard_error", "percentile", "placings"}


@dataclass(frozen=True)
class Rated:
    """The rating of a model. `rating` is nan where it beats nobody or everybody, `percentile` where none was asked."""

    model: str
    protocol: str | None  # None: the file does not say
    rating: float
    standard_error: float
    percentile: float


def is_rating(raw: Any) -> bool:
    """Whether parsed JSON is a rating's file."""
    return isinstance(raw, dict) and _FIELDS <= raw.keys()


def parse_rating(raw: Mapping[str, Any], where: str) -> Rated:
    """The rating that `raw` holds. Raises `InputError`, which names the file and the field."""
    model, protocol = raw["model"], raw.get("protocol")
    if not isinstance(model, str) or not isinstance(protocol, (str, type(None))):
        raise InputError(f"{where}: model, protocol: expected names; write the file again with acereason eval rating")
    figures = (_figure(raw[name], f"{where}: {name}") for name in ("rating", "standard_error", "percentile"))
    rating, error, percentile = figures
    return Rated(model, protocol, rating, error, percentile)


def _figure(value: Any, place: str) -> float:
    if value is None:
        return math.nan
    if not is_number(value):
        said = f"expected a finite number or null, got {str(value)[:40]!r}"
        raise InputError(f"{place}: {said}; write the file again with acereason eval rating")
    return float(value)
