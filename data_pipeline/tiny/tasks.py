"""What the tiny problems are made of: a statement, the arithmetic behind it, and which split it is in.

Every number a problem works with has at most two digits, so that one operation is one line of the
scratchpad (`scratchpad.py`). A task's `key` names the problem without its wording, and a hash of
the key decides the split: two phrasings of one problem can never lie on both sides.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from acereason.problems import Tests

LARGEST = 99
HELDOUT_SHARE = 8  # one key in so many is held out


@dataclass(frozen=True, slots=True)
class Chain:
    """Start from a value and apply the operations one after the other; `+` and `-` only."""

    start: int
    operations: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Euclid:
    """The greatest common divisor by repeated subtraction, number after number."""

    numbers: tuple[int, ...]


Work = Chain | Euclid


@dataclass(frozen=True, slots=True)
class Programs:
    """The program to write and the buggy one of the teacher; `%d` stands for the worked-out constant."""

    good: str
    buggy: str

    def reference(self, value: int | None) -> str:
        """The right program, with the constant that the scratchpad has to find."""
        return self.good % value if value is not None else self.good


@dataclass(frozen=True, slots=True)
class Task:
    """One problem. `value` is what the scratchpad works out; None where there is nothing to work out."""

    domain: str
    family: str
    statement: str
    key: str
    operations: int
    work: Work | None
    value: int | None
    programs: Programs | None = None
    tests: Tests | None = None

    @property
    def heldout(self) -> bool:
        """Whether the problem belongs to the held-out side."""
        return is_heldout(self.key)


def is_heldout(key: str) -> bool:
    """The split of a key, the same for every seed."""
    return hashlib.blake2b(key.encode(), digest_size=8).digest()[0] % HELDOUT_SHARE == 0


def draw_chain(rng: random.Random, operations: int) -> tuple[Chain, int]:
    """A chain with one operator, two-digit operands and every running value in 10..99; and its result."""
    adding = rng.random() < 0.5
    low = 10 if adding else 10 + 10 * operations
    high = LARGEST - 10 * operations if adding else LARGEST
    start = value = rng.randint(low, high)
    steps = []
    for left in reversed(range(operations)):
        room = (LARGEST - value if adding else value - 10) - 10 * left
        operand = rng.randint(10, room)
        value += operand if adding else -operand
        steps.append(("+" if adding else "-", operand))
    return Chain(start, tuple(steps)), value


def expression(chain: Chain) -> str:
    """The chain as it is written in a statement, e.g. `91-19-15`."""
    return str(chain.start) + "".join(f"{sign}{operand}" for sign, operand in chain.operations)
