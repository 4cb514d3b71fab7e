"""Extraction, comparison, test scripts and single verdicts of the code verifier."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acereason.errors import InputError
from acereason.problems import TestCase, Tests
from acereason.verifiers.code.cases import cases_of_script
from acereason.verifiers.code.compare import same_output, same_value
from acereason.verifiers.code.extract import extract_program
from acereason.verifiers.code.judge import judge_program
from acereason.verifiers.code.sandbox import Sandbox

from .conftest import affine_tests, config, shared_rows


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("</think>\n```python\na\n```", "a\n"),
        ("```python\nz\n```</think>\n```python\na\n```\n```python\nb\n```", "b\n"),
        ("</think>```python\na\n```\n```\nplain\n```", "a\n"),
        ("</think>```python\nx = '''\n  not ``` here'''\n```", "x = '''\n  not ``` here'''\n"),
        ("</think>```python\na```", "a"),
        ("</think>```python\na\n```\n```python\ncut off", "a\n"),
        ("</think>```\na\n```", None),
        ("```python\na\n```", None),
        ("</think>```python\n \n```", None),
    ],
)
def test_the_program_is_the_last_closed_python_block_after_thinking(text: str, program: str | None) -> None:
    assert extract_program(text) == program


@given(st.lists(st.sampled_from(["```", "python", "\n", "</think>", " ", "x"]), max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_extraction(text: str) -> None:
    program = extract_program(text)
    assert program is None or program.strip()


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (b"1 2\n3\n", b"1 2  \n3", True),
        (b"1 2\n", b"1\n2\n", True),
        (b"0.5\n", b"0.50000000001\n", True),
        (b"1e-3", b"0.001", True),
        (b"5\n", b"5.0\n", False),
        (b"5\n", b"5.0000000001\n", False),
        (b"0.5\n", b"0.51\n", False),
        (b"0.5\n", b"nan\n", False),
        (b"a\n", b"a\nb\n", False),
        (b"19", b"\xff\x00 19", False),
        (b"Yes\n", b"yes\n", False),
    ],
)
def test_output_comparison(expected: bytes, got: bytes, same: bool) -> None:
    assert same_output(expected, got) is same


@pytest.mark.parametrize(
    ("wanted", "given", "same", "strict"),
    [
        ([1, 2], {"tuple": [1, 2]}, True, False),
        ((1, 2), {"list": [1, 2]}, False, True),
        ((1, 2), {"tuple": [1, 2]}, True, True),
        ([[1], []], {"list": [{"list": [1]}, {"list": []}]}, True, False),
        (0.5, 0.5000000001, True, False),
        (0.5, 0.5000000001, False, True),
        (5, 5.0000000001, False, False),
        ({"1": 2}, {"dict": [[1, 2]]}, True, False),
        ({1: 2}, {"dict": [["1", 2]]}, False, True),
        ({1, 2}, {"set": [2, 1]}, True, True),
        (None, 0, False, False),
        ("1", 1, False, False),
        ([1], 1, False, False),
        ([1], {"list": {"0": 1}}, False, False),
        ([1], {"list": [1], "tuple": [1]}, False, False),
    ],
)
def test_value_comparison(wanted: object, given: object, same: bool, strict: bool) -> None:
    assert same_value(wanted, given, strict) is same


def test_literal_asserts_become_cases_without_their_right_side() -> None:
    script = (
        "METADATA = {}\ndef check(candidate):\n    assert candidate([1], k=2) == 734512\n    assert True\ncheck(f)\n"
    )
    (case,) = cases_of_script(script)
    assert case.expected == 734512
    assert b"734512" not in case.given and (734512).to_bytes(4, "little") not in case.given


@pytest.mark.parametrize(
    "script",
    [
        "for i in range(3):\n    assert f(i) == i",
        "assert f(1) == g(1)",
        "assert same(f(1), [2, 3])",
        "assert (f(1) == 3) == True",
        "assert f(1) in (1, 2)",
        "x = 3",
        "",
        "def check(c):\n    assert c(1) == 1",
    ],
)
def test_other_scripts_are_refused_with_a_reason(script: str) -> None:
    with pytest.raises(InputError, match="assert script"):
        cases_of_script(script)


FUNCTION = affine_tests("function")
STDIN = affine_tests("stdin")
SCRIPT = Tests("assert", script="assert f(3, 4) == 19\nassert abs(f(5, 6) - 37.0) < 1e-6\nassert f(10, 2) == 27")


@pytest.mark.parametrize(
    ("program", "tests", "verdict"),
    [
        ("a, b = map(int, input().split())\nprint(a * b + 7)", STDIN, "correct"),
        ("import sys\na, b = map(int, sys.stdin.read().split())\nprint(a * b + 7); sys.exit()", STDIN, "correct"),
        ("a, b = map(int, open(0).read().split())\nif __name__ == '__main__': print(a * b + 7)", STDIN, "correct"),
        ("import atexit\na, b = map(int, input().split())\natexit.register(print, a * b + 7)", STDIN, "correct"),
        (
            "import threading, sys\nthreading.stack_size(1 << 26)\nsys.setrecursionlimit(10**6)\n"
            "def main():\n    a, b = map(int, input().split())\n    print(a * b + 7)\n"
            "threading.Thread(target=main).start()",
            STDIN,
            "correct",
        ),
        ("print(19)", STDIN, "wrong"),
        ("def f(a, b): return a * b + 7", FUNCTION, "correct"),
        ("class Solution:\n    def f(self, a: List[int], b): return a * b + 7", FUNCTION, "correct"),
        ("def f(a, b): return a * b + 8", FUNCTION, "wrong"),
        ("def f(a, b): return object()", FUNCTION, "crash"),
        ("def g(a, b): return a * b + 7", FUNCTION, "crash"),
        ("def f(a, b): return a * b + 7", SCRIPT, "correct"),
        ("def f(a, b): return 19", SCRIPT, "wrong"),
        ("class E:\n    __eq__ = __sub__ = lambda s, o: True\ndef f(a, b): return E()", SCRIPT, "crash"),
        ("def f(a, b) return 1", FUNCTION, "unparsable"),
        ("(" * 10_000, STDIN, "unparsable"),
        ("a, b = map(int, input().split())\nprint(a * b + 7)\nraise SystemExit(3)", STDIN, "crash"),
        ("1 / 0", STDIN, "crash"),
        ("import os\nos.abort()", STDIN, "crash"),
        ("x = bytearray(1 << 30)", STDIN, "resource"),
        ("while True: print('x' * 10000)", STDIN, "resource"),
        (None, STDIN, "no_answer"),
    ],
)  # fmt: skip
def test_verdicts(sandbox: Sandbox, program: str | None, tests: Tests, verdict: str) -> None:
    assert judge_program(program, tests, sandbox, config()).verdict == verdict


def test_endless_programs_are_timeouts(sandbox: Sandbox) -> None:
    limits = config(code_cpu_s=1.0, code_wall_s=5.0)
    assert judge_program("while True: pass", STDIN, sandbox, limits).verdict == "timeout"
    limits = config(code_wall_s=0.5)
    assert judge_program("import time\ntime.sleep(60)", STDIN, sandbox, limits).verdict == "timeout"
    limits = config(code_wall_s=5.0, code_program_s=0.5)
    assert judge_program("import time\ntime.sleep(60)", STDIN, sandbox, limits).verdict == "timeout"


def test_programs_that_do_not_compile_start_nothing() -> None:
    box = Sandbox()
    assert judge_program("def", STDIN, box, config()).verdict == "unparsable"
    assert box.level is None


def test_nothing_of_our_environment_or_path_is_visible(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACEREASON_TEST_SECRET", "xyzzy")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    box = Sandbox()
    try:
        for program, output in (
            ("import os\nprint('xyzzy' in str(os.environ) + str(open('/proc/self/environ').read()))", "False"),
            ("import sys\nprint(any(p.endswith(('acereason', 'tests')) for p in sys.path))", "False"),
        ):
            tests = Tests("stdin", (TestCase("", output),))
            assert judge_program(program, tests, box, config()).verdict == "correct"
    finally:
        box.close()


def test_one_test_leaves_nothing_to_the_next(sandbox: Sandbox) -> None:
    leave = (
        "import os, random\nprint(sorted(os.listdir('.')), random.random())\nopen('left', 'w').write('x')\n"
        "os.makedirs('d/e')\nopen('d/e/f', 'w')\nos.chmod('d/e', 0)\nos.chmod('d', 0)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        import time\n        time.sleep(600)\n"
        "    os._exit(0)"
    )
    outputs = set()
    for _ in range(3):
        from acereason.verifiers.code.judge import compile_program, limits_of

        code = compile_program(leave)
        assert isinstance(code, bytes)
        outcome = sandbox.run("stdin", code, b"", None, limits_of(STDIN, config()))
        assert outcome.failure is None, outcome.detail
        outputs.add(outcome.stdout)
    assert len(outputs) == 1 and b"[]" in outputs.pop()


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_level_this_user_can_have_judges_alike(level: int) -> None:
    box = Sandbox(level)
    try:
        box.start()
    except Exception as error:
        pytest.skip(f"level {level} cannot be had here: {error}")
    try:
        for row in shared_rows("code/reward_hacks.jsonl"):
            tests = STDIN if row["kind"] == "stdio" else FUNCTION
            assert judge_program(row["program"], tests, box, config()).reward == 0.0, row["name"]
        right = judge_program("a, b = map(int, input().split())\nprint(a * b + 7)", STDIN, box, config())
        assert right.verdict == "correct"
    finally:
        box.close()


def test_programs_see_no_other_process_and_cannot_write(sandbox: Sandbox) -> None:
    if (sandbox.level or 0) < 2:
        pytest.skip("no namespaces here")
    looks = (
        "import os, socket\nprint(sorted(p for p in os.listdir('/proc') if p.isdigit())[0:1], os.getuid() != 0)\n"
        "for path in ('/etc/x', '/usr/x', '/x', os.__file__):\n"
        "    try: open(path, 'a'); print('WRITTEN', path)\n    except OSError: pass\n"
        "print(os.path.exists('/root/.bashrc'), os.path.exists('/home'), os.path.exists('/run'))\n"
        "try: socket.create_connection(('127.0.0.1', 22), 1); print('NET')\nexcept OSError: print('no net')"
    )
    tests = Tests("stdin", (TestCase("", "['1'] True\nFalse False False\nno net\n"),))
    assert judge_program(looks, tests, sandbox, config()).verdict == "correct"


@pytest.mark.slow
def test_hostile_programs_are_contained(sandbox: Sandbox) -> None:
    limits = config(code_cpu_s=1.0, code_wall_s=2.0)
    paid = set()
    for row in shared_rows("code/hostile_programs.jsonl"):
        verdict = judge_program(row["program"], Tests("stdin", (TestCase(row["stdin"], "19\n"),)), sandbox, limits)
        assert verdict.verdict != "infra_error", row["name"]
        if verdict.reward:
            paid.add(row["name"])
    assert paid <= {"ok", "no_read_stdin_big"}  # both print 19, which is right for this input
    assert not os.path.exists("/etc/acetest") and not os.path.exists("/tmp/leak")
    assert judge_program("a, b = map(int, input().split())\nprint(a * b + 7)", STDIN, sandbox, config()).reward == 1.0


@pytest.mark.slow
def test_labelled_programs(sandbox: Sandbox) -> None:
    """Every ninth labelled program: at least 97 % agree (1-2 % of the labels are noise or need missing packages)."""
    agree = judged = 0
    for row in shared_rows("code/labelled_programs.jsonl.gz")[::9]:
        given = row["tests"]
        if row["kind"] == "assert_script":
            tests = Tests("assert", script=given["script"])
        else:
            cases = tuple(TestCase(i, o) for i, o in zip(given["inputs"], given["outputs"], strict=True))
            kind = "function" if row["kind"] == "func" else "stdin"
            tests = Tests(kind, cases[:20], entry_point=given.get("fn_name"))
        try:
            verdict = judge_program(row["program"], tests, sandbox, config(code_cpu_s=4.0, code_memory_mb=512))
        except InputError:
            continue
        judged += 1
        agree += (verdict.verdict == "correct") == row["expected"]
    assert judged >= 90
    assert agree / judged >= 0.97
