"""A verifier worker: one process that judges one job after another, with a sandbox and a symbolic server of its own.

It is trusted: it holds gold answers and expected outputs, and runs no model output itself.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from acereason.config.schema import VerifierConfig
from acereason.errors import AceReasonError
from acereason.problems import TestCase, Tests, Verdict
from acereason.verifiers.code.child import MAX_INT_DIGITS
from acereason.verifiers.code.judge import judge_program
from acereason.verifiers.code.sandbox import Sandbox
from acereason.verifiers.math.judge import SymbolicTier
from acereason.verifiers.processes import FrameReader, die_with, pack


def main(arguments: dict[str, Any]) -> None:
    """Judges the jobs that come over the socket, in order, until it closes."""
    import sys

    die_with(arguments["parent"])
    sys.set_int_max_str_digits(MAX_INT_DIGITS)
    channel = socket.socket(fileno=arguments["fd"])
    config = VerifierConfig(**arguments["config"])
    sandbox = Sandbox(arguments["sandbox_level"], arguments["libraries"])
    symbolic = SymbolicTier(config.math_timeout_s, arguments["libraries"])
    reader = FrameReader()
    if arguments["warm_symbolic"]:
        symbolic.start()
    try:
        while data := channel.recv(1 << 18):
            for job in reader.feed(data):
                verdict = _judge(job, config, sandbox, symbolic)
                channel.sendall(pack(_report(job["number"], verdict, sandbox, symbolic)))
    except ConnectionError:  # the pool is gone
        pass
    finally:
        sandbox.close()
        symbolic.close()
        os._exit(0)


def _judge(job: dict[str, Any], config: VerifierConfig, sandbox: Sandbox, symbolic: SymbolicTier) -> Verdict:
    started = time.monotonic()
    try:
        if job["domain"] == "math":
            return symbolic.judge(job["gold"], job["answer"])
        return judge_program(job["program"], tests_from_json(job["tests"]), sandbox, config)
    except AceReasonError as error:  # no sandbox, or tests that the pool should have refused
        return Verdict("infra_error", time.monotonic() - started, str(error))


def _report(number: int, verdict: Verdict, sandbox: Sandbox, symbolic: SymbolicTier) -> dict[str, Any]:
    return {
        "number": number,
        "verdict": verdict.verdict,
        "seconds": verdict.seconds,
        "detail": verdict.detail,
        "sandbox_level": sandbox.level,
        "restarts": sandbox.restarts + symbolic.restarts,
    }


def tests_to_json(tests: Tests) -> dict[str, Any]:
    """Tests as they travel to a worker."""
    return {
        "kind": tests.kind,
        "cases": [[case.input, case.output] for case in tests.cases],
        "entry_point": tests.entry_point,
        "script": tests.script,
        "time_limit_s": tests.time_limit_s,
        "memory_mb": tests.memory_mb,
    }


def tests_from_json(row: dict[str, Any]) -> Tests:
    """The inverse of `tests_to_json`."""
    return Tests(**{**row, "cases": tuple(TestCase(given, expected) for given, expected in row["cases"])})
