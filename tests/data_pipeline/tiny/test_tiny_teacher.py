"""The teacher errs as often as it says, and says rightly when it errs."""

from __future__ import annotations

import math
import random
import re

import pytest
from tiny_oracle import math_answer, run_programs

from data_pipeline.tiny.flaws import Flaws, describe, to_json
from data_pipeline.tiny.scratchpad import operate
from data_pipeline.tiny.sets import draw_taught
from data_pipeline.tiny.teacher import FAULTLESS

FLAWS = Flaws()
STATED = Flaws(column_slip=0.03, carry_forgotten=0.6, mental_slip=0.05)


@pytest.fixture(scope="module")
def taught():
    return list(draw_taught(12_000, 0.4, FLAWS, 3))


def near(observed: float, rate: float, count: int) -> bool:
    """Within five standard deviations of a binomial."""
    return abs(observed - rate) <= 5 * math.sqrt(rate * (1 - rate) / count)


def test_code_fraction_and_style_rates(taught):
    assert near(sum(task.domain == "code" for task, _ in taught) / len(taught), 0.4, len(taught))
    for operations in (1, 2, 3, 4):
        styles = [row.columns for task, row in taught if task.operations == operations]
        assert near(sum(styles) / len(styles), FLAWS.columns[operations - 1], len(styles))
    buggy = [row.buggy for task, row in taught if task.domain == "code"]
    assert near(sum(buggy) / len(buggy), FLAWS.buggy_program, len(buggy))


def test_what_the_teacher_says_of_its_math_is_so(taught):
    for task, row in taught:
        if task.domain == "math":
            boxed = int(re.search(r"\\boxed\{(-?\d+)\}", row.response)[1])
            assert row.correct == (boxed == math_answer(task.statement)), task.statement


def test_what_the_teacher_says_of_its_code_is_so(taught):
    rows = [(task, row) for task, row in taught if task.domain == "code"]
    jobs = []
    for task, row in rows:
        program = re.search(r"```python\n(.*)\n```", row.response, re.S)[1]
        jobs.append((program, task.tests.entry_point, [(case.input, case.output) for case in task.tests.cases]))
    for (task, row), passed in zip(rows, run_programs(jobs), strict=True):
        assert row.correct == all(passed), (task.statement, row.response)


def test_no_response_is_longer_than_the_curriculum_allows(taught):
    longest = max(len(row.response) for _, row in taught)  # a character is a token; </think> counts as one
    assert longest - len("</think>") + 1 + 1 <= 176


def test_responses_have_one_thinking_part_and_no_end_token(taught):
    for _, row in taught:
        assert row.response.count("</think>") == 1
        assert "<think>" not in row.response and "<|" not in row.response


@pytest.mark.parametrize(("a", "sign", "b"), [(27, "+", 15), (81, "-", 34)])
def test_one_operation_from_the_head_errs_as_stated(a, sign, b):
    """Both operands need a carry or a borrow, so the result is right only if it is not forgotten and no slip comes.

    A slip of 10 upwards (a quarter of the slips) undoes a forgotten carry, and one downwards a
    forgotten borrow: right = (1 - f)(1 - s) + f * s / 4 with f = 0.6 and s = 0.05, that is 0.3875.
    """
    rng, count = random.Random(1), 20_000
    exact = a + b if sign == "+" else a - b
    right = sum(operate(a, sign, b, False, STATED, rng)[1] == exact for _ in range(count)) / count
    assert near(right, 0.4 * 0.95 + 0.6 * 0.05 / 4, count)


def test_one_operation_in_columns_errs_as_stated():
    """Two columns slip with 1.5% each, and no two slips cancel: right = 0.985 ** 2."""
    rng, count = random.Random(2), 20_000
    right = sum(operate(44, "+", 33, True, STATED, rng)[1] == 77 for _ in range(count)) / count
    assert near(right, 0.985**2, count)


@pytest.mark.parametrize("columns", [True, False])
def test_without_flaws_every_operation_is_exact(columns):
    rng = random.Random(0)
    for a in range(100):
        for b in range(100):
            for sign, exact in (("+", a + b), ("-", a - b)):
                if 0 <= exact <= 99:
                    line, result = operate(a, sign, b, columns, FAULTLESS, rng)
                    assert result == exact and line.endswith(f"{exact:02d}\n")
                    assert len(line) == (28 if columns else 9)


def test_results_stay_in_two_digits_whatever_slips():
    rng, wild = random.Random(0), Flaws(column_slip=1.0, mental_slip=1.0)
    for _ in range(20_000):
        a, b, sign = rng.randrange(100), rng.randrange(100), rng.choice("+-")
        if 0 <= (a + b if sign == "+" else a - b) <= 99:
            assert 0 <= operate(a, sign, b, rng.random() < 0.5, wild, rng)[1] <= 99


def test_description_states_every_rate():
    text = " ".join(describe(FLAWS))
    for rate in (*FLAWS.columns, FLAWS.column_slip, FLAWS.carry_forgotten, FLAWS.mental_slip, FLAWS.buggy_program):
        assert f"{rate:.0%}" in text
    assert "planted" in text and set(to_json(FLAWS)) == set(Flaws.__slots__)
