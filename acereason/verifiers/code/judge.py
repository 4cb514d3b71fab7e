"""The code verdict: the program is compiled once here, and run on one case after another until one fails."""

from __future__ import annotations

import marshal
import time
import warnings

from acereason.config.schema import VerifierConfig
from acereason.problems import Tests, Verdict
from acereason.verifiers.code.cases import cases_of
from acereason.verifiers.code.sandbox import Limits, Sandbox

# How much longer than its CPU limit a test may take by the clock, where the problem states its own time limit.
WALL_PER_CPU = 3.0


def compile_program(program: str) -> bytes | str:
    """The program's code, marshalled; or, as text, why it does not compile. It is parsed here, never run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return marshal.dumps(compile(program, "<program>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def limits_of(tests: Tests, config: VerifierConfig) -> Limits:
    """The limits of one test: the problem's own where it states them, else the configured ones."""
    cpu_s, wall_s = config.code_cpu_s, config.code_wall_s
    if tests.time_limit_s is not None:
        cpu_s, wall_s = tests.time_limit_s, max(wall_s, tests.time_limit_s * WALL_PER_CPU)
    return Limits(cpu_s, wall_s, tests.memory_mb or config.code_memory_mb, config.code_output_kb)


def judge_program(program: str | None, tests: Tests, sandbox: Sandbox, config: VerifierConfig) -> Verdict:
    """The verdict on one program: `correct` only if it passes every test.

    Raises `InputError` for tests that cannot be judged, `RunError` where no sandbox can be started.
    """
    started = time.monotonic()

    def verdict(name: str, detail: str) -> Verdict:
        return Verdict(name, time.monotonic() - started, detail)

    cases = cases_of(tests)
    if program is None:
        return verdict("no_answer", "no closed python block after </think>")
    code = compile_program(program)
    if isinstance(code, str):
        return verdict("unparsable", code)
    limits = limits_of(tests, config)
    deadline = started + config.code_program_s
    for number, case in enumerate(cases, start=1):
        left = deadline - time.monotonic()
        if left <= 0.0:
            return verdict("timeout", f"test {number} of {len(cases)}: over {config.code_program_s:g} s in all")
        test_limits = Limits(limits.cpu_s, min(limits.wall_s, left), limits.memory_mb, limits.output_kb)
        outcome = sandbox.run(case.mode, code, case.given, case.entry, test_limits)
        if outcome.failure is not None:
            return verdict(outcome.failure, f"test {number} of {len(cases)}: {outcome.detail}")
        if not case.passes(outcome.stdout, outcome.record):
            return verdict("wrong", f"test {number} of {len(cases)}")
    return verdict("correct", f"{len(cases)} tests")
