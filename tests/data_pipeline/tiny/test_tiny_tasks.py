"""Every generated problem and every reference response is right under an oracle that shares nothing with them."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_oracle import code_function, math_answer, meaning, run_programs

from acereason.problems import parse_problem, to_json
from acereason.tokenizer import load_tokenizer
from data_pipeline.tiny.code_tasks import draw_code
from data_pipeline.tiny.flaws import Flaws
from data_pipeline.tiny.math_tasks import draw_math, gcd_cases
from data_pipeline.tiny.sets import to_problem
from data_pipeline.tiny.tasks import is_heldout
from data_pipeline.tiny.teacher import answer, reference

BOXED = re.compile(r"</think>\n\\boxed\{(-?\d+)\}")
FENCED = re.compile(r"</think>\n```python\n(.*)\n```", re.S)
LONGEST_RESPONSE, LONGEST_PROMPT = 176, 128  # tokens: what the tiny curriculum allows


def drawn(draw, count, seed=5):
    rng = random.Random(seed)
    return [draw(rng) for _ in range(count)]


@pytest.fixture(scope="module")
def math_tasks():
    return drawn(draw_math, 4000)


@pytest.fixture(scope="module")
def code_tasks():
    return drawn(draw_code, 4000)


def test_math_answers_are_right(math_tasks):
    for task in math_tasks:
        assert meaning(task.statement)[0] == task.family
        assert task.value == math_answer(task.statement), task.statement
    assert {task.family for task in math_tasks} == {"chain", "equation", "mod", "gcd"}
    assert {task.operations for task in math_tasks} == {1, 2, 3, 4}


def test_math_references_end_in_the_right_answer(math_tasks):
    for task in math_tasks:
        boxed = BOXED.findall(reference(task))
        assert boxed == [str(math_answer(task.statement))], task.statement


def test_every_line_of_a_reference_scratchpad_is_true(math_tasks, code_tasks):
    column = re.compile(r"(\d\d)([+-])(\d\d): (\d+)([+-])(\d)([+-])0=(\d+) (\d+)([+-])(\d)([+-])(\d)=(\d+) (\d\d)")
    lines = 0
    for task in math_tasks + code_tasks:
        for line in reference(task).split("</think>")[0].splitlines():
            match = column.fullmatch(line)
            assert match, line
            a, sign, b, *rest, result = match.groups()
            assert int(result) == int(a) + int(sign + b), line
            first, s1, d1, s2, ones, second, s3, d2, s4, carry, tens = rest
            assert {s1, s2, s3, s4} == {sign}
            assert int(ones) == int(first) + int(s1 + d1), line
            assert int(tens) == int(second) + int(s3 + d2) + int(s4 + carry), line
            assert int(result) == 10 * (int(tens) % 10) + int(ones) % 10
            lines += 1
    assert lines > 4000


def test_lengths_fit_the_curriculum(math_tasks, code_tasks):
    tokenizer = load_tokenizer("tiny")
    for task in math_tasks + code_tasks:
        assert len(tokenizer.encode_text(reference(task))) + 1 <= LONGEST_RESPONSE
        assert len(tokenizer.encode_prompt(task.statement, "bare", task.domain)) <= LONGEST_PROMPT


def test_code_tests_expect_what_the_statement_says(code_tasks):
    for task in code_tasks:
        function = code_function(task.statement)
        for case in task.tests.cases:
            if task.tests.kind == "function":
                assert case.output == function(*case.input), task.statement
            else:
                assert case.output == f"{function(*map(int, case.input.split()))}\n", task.statement
    assert {task.family for task in code_tasks} == {"constant", "folded", "expression", "program"}


def cases_of(task):
    return [(case.input, case.output) for case in task.tests.cases]


def test_reference_programs_pass_and_buggy_ones_fail(code_tasks):
    good = [(FENCED.search(reference(task))[1], task.tests.entry_point, cases_of(task)) for task in code_tasks]
    assert all(all(passed) for passed in run_programs(good))
    always_buggy = Flaws((1.0,), 0.0, 0.0, 0.0, buggy_program=1.0)
    rng = random.Random(0)
    buggy = [
        (FENCED.search(answer(task, always_buggy, rng).response)[1], task.tests.entry_point, cases_of(task))
        for task in code_tasks
    ]
    for task, passed in zip(code_tasks, run_programs(buggy), strict=True):
        assert not all(passed), f"the buggy program of {task.statement!r} passes every test"


def test_the_example_in_a_statement_is_not_all_of_its_tests(code_tasks):
    """Returning the shown example's value passes that case and no more."""
    shown = [task for task in code_tasks if task.family == "constant"]
    for task, passed in zip(
        shown,
        run_programs([(task.programs.buggy, task.tests.entry_point, cases_of(task)) for task in shown]),
        strict=True,
    ):
        assert passed[0] and not any(passed[1:]), task.statement


def test_rows_pass_the_strict_reader(math_tasks, code_tasks):
    for number, task in enumerate(math_tasks[:300] + code_tasks[:300]):
        problem = to_problem(task, number)
        assert parse_problem("rows", number, json.loads(json.dumps(to_json(problem)))).prompt == task.statement
        assert problem.prompt.isascii()


def test_key_is_the_meaning(math_tasks, code_tasks):
    """Keys and the oracle's reading without wording distinguish exactly the same problems."""
    by_key, by_meaning = {}, {}
    for task in math_tasks + code_tasks:
        read = meaning(task.statement)
        assert by_key.setdefault(task.key, read) == read
        assert by_meaning.setdefault(read, task.key) == task.key


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=200)
def test_any_seed_gives_right_problems(seed):
    rng = random.Random(seed)
    task = draw_math(rng)
    assert task.value == math_answer(task.statement)
    task = draw_code(rng)
    function = code_function(task.statement)
    for given_, wanted in cases_of(task):
        if task.tests.kind == "function":
            assert wanted == function(*given_)
        else:
            assert wanted == f"{function(*map(int, given_.split()))}\n"


def test_gcd_cases_take_the_work_they_say():
    for operations, cases in gcd_cases().items():
        assert len({numbers for numbers, _, _ in cases}) == len(cases)
        for numbers, steps, divisor in cases:
            assert steps == operations and math_answer(f"Find gcd({','.join(map(str, numbers))}).") == divisor
            assert numbers[0] > numbers[1] and all(10 <= number <= 99 for number in numbers)


def test_split_is_about_an_eighth():
    # 8,000 independent draws with p = 1/8: mean 1,000, standard deviation sqrt(8000 * 1/8 * 7/8) = 29.6
    assert abs(sum(is_heldout(f"key {i}") for i in range(8000)) - 1000) < 5 * 29.6
