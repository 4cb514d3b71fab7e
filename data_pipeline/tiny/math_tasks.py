"""The four math families: chains, equations, remainders and greatest common divisors."""

from __future__ import annotations

import random
from functools import cache
from itertools import product

from data_pipeline.tiny.tasks import LARGEST, Chain, Euclid, Task, draw_chain, expression

WEIGHTS = {"chain": 4.0, "equation": 2.0, "mod": 2.0, "gcd": 1.5}
MOST_OPERATIONS = 4
MOST_UNKNOWN_OPERATIONS = 2  # of an equation: undoing more than two is more than this model size learns
ASKING = ("What is {}?", "Compute {}.", "Find {}.")
SOLVING = ("Solve {}.", "Find x: {}.")


def draw_math(rng: random.Random) -> Task:
    """One math problem, of either split."""
    family = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    return _DRAW[family](rng)


def _chain(rng: random.Random) -> Task:
    operations = rng.randint(1, MOST_OPERATIONS)
    chain, value = draw_chain(rng, operations)
    text = expression(chain)
    return Task("math", "chain", rng.choice(ASKING).format(text), f"chain {text}", operations, chain, value)


def _equation(rng: random.Random) -> Task:
    operations = rng.randint(1, MOST_UNKNOWN_OPERATIONS)
    chain, value = draw_chain(rng, operations)
    undone = "".join(f"{'-' if sign == '+' else '+'}{operand}" for sign, operand in chain.operations)
    text = f"x{undone}={chain.start}"
    return Task("math", "equation", rng.choice(SOLVING).format(text), f"equation {text}", operations, chain, value)


def _mod(rng: random.Random) -> Task:
    quotient = rng.randint(1, MOST_OPERATIONS)
    divisor = rng.randint(10, LARGEST // quotient if quotient > 1 else 60)
    number = rng.randint(divisor * quotient, min(LARGEST, divisor * (quotient + 1) - 1))
    text = f"{number} mod {divisor}"
    chain = Chain(number, (("-", divisor),) * quotient)
    return Task("math", "mod", rng.choice(ASKING).format(text), f"mod {text}", quotient, chain, number % divisor)


def _gcd(rng: random.Random) -> Task:
    numbers, operations, value = rng.choice(gcd_cases()[rng.randint(1, MOST_OPERATIONS)])
    if rng.random() < 0.5:
        numbers = (numbers[1], numbers[0], *numbers[2:])
    text = f"gcd({','.join(map(str, numbers))})"
    key = f"gcd {sorted(numbers)}"
    return Task("math", "gcd", rng.choice(ASKING).format(text), key, operations, Euclid(numbers), value)


@cache
def gcd_cases() -> dict[int, list[tuple[tuple[int, ...], int, int]]]:
    """(numbers, subtractions, divisor) of every pair and triple, by the number of subtractions it takes.

    The first two numbers stand in falling order. A triple's third number shares a divisor of at
    least 2 with the first two and is not that divisor itself, so that it takes work of its own.
    """
    cases: dict[int, list[tuple[tuple[int, ...], int, int]]] = {n: [] for n in range(1, MOST_OPERATIONS + 1)}
    for first, second in product(range(11, LARGEST + 1), range(10, LARGEST)):
        if second >= first:
            continue
        steps, divisor = _subtractions(first, second)
        if steps <= MOST_OPERATIONS and divisor >= 2:
            cases[steps].append(((first, second), steps, divisor))
        for third in range(10, LARGEST + 1):
            if third in (first, second) or steps >= MOST_OPERATIONS or divisor < 4:
                continue
            more, last = _subtractions(divisor, third)
            if 1 <= more <= MOST_OPERATIONS - steps and last >= 2:
                cases[steps + more].append(((first, second, third), steps + more, last))
    return cases


def _subtractions(first: int, second: int) -> tuple[int, int]:
    steps = 0
    while first != second and steps <= MOST_OPERATIONS:
        first, second, steps = max(first, second) - min(first, second), min(first, second), steps + 1
    return steps, first


_DRAW = {"chain": _chain, "equation": _equation, "mod": _mod, "gcd": _gcd}
