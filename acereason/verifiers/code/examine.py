"""How one program fares on every input of a problem, for curation: nothing is stopped at the first failing case.

`run_program` says whether a program is right. An examination says what it answers, or which cases find it wrong. It
needs no expected outputs, so it can also answer inputs that have none yet.
"""

from __future__ import annotations

import json
import marshal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from acereason.config.schema import VerifierConfig
from acereason.problems import Tests, Verdict
from acereason.verifiers.code.cases import Case
from acereason.verifiers.code.judge import limits_of
from acereason.verifiers.code.sandbox import Limits, Outcome, Sandbox
from acereason.verifiers.code.source import compile_program, imports_numpy

TOGETHER = 32  # function cases that share a process; their answers share one limit of output


@dataclass(frozen=True, slots=True)
class Finding:
    """How one case ended: `answered` (not compared), `correct`, `wrong`, `timeout`, `resource`, `crash` or `not_run`.

    `answer` is standard output, or the JSON text of the encoded result; None where it was not asked for, or where
    there is none. `cpu_s` is a share of the process's where cases shared one.
    """

    verdict: str
    cpu_s: float = 0.0
    answer: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Examination(Verdict):
    """One finding for each case, in the order of the file. `verdict` is that of the first case that failed."""

    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What to find out. `alone`: each case in a process of its own, so that its CPU time is its own.

    `compare` needs an expected output in every case. `most_timeouts`, `most_crashes`: after so many cases that ended
    the process in this way the rest is `not_run`. `hash_seed`: of the interpreter; training has 0.
    """

    compare: bool
    capture: bool
    alone: bool
    most_timeouts: int = 1
    most_crashes: int = 1_000_000
    hash_seed: int = 0


def examine_program(
    program: str, tests: Tests, question: Question, sandbox: Sandbox, config: VerifierConfig
) -> Examination:
    """Findings for all cases of stdin or function `tests`.

    Cases that are left when the limits of a whole program (`code_program_cpu_s`, `code_program_s`) have passed are
    `not_run`. Raises `RunError` where no sandbox can be started, `ValueError` for an assert script.
    """
    if tests.kind not in ("stdin", "function"):
        raise ValueError(f"examine: cases of kind stdin or function, got {tests.kind}")
    started = time.monotonic()
    code = compile_program(program)
    if isinstance(code, str):
        findings = (Finding("crash", detail=f"unparsable: {code}"),) * len(tests.cases)
    else:
        run = _Examination(code, imports_numpy(program), tests, question, sandbox, config)
        findings = tuple(run.findings(started + config.code_program_s))
    failed = next((f.verdict for f in findings if f.verdict not in ("correct", "answered")), "correct")
    return Examination("timeout" if failed == "not_run" else failed, time.monotonic() - started, "", findings)


class _Examination:
    def __init__(
        self, code: bytes, numpy: bool, tests: Tests, question: Question, sandbox: Sandbox, config: VerifierConfig
    ) -> None:
        self.code, self.numpy, self.question, self.sandbox = code, numpy, question, sandbox
        self.limits = limits_of(tests, config)
        self.cases = [_case(tests, case.input, case.output) for case in tests.cases]
        self.budget_s = config.code_program_cpu_s
        self.found: dict[int, Finding] = {}

    def findings(self, deadline: float) -> list[Finding]:
        shares = not self.question.alone and len(self.cases) > 1 and self.cases[0].mode == "call"
        timeouts = crashes = 0
        left = list(range(len(self.cases)))
        while left and self.budget_s > 0.0 and time.monotonic() < deadline:
            if timeouts >= self.question.most_timeouts or crashes >= self.question.most_crashes:
                break
            if shares:
                # A mutant's failure in company is believed once one was seen alone; a reference's never is.
                trusted = bool(self.found) and not self.question.capture
                done = self._together(left[:TOGETHER], trusted, deadline)
                if done is None:  # right alone, wrong in company: it keeps something between two calls
                    shares = False
                    continue
            else:
                done = self._alone(left[0], deadline)
            timeouts += sum(self.found[index].verdict == "timeout" for index in done)
            crashes += sum(self.found[index].verdict in ("crash", "resource") for index in done)
            left = [index for index in left if index not in self.found]
        return [self.found.get(index, Finding("not_run")) for index in range(len(self.cases))]

    def _alone(self, index: int, deadline: float) -> list[int]:
        case = self.cases[index]
        self.found[index] = self._finding(case, self._run(case.mode, case.given, self.limits, deadline))
        return [index]

    def _run(self, mode: str, given: bytes, limits: Limits, deadline: float) -> Outcome:
        wall_s = max(0.1, min(limits.wall_s, deadline - time.monotonic()))
        within = Limits(limits.cpu_s, wall_s, limits.memory_mb, limits.output_kb)
        outcome = self.sandbox.run(
            mode, self.code, given, self.cases[0].entry, within, self.numpy, self.question.hash_seed
        )  # fmt: skip
        self.budget_s -= outcome.cpu_s
        return outcome

    def _finding(self, case: Case, outcome: Outcome) -> Finding:
        if outcome.failure is not None:
            return Finding(outcome.failure, outcome.cpu_s, None, outcome.detail)
        verdict = "answered"
        if self.question.compare:
            verdict = "correct" if case.passes(outcome.stdout, outcome.record, case.expected) else "wrong"
        answer = _answer(case.mode, outcome) if self.question.capture else None
        if self.question.capture and answer is None:
            return Finding("crash", outcome.cpu_s, None, "its answer is not text in UTF-8, or not JSON")
        return Finding(verdict, outcome.cpu_s, answer)

    def _together(self, indices: Sequence[int], trusted: bool, deadline: float) -> list[int] | None:
        """Findings of cases that share a process, up to the one that ended it; None: those alone differ from these."""
        own = self.limits
        many = Limits(own.cpu_s * len(indices), own.wall_s * len(indices), own.memory_mb, own.output_kb)
        given = marshal.dumps((own.cpu_s, [self.cases[index].given for index in indices]))
        outcome = self._run("calls", given, many, deadline)
        answers = outcome.record.split(b"\n")[:-1]
        share_s = outcome.cpu_s / max(1, min(len(indices), len(answers) + 1))
        done: list[int] = []
        for index, finding in zip(indices, self._shared(indices, answers, outcome, share_s), strict=False):
            if finding.verdict not in ("correct", "answered", "timeout") and not trusted:
                shared, trusted = finding.verdict, not self.question.capture
                self._alone(index, deadline)
                if (self.found[index].verdict in ("correct", "answered")) != (shared in ("correct", "answered")):
                    return None
            else:
                self.found[index] = finding
            done.append(index)
        return done

    def _shared(
        self, indices: Sequence[int], answers: Sequence[bytes], outcome: Outcome, share_s: float
    ) -> Iterator[Finding]:
        for index, answer in zip(indices, answers, strict=False):
            yield self._finding(self.cases[index], Outcome(None, "", b"", answer, share_s))
        if len(answers) < len(indices):
            late = outcome.detail == "signal 27"  # the timer of one case
            yield Finding("timeout" if late else outcome.failure or "crash", share_s, None, outcome.detail)


def _case(tests: Tests, given: Any, expected: Any) -> Case:
    if tests.kind == "stdin":
        return Case("stdin", given.encode(), None, (expected or "").encode(), "output")
    return Case("call", json.dumps(given).encode(), tests.entry_point, expected, "value")


def _answer(mode: str, outcome: Outcome) -> str | None:
    """What came out as text; None where it is none, or holds what no test can (NaN, a lone surrogate)."""
    try:
        if mode == "stdin":
            return outcome.stdout.decode("utf-8")
        record = json.loads(outcome.record)
        return json.dumps(record["result"], ensure_ascii=False, allow_nan=False).encode("utf-8").decode("utf-8")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def question_to_json(question: Question) -> dict[str, Any]:
    """A question as it travels to a worker."""
    return asdict(question)


def findings_to_json(findings: Sequence[Finding]) -> list[list[Any]]:
    """Findings as they travel from a worker, or lie in a file."""
    return [[f.verdict, f.cpu_s, f.answer, f.detail] for f in findings]


def findings_from_json(rows: Sequence[Sequence[Any]]) -> tuple[Finding, ...]:
    """The inverse of `findings_to_json`."""
    return tuple(Finding(verdict, cpu_s, answer, detail) for verdict, cpu_s, answer, detail in rows)
