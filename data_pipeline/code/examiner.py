"""Asking the verifier pool about programs, with a memory that outlives the process.

What a program did is written down once, under a hash of all that it depends on but the machine: program, cases,
limits, question. A run that comes back after kill -9 asks only what it had not been told, and keeps the first
measurement of every time, so that it decides as it would have done.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from acereason.config.schema import VerifierConfig
from acereason.errors import RunError
from acereason.problems import Problem, Tests, Verdict
from acereason.verifiers.code.examine import Examination, Finding, Question
from acereason.verifiers.jobs import tests_to_json
from acereason.verifiers.pool import VerifierPool

# One letter a verdict. `i` never stands in the file: a fault of the verifier is asked again.
_LETTERS = {
    "answered": "a", "correct": "c", "wrong": "w", "timeout": "t", "resource": "r", "crash": "x", "not_run": "-",
    "unparsable": "u", "no_answer": "n",
}  # fmt: skip
_NAMES = {letter: name for name, letter in _LETTERS.items()}
VERSION = 1  # of what findings mean; another one asks everything anew

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ask:
    """One program and the cases to run it on. Without a question: the verdict that training would give."""

    program: str
    tests: Tests
    question: Question | None = None


Answers = list[tuple[Finding, ...]]
Course = Generator[list[Ask], Answers, Result]  # asks batch after batch, and returns what it found out


class FindingLog:
    """An append-only file of findings. A line that a kill cut short is dropped when the file is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[str, int] = {}
        self.damaged = 0  # lines that did not read; what they held is asked again
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = open(path, "a+b")
        self._stream.seek(0)
        good = 0
        for line in self._stream:
            if not line.endswith(b"\n"):
                break
            key = line[2 : line.find(b'"', 2)].decode("ascii", "replace")
            if _read_line(line) is None:
                self.damaged += 1
            else:
                self._offsets.setdefault(key, good)  # the first measurement counts
            good += len(line)
        self._stream.truncate(good)

    def __len__(self) -> int:
        return len(self._offsets)

    def get(self, key: str) -> tuple[Finding, ...] | None:
        """What was found out under `key`, or None."""
        if key not in self._offsets:
            return None
        self._stream.seek(self._offsets[key])
        return _read_line(self._stream.readline())

    def put(self, key: str, findings: Sequence[Finding]) -> None:
        """Writes findings down; they are in the kernel's hands when this returns."""
        row: list[Any] = [key, "".join(_LETTERS[finding.verdict] for finding in findings)]
        row.append([round(finding.cpu_s, 4) for finding in findings])
        row.append([finding.answer for finding in findings] if any(f.answer is not None for f in findings) else None)
        details = {str(index): finding.detail for index, finding in enumerate(findings) if finding.detail}
        row.append(dict(list(details.items())[:3]) or None)
        self._stream.seek(0, os.SEEK_END)
        place = self._stream.tell()
        self._stream.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n")
        self._stream.flush()
        self._offsets[key] = place

    def close(self) -> None:
        """Makes the file durable."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()


def _read_line(line: bytes) -> tuple[Finding, ...] | None:
    try:
        _, letters, cpu, answers, details = json.loads(line)
        answers = answers or [None] * len(letters)
        details = details or {}
        return tuple(
            Finding(_NAMES[letter], seconds, answer, details.get(str(index), ""))
            for index, (letter, seconds, answer) in enumerate(zip(letters, cpu, answers, strict=True))
        )
    except (ValueError, KeyError, TypeError):
        return None


class Examiner:
    """A verifier pool and a `FindingLog`; follows many courses at once, so that no worker waits for one problem.

    A context manager. `asked` counts what went to the pool, `known` what the log had.
    """

    def __init__(self, verifier: VerifierConfig, log: Path, in_flight: int = 32) -> None:
        self._verifier = verifier
        self._log = FindingLog(log)
        self._pool = VerifierPool(verifier)
        self._in_flight = in_flight
        self._limits = json.dumps({k: v for k, v in sorted(asdict(verifier).items()) if k.startswith("code_")})
        self._waiters: dict[str, list[tuple[str, int]]] = {}  # key under way -> who waits for it: course, place
        self.asked = self.known = 0

    def __enter__(self) -> Examiner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self._log.close()

    def follow(self, courses: Iterable[tuple[str, Course[Result]]]) -> Iterator[tuple[str, Result]]:
        """(name, result) of each course, as they end. Raises `RunError` for a fault of the verifier itself."""
        waiting = iter(courses)
        active: dict[str, _Active] = {}
        ready: deque[tuple[str, Any]] = deque()
        exhausted = False
        while True:
            while not exhausted and len(active) < self._in_flight:
                try:
                    name, course = next(waiting)
                except StopIteration:
                    exhausted = True
                    break
                active[name] = _Active(course)
                self._advance(name, active, ready, None)
                while ready:  # of a course whose every answer is known: it is told at once
                    yield ready.popleft()
            while ready:
                yield ready.popleft()
            if not active:
                if exhausted:
                    return
                continue
            self._collect(active, ready)

    def _advance(
        self, name: str, active: dict[str, _Active], ready: deque[tuple[str, Any]], answers: Answers | None
    ) -> None:
        """Sends answers to a course until it asks something that the log does not know, or ends."""
        state = active[name]
        while True:
            try:
                asks = next(state.course) if answers is None else state.course.send(answers)
            except StopIteration as end:
                del active[name]
                ready.append((name, end.value))
                return
            state.keys = [self._key(ask) for ask in asks]
            state.answers = [self._log.get(key) for key in state.keys]
            self.known += sum(answer is not None for answer in state.answers)
            missing = [index for index, answer in enumerate(state.answers) if answer is None]
            if not missing:
                answers = [answer for answer in state.answers if answer is not None]
                continue
            state.left = len(missing)
            for index in missing:
                key = state.keys[index]
                if key not in self._waiters:
                    self.asked += 1
                    self._submit(key, name, asks[index])
                self._waiters.setdefault(key, []).append((name, index))
            return

    def _submit(self, key: str, name: str, ask: Ask) -> None:
        if ask.question is None:
            problem = Problem(id=name, domain="code", prompt="", source="", tests=ask.tests)
            self._pool.submit(key, problem, ask.program, bare=True)
        else:
            self._pool.examine(key, ask.program, ask.tests, ask.question)

    def _collect(self, active: dict[str, _Active], ready: deque[tuple[str, Any]]) -> None:
        deadline = time.monotonic() + self._pool.longest_wait_s
        verdicts: list[tuple[str, Verdict]] = []
        while not verdicts:
            if time.monotonic() > deadline:
                raise RunError(
                    f"no verdict on a program for {self._pool.longest_wait_s:.0f} s, and "
                    f"{self._pool.outstanding} are awaited; what was found out so far is kept"
                )
            verdicts = self._pool.poll(1.0)
        for key, verdict in verdicts:
            waiters = self._waiters.pop(key)
            if verdict.verdict == "infra_error":
                raise RunError(
                    f"problem {waiters[0][0]}: the verifier failed: {verdict.detail}. What was found out is kept"
                )
            findings = (
                verdict.findings
                if isinstance(verdict, Examination)
                else (Finding(verdict.verdict, detail=verdict.detail),)
            )
            self._log.put(key, findings)
            for name, place in waiters:
                state = active[name]
                state.answers[place] = self._log.get(key)  # as a resumed run will read it
                state.left -= 1
                if not state.left:
                    self._advance(name, active, ready, [answer for answer in state.answers if answer is not None])

    def _key(self, ask: Ask) -> str:
        state = blake2b(digest_size=16)
        question = asdict(ask.question) if ask.question else None
        if question and not question["hash_seed"]:  # as it was written before there was one
            del question["hash_seed"]
        for part in (str(VERSION), self._limits, ask.program, json.dumps([tests_to_json(ask.tests), question])):
            data = part.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "big") + data)
        return state.hexdigest()


class _Active:
    """A course under way: what it last asked, and what has been answered of that."""

    def __init__(self, course: Course[Any]) -> None:
        self.course = course
        self.keys: list[str] = []
        self.answers: list[tuple[Finding, ...] | None] = []
        self.left = 0
