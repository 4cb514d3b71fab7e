"""Examples changed a little: a number, a letter, an item moved, doubled or left out."""

from __future__ import annotations

import copy
import random
import string
from typing import Any

LETTERS = string.ascii_lowercase  # of texts of which nothing is known


def changed(value: Any, rng: random.Random, letters: str, names: set[str]) -> Any:
    """A value with one change. `letters`: that its texts may have; `names`: of the properties that it has to keep."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 2, -value, value])
    if isinstance(value, float):
        return round(value + rng.choice([-1.0, 0.5, 0.01, 1.0]), 5)
    if isinstance(value, str):
        place = rng.randrange(len(value) + 1)
        new = rng.choice(sorted(set(letters)))
        return rng.choice(
            [value[:place] + new + value[place:], value[:place] + new + value[place + 1 :],
             value[:place] + value[place + 1 :], value[::-1], value + value, value[: max(1, len(value) // 2)]]
        )  # fmt: skip
    if not value:
        return value
    place, other = rng.randrange(len(value)), rng.randrange(len(value))
    step = rng.randrange(6)
    if step == 0:
        value[place], value[other] = value[other], value[place]
    elif step == 1:
        value.insert(place, copy.deepcopy(value[other]))
    elif step == 2:
        del value[place]
    elif step == 3:
        value[place] = copy.deepcopy(value[other])
    elif step == 4:
        value.reverse()
    else:
        value[place] = changed(value[place], rng, letters, names)
    return ordered(value, names)


def ordered(values: list[Any], names: set[str]) -> list[Any]:
    """Sorted where a property says so."""
    if "ascending" in names:
        return sorted(values)
    if "descending" in names:
        return sorted(values, reverse=True)
    return values
