"""An oracle of its own: it reads a statement as a person would, and knows nothing of the generator."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable

CHAIN = re.compile(r"(?:What is|Compute|Find) (\d+(?:[+-]\d+)+)[?.]")
EQUATION = re.compile(r"(?:Solve|Find x:) x((?:[+-]\d+)+)=(\d+)\.")
MOD = re.compile(r"(?:What is|Compute|Find) (\d+) mod (\d+)[?.]")
GCD = re.compile(r"(?:What is|Compute|Find) gcd\((\d+(?:,\d+)+)\)[?.]")
CONSTANT = re.compile(r"Write (\w)\(x\)=x([+-])c with \1\((\d+)\)=(\d+)\.")
FOLDED = re.compile(r"Read n, print n\+k for k=(\d+(?:[+-]\d+)+)\.")
EXPRESSION = re.compile(r"Write (\w)\((\w),(\w)\): (\w) (plus|minus|times) (\w) (plus|minus) (\d+)\.")
PROGRAM = re.compile(r"Read (\w) and (\w), print the (sum|difference|product|larger|smaller) (plus|minus) (\d+)\.")


def total(text: str) -> int:
    return sum(int(term) for term in re.findall(r"[+-]?\d+", text))


def meaning(statement: str) -> tuple:
    """What the statement asks, without its wording: equal for two phrasings of one problem."""
    if match := CHAIN.fullmatch(statement):
        return "chain", match[1]
    if match := EQUATION.fullmatch(statement):
        return "equation", match[1], match[2]
    if match := MOD.fullmatch(statement):
        return "mod", match[1], match[2]
    if match := GCD.fullmatch(statement):
        return "gcd", tuple(sorted(map(int, match[1].split(","))))
    if match := CONSTANT.fullmatch(statement):
        return "constant", match[2], match[3], match[4]
    if match := FOLDED.fullmatch(statement):
        return "folded", match[1]
    if match := EXPRESSION.fullmatch(statement):
        return "expression", match[4] == match[2], match[5], match[7], match[8]
    if match := PROGRAM.fullmatch(statement):
        return "program", match[3], match[4], match[5]
    raise AssertionError(f"the oracle cannot read {statement!r}")


def math_answer(statement: str) -> int:
    """The answer, from the statement's own numbers."""
    kind, *parts = meaning(statement)
    if kind == "chain":
        return total(parts[0])
    if kind == "equation":
        return int(parts[1]) - total(parts[0])
    if kind == "mod":
        return int(parts[0]) % int(parts[1])
    assert kind == "gcd"
    return math.gcd(*parts[0])


def code_function(statement: str) -> Callable[..., int]:
    """The function that the statement describes, on integers."""
    kind, *parts = meaning(statement)
    if kind == "constant":
        shift = int(parts[2]) - int(parts[1])
        assert (shift > 0) == (parts[0] == "+")
        return lambda x: x + shift
    if kind == "folded":
        return lambda n: n + total(parts[0])
    last = int(parts[-1]) if parts[-2] == "plus" else -int(parts[-1])
    if kind == "expression":
        in_order, word = parts[0], parts[1]
        combine = {"plus": lambda a, b: a + b, "minus": lambda a, b: a - b, "times": lambda a, b: a * b}[word]
        return lambda a, b: (combine(a, b) if in_order else combine(b, a)) + last
    combine = {
        "sum": lambda a, b: a + b,
        "difference": lambda a, b: a - b,
        "product": lambda a, b: a * b,
        "larger": lambda a, b: a if a > b else b,
        "smaller": lambda a, b: b if a > b else a,
    }[parts[0]]
    return lambda a, b: combine(a, b) + last


_CHILD = """
import contextlib, io, json, sys
verdicts = []
for program, entry_point, cases in json.load(sys.stdin):
    def passes():
        if entry_point:
            scope = {}
            exec(program, scope)
            return [scope[entry_point](*given) == wanted for given, wanted in cases]
        results = []
        for given, wanted in cases:
            feed, shown = iter(given.splitlines()), io.StringIO()
            with contextlib.redirect_stdout(shown):
                exec(program, {"input": lambda: next(feed)})
            results.append(shown.getvalue() == wanted)
        return results
    try:
        verdicts.append(passes())
    except Exception as error:
        verdicts.append([False] * len(cases))
json.dump(verdicts, sys.stdout)
"""


def run_programs(jobs: list[tuple[str, str | None, list[tuple[object, object]]]]) -> list[list[bool]]:
    """For each (program of our own generator, entry point, cases): which cases it passes. In one child process."""
    child = subprocess.run(
        [sys.executable, "-I", "-c", _CHILD], input=json.dumps(jobs), capture_output=True, text=True, timeout=300
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)
