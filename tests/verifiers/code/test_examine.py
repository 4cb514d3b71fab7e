"""Examinations: a finding for every case, with and without expected outputs, shared processes or not."""

from __future__ import annotations

import json

import pytest

from acereason.problems import TestCase, Tests
from acereason.verifiers.code.examine import Examination, Question, examine_program
from acereason.verifiers.code.sandbox import Limits, Sandbox
from acereason.verifiers.code.source import compile_program
from acereason.verifiers.pool import VerifierPool

from ..conftest import affine_tests, code_problem, config

ANSWERS = Question(compare=False, capture=True, alone=True)
KILLS = Question(compare=True, capture=False, alone=False)


def squares(count: int, expected: bool = True) -> Tests:
    cases = tuple(TestCase([n], n * n if expected else None) for n in range(count))
    return Tests("function", cases, "f", time_limit_s=0.5)


def _given(program: str) -> tuple[bytes, bytes, str, Limits]:
    code = compile_program(program)
    assert isinstance(code, bytes)
    return code, b"[1]", "f", Limits(1.0, 5.0, 256, 64)


def verdicts(found: Examination) -> str:
    return "".join(finding.verdict[0] for finding in found.findings)


def test_every_case_has_a_finding_whatever_happened_before_it(sandbox: Sandbox) -> None:
    program = "def f(n):\n    if n == 3:\n        raise ValueError(n)\n    return -1 if n == 2 else n * n\n"
    for alone in (True, False):
        found = examine_program(program, squares(6), Question(True, False, alone), sandbox, config())
        assert [one.verdict for one in found.findings] == ["correct", "correct", "wrong", "crash", "correct", "correct"]
        assert found.verdict == "wrong"


def test_answers_are_returned_where_none_is_expected(sandbox: Sandbox) -> None:
    found = examine_program("def f(n):\n    return (n, {'a': n})\n", squares(2, False), ANSWERS, sandbox, config())
    assert [one.verdict for one in found.findings] == ["answered", "answered"]
    assert json.loads(found.findings[1].answer or "") == {"tuple": [1, {"dict": [["a", 1]]}]}
    assert all(one.cpu_s > 0 for one in found.findings)
    text = Tests("stdin", (TestCase("3\n", ""), TestCase("x\n", "")))
    found = examine_program("print(int(input()) + 1)", text, ANSWERS, sandbox, config())
    assert [(one.verdict, one.answer) for one in found.findings] == [("answered", "4\n"), ("crash", None)]


@pytest.mark.parametrize("answer", ["float('nan')", "'\\ud800'", "object()", "print"])
def test_an_answer_that_no_test_can_hold_is_a_crash(sandbox: Sandbox, answer: str) -> None:
    found = examine_program(f"def f(n):\n    return {answer}\n", squares(1, False), ANSWERS, sandbox, config())
    assert [one.verdict for one in found.findings] == ["crash"]


def test_a_loop_ends_the_examination_and_the_rest_is_not_run(sandbox: Sandbox) -> None:
    program = "def f(n):\n    while n == 1:\n        pass\n    return n * n\n"
    found = examine_program(program, squares(5), KILLS, sandbox, config())
    assert [one.verdict for one in found.findings] == ["correct", "timeout", "not_run", "not_run", "not_run"]
    more = Question(True, False, False, most_timeouts=2)
    assert verdicts(examine_program(program, squares(5), more, sandbox, config())) == "ctccc"


def test_crashes_may_end_it_too(sandbox: Sandbox) -> None:
    program = "def f(n):\n    assert n == 0\n    return 0\n"
    question = Question(True, False, False, most_crashes=2)
    found = examine_program(program, squares(5), question, sandbox, config())
    assert [one.verdict for one in found.findings] == ["correct", "crash", "crash", "not_run", "not_run"]


def test_a_program_that_keeps_something_between_calls_is_run_alone(sandbox: Sandbox) -> None:
    program = "seen = []\ndef f(n):\n    seen.append(n)\n    return n * n if len(seen) == 1 else -1\n"
    found = examine_program(program, squares(4), KILLS, sandbox, config())
    assert verdicts(found) == "cccc"


def test_the_order_of_a_set_is_that_of_training_or_another_one(sandbox: Sandbox) -> None:
    program = "def f(n):\n    return ''.join({'ab', 'cd', 'ef', 'gh', 'ij', 'kl', 'mn', 'op'}) * n\n"
    found = [
        examine_program(program, squares(2, False), Question(False, True, True, hash_seed=seed), sandbox, config())
        for seed in (0, 0, 20251)
    ]
    first, again, other = (one.findings[1].answer for one in found)
    assert first == again != other and sorted(first or "") == sorted(other or "")
    plain = sandbox.run("call", *_given("def f(n):\n    return list({'ab', 'cd', 'ef'})\n"))
    assert plain.failure is None  # the process of training is still there beside the other one


def test_a_program_that_does_not_compile_crashes_everywhere(sandbox: Sandbox) -> None:
    found = examine_program("def f(:", squares(2), KILLS, sandbox, config())
    assert [one.verdict for one in found.findings] == ["crash", "crash"]
    assert "unparsable" in found.findings[0].detail


def test_an_assert_script_cannot_be_examined(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="stdin or function"):
        examine_program("", Tests("assert", script="assert f(1) == 1"), KILLS, sandbox, config())


def test_the_pool_examines_beside_judging() -> None:
    right = "a, b = map(int, input().split())\nprint(a * b + 7)"
    with VerifierPool(config()) as pool:
        pool.examine("e", right, affine_tests("stdin"), Question(True, True, True))
        pool.examine("same", right, affine_tests("stdin"), Question(True, True, True))
        pool.submit("v", code_problem(affine_tests("stdin")), right, bare=True)
        found = {}
        while len(found) < 3:
            found |= dict(pool.poll(60.0))
    assert isinstance(found["e"], Examination) and found["same"] == found["e"]
    assert [one.answer for one in found["e"].findings] == ["19\n", "37\n", "27\n"]
    assert found["v"].verdict == "correct" and not isinstance(found["v"], Examination)
