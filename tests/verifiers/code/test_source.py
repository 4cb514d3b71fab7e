"""Compiling hostile programs in the trusted worker, in bounded memory."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from acereason.verifiers.code.source import compile_program, imports_numpy


def nested(depth: int, body: list[str]) -> str:
    lines = [" " * level + text for level in range(depth) for text in ("try: a", "finally:")]
    return "\n".join([*lines, *(" " * depth + line for line in body)])


def exits(count: int, statement: str = "b = 1") -> str:
    returns = "\n".join(f"    if a == {i}: return {i}" for i in range(count))
    return f"def f(a):\n  try:\n{returns}\n  finally:\n" + "\n".join([f"    {statement}"] * count)


HUGE = {
    "nested": nested(19, ["b"] * 1000),
    "nested_few": nested(17, ["b"]),
    "many_exits": exits(4000),
    "long_expression": "def f(a):\n  try:\n"
    + "    if a: return\n" * 3000
    + "  finally:\n    x = ["
    + "a," * 30000
    + "]",
    "in_a_loop": "while a:\n try:\n" + "  if a: break\n  if b: continue\n" * 2000 + " finally:\n" + "  b\n" * 4000,
    "module_of_many_parts": "import " + "a." * 90_000 + "a",
    "module_of_many_parts_over_lines": "from " + "a.\\\n" * 60_000 + "a import b",
    "in_a_method": "class A:\n" + "\n".join(" " + line for line in exits(3000).split("\n")),
}


@pytest.mark.parametrize("name", HUGE)
def test_programs_that_would_compile_to_gigabytes_are_refused(name: str) -> None:
    """In a process with 1 GB: compiling them outright would take more."""
    script = "import sys\nfrom acereason.verifiers.code.source import compile_program\n" + (
        "answer = compile_program(sys.stdin.read())\nassert isinstance(answer, str) and 'to compile' in answer, answer"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    subprocess.run([sys.executable, "-c", script], input=HUGE[name].encode(), check=True, preexec_fn=limit, timeout=300)


@pytest.mark.parametrize(
    "program",
    [
        nested(3, ["print(1)", "print(2)"]),
        exits(60),
        "try:\n    a = 1\nfinally:\n" + "    print(1)\n" * 2000,
        "x = 'finally'",
    ],
)
def test_ordinary_programs_with_finally_compile(program: str) -> None:
    assert isinstance(compile_program(program), bytes)


@pytest.mark.parametrize(
    "program",
    [
        "def f(:", "(" * 100_000, "[" * 190_000, "-" * 190_000 + "1", "a" + ".b" * 90_000, "1+" * 90_000 + "1",
        "lambda:" * 20_000 + "1", "x = '\ud800'", "a\0b", "if 1:\n" * 150, "9" * 60_000, "f'" + "{" * 1000,
    ],
)  # fmt: skip
def test_what_does_not_compile_says_why(program: str) -> None:
    why = compile_program(program)
    assert isinstance(why, str) and why


@pytest.mark.parametrize(
    ("program", "uses"),
    [
        ("import numpy", True),
        ("import os, numpy.linalg as la", True),
        ("def f():\n    from numpy import array", True),
        ("# import numpy\nx = 'numpy'", False),
        ("from . import numpy_like", False),
        ("import numpython", False),
    ],
)
def test_programs_that_import_numpy(program: str, uses: bool) -> None:
    assert imports_numpy(program) is uses
