"""The teacher's arithmetic, one operation a line, in columns or from the head, right or with a slip.

Columns, 28 characters: `52+19: 2+9+0=11 5+1+1=07 71`, `91-19: 11-9-0=2 09-1-1=7 72` (the digit
before the minuend is the borrowed ten). From the head, 9 characters: `52+19=71`.
"""

from __future__ import annotations

import random

from data_pipeline.tiny.flaws import Flaws
from data_pipeline.tiny.tasks import LARGEST, Chain, Euclid, Work

MOST_LINES = 5  # a slip can send Euclid's algorithm on a long way; five lines of columns fit the longest response


def work_out(work: Work, columns: bool, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    """The scratchpad's text, a line an operation, and the value it arrives at (which a slip makes wrong)."""
    return _chain(work, columns, flaws, rng) if isinstance(work, Chain) else _euclid(work, columns, flaws, rng)


def _chain(work: Chain, columns: bool, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    lines, value = [], work.start
    for sign, operand in work.operations:
        exact = value + operand if sign == "+" else value - operand
        if 0 <= exact <= LARGEST:
            line, value = operate(value, sign, operand, columns, flaws, rng)
        else:  # only after a slip: two digits cannot show it, so the teacher writes the nearest it can
            value = min(max(exact, 0), LARGEST)
            line = f"{value:02d}\n"
        lines.append(line)
    return "".join(lines), value


def _euclid(work: Euclid, columns: bool, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    lines: list[str] = []
    divisor, *others = work.numbers
    for number in others:
        while number not in (divisor, 0) and divisor and len(lines) < MOST_LINES:
            large, small = max(divisor, number), min(divisor, number)
            line, rest = operate(large, "-", small, columns, flaws, rng)
            lines.append(line)
            divisor, number = small, rest
        divisor = divisor or number
    return "".join(lines), divisor


def operate(a: int, sign: str, b: int, columns: bool, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    """One operation on numbers of 0..99 with a result in 0..99: its line and the result it claims."""
    return _in_columns(a, sign, b, flaws, rng) if columns else _from_the_head(a, sign, b, flaws, rng)


def _in_columns(a: int, sign: str, b: int, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    (a_tens, a_ones), (b_tens, b_ones) = divmod(a, 10), divmod(b, 10)

    def slip() -> int:  # either column is as likely to go wrong
        return rng.choice((-1, 1)) if rng.random() < flaws.column_slip / 2 else 0

    if sign == "+":
        ones = max(0, a_ones + b_ones + slip())
        carry = ones // 10
        tens = min(max(a_tens + b_tens + carry + slip(), 0), 9)
        result = tens * 10 + ones % 10
        work = f"{a_ones}+{b_ones}+0={ones:02d} {a_tens}+{b_tens}+{carry}={tens:02d}"
    else:
        borrow = int(a_ones < b_ones)
        ones = (10 * borrow + a_ones - b_ones + slip()) % 10
        tens = min(max(a_tens - b_tens - borrow + slip(), 0), 9)
        result = tens * 10 + ones
        work = f"{borrow}{a_ones}-{b_ones}-0={ones} 0{a_tens}-{b_tens}-{borrow}={tens}"
    return f"{a:02d}{sign}{b:02d}: {work} {result:02d}\n", result


def _from_the_head(a: int, sign: str, b: int, flaws: Flaws, rng: random.Random) -> tuple[str, int]:
    result = a + b if sign == "+" else a - b
    if rng.random() < flaws.carry_forgotten:
        if sign == "+" and a % 10 + b % 10 > 9:
            result -= 10
        if sign == "-" and a % 10 < b % 10:
            result = min(LARGEST, result + 10)
    if rng.random() < flaws.mental_slip:
        result = min(max(result + rng.choice((-10, -1, 1, 10)), 0), LARGEST)
    return f"{a:02d}{sign}{b:02d}={result:02d}\n", result
