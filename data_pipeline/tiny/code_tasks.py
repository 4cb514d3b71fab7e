"""The four code families: a function's unknown constant, a folded constant, an expression, a program.

The first two need the scratchpad's arithmetic; the other two are a matter of saying a sentence in
Python. Every problem has more tests than its statement shows.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable

from acereason.problems import TestCase, Tests
from data_pipeline.tiny.tasks import LARGEST, Chain, Programs, Task, draw_chain, expression

WEIGHTS = {"constant": 4.0, "folded": 2.0, "expression": 2.0, "program": 1.5}
MOST_FOLDED_OPERATIONS = 2
TIME_LIMIT_S = 2.0
FUNCTIONS = ("f",)
PARAMETERS = (("a", "b"),)
PAIRS = ((3, 5), (10, 2), (-4, 7), (8, 8), (-6, -9))
SIGNS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "plus": ("+", operator.add),
    "minus": ("-", operator.sub),
    "times": ("*", operator.mul),
}
RESULTS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "sum": ("{0}+{1}", operator.add),
    "difference": ("{0}-{1}", operator.sub),
    "product": ("{0}*{1}", operator.mul),
    "larger": ("max({0},{1})", max),
    "smaller": ("min({0},{1})", min),
}


def draw_code(rng: random.Random) -> Task:
    """One code problem, of either split."""
    family = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    return _DRAW[family](rng)


def _constant(rng: random.Random) -> Task:
    """The statement shows one example; returning its value is the teacher's bug and fails the other tests."""
    name, sign = rng.choice(FUNCTIONS), rng.choice("+-")
    constant = rng.randint(2, 80)
    low = rng.randint(10, LARGEST - constant)
    argument, result = (low, low + constant) if sign == "+" else (low + constant, low)
    text = f"{name}(x)=x{sign}c with {name}({argument})={result}"
    signed = constant if sign == "+" else -constant
    inputs = (argument, 0, 7, -12, 100)
    head = f"def {name}(x):\n    return "
    return Task(
        "code",
        "constant",
        f"Write {text}.",
        f"constant {sign} {argument} {result}",
        1,
        Chain(low + constant, (("-", low),)),
        constant,
        Programs(f"{head}x{sign}%d", f"{head}{result}"),
        _function_tests(name, [([value], value + signed) for value in inputs]),
    )


def _folded(rng: random.Random) -> Task:
    operations = rng.randint(1, MOST_FOLDED_OPERATIONS)
    chain, value = draw_chain(rng, operations)
    text = expression(chain)
    return Task(
        "code",
        "folded",
        f"Read n, print n+k for k={text}.",
        f"folded {text}",
        operations,
        chain,
        value,
        Programs("n=int(input())\nprint(n+%d)", "print(%d)"),
        _stdin_tests([((n,), n + value) for n in (3, 0, 41, -9)]),
    )


def _expression(rng: random.Random) -> Task:
    name, names = rng.choice(FUNCTIONS), rng.choice(PARAMETERS)
    first = rng.randrange(2)
    word, last = rng.choice(list(SIGNS)), rng.choice(("plus", "minus"))
    constant = rng.randint(10, LARGEST - 1)
    (sign, combine), (last_sign, finish) = SIGNS[word], SIGNS[last]
    left, right = names[first], names[1 - first]
    head = f"def {name}({names[0]},{names[1]}):\n    return "
    cases = [([*pair], finish(combine(pair[first], pair[1 - first]), constant)) for pair in PAIRS]
    return Task(
        "code",
        "expression",
        f"Write {name}({names[0]},{names[1]}): {left} {word} {right} {last} {constant}.",
        f"expression {first} {word} {last} {constant}",
        0,
        None,
        None,
        Programs(
            f"{head}{left}{sign}{right}{last_sign}{constant}",
            f"{head}{right}{sign}{left}{'-' if last_sign == '+' else '+'}{constant}",
        ),
        _function_tests(name, cases),
    )


def _program(rng: random.Random) -> Task:
    first, second = rng.choice(PARAMETERS)
    word, last = rng.choice(list(RESULTS)), rng.choice(("plus", "minus"))
    constant = rng.randint(10, LARGEST)
    (form, combine), (last_sign, finish) = RESULTS[word], SIGNS[last]
    read = f"{first}=int(input())\n"
    show = f"print({form.format(first, second)}{last_sign}{constant})"
    return Task(
        "code",
        "program",
        f"Read {first} and {second}, print the {word} {last} {constant}.",
        f"program {word} {last} {constant}",
        0,
        None,
        None,
        Programs(f"{read}{second}=int(input())\n{show}", f"{read}{show}"),
        _stdin_tests([(pair, finish(combine(*pair), constant)) for pair in PAIRS]),
    )


def _function_tests(name: str, cases: list[tuple[list[int], int]]) -> Tests:
    return Tests("function", tuple(TestCase(i, o) for i, o in cases), entry_point=name, time_limit_s=TIME_LIMIT_S)


def _stdin_tests(cases: list[tuple[tuple[int, ...], int]]) -> Tests:
    shown = tuple(TestCase("".join(f"{n}\n" for n in numbers), f"{value}\n") for numbers, value in cases)
    return Tests("stdin", shown, time_limit_s=TIME_LIMIT_S)


_DRAW = {"constant": _constant, "folded": _folded, "expression": _expression, "program": _program}
