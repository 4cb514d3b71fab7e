"""Which problem of a benchmark a row is about that another programme wrote: by statement, id, position or prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acereason.errors import RowError
from acereason.problems import Problem
from eval.benchmarks import Benchmark
from eval.imports import IDS, Given

LEAST_HELD = 12  # characters of a statement that is looked for inside a prompt
_MBPP = ("mbpp", "mbpp_plus")  # whose publishers number the problems: `mbpp-11` is 11, and EvalPlus' `Mbpp/11`


@dataclass(frozen=True)
class Known:
    """What rows may name a problem by."""

    benchmark: str
    by_id: Mapping[str, Problem]
    by_text: Mapping[str, Problem]  # by its statement, or, where problems share one, by its starter code
    shared: Mapping[
        str, int
    ]  # statements and starter code that name no single problem, with the problems that share it
    by_position: Sequence[Problem] | None  # None: a number is not taken for a position

    @property
    def numbered(self) -> bool:
        """Whether the publisher's own ids are numbers, which are no positions."""
        return self.benchmark in _MBPP


def known_of(benchmark: Benchmark, by_position: bool) -> Known:
    """How rows may name the problems of `benchmark`; `by_position`: by numbers that count them from 0."""
    by_id = {problem.id: problem for problem in benchmark.problems}
    if benchmark.name in _MBPP and not by_position:
        for name, problem in list(by_id.items()):
            number = name.rpartition("-")[2]
            by_id |= {number: problem, f"Mbpp/{number}": problem}
    groups = _grouped([(_plain(problem.prompt), problem) for problem in benchmark.problems])
    alone = {text: group[0] for text, group in groups.items() if len(group) == 1}
    shared = {text: len(group) for text, group in groups.items() if len(group) > 1}
    headed = [(p.starter_code, p) for text in shared for p in groups[text] if p.starter_code is not None]
    headers = _grouped([(_plain(header), problem) for header, problem in headed])
    shared |= {text: len(group) for text, group in headers.items() if len(group) > 1}
    alone |= {text: group[0] for text, group in headers.items() if len(group) == 1 and text not in shared}
    positions = benchmark.problems if by_position else None
    return Known(benchmark.name, by_id, alone, shared, positions)


def _grouped(pairs: Sequence[tuple[str, Problem]]) -> dict[str, list[Problem]]:
    groups: dict[str, list[Problem]] = defaultdict(list)
    for text, problem in pairs:
        groups[text].append(problem)
    return groups


def problem_of(source: Path, row: Given, known: Known) -> Problem:
    """The problem that a row is about. Raises `RowError` where it names none, or a statement that several share."""
    for statement in row.statements.values():
        if (found := known.by_text.get(_plain(statement))) is not None:
            return found
    value = row.name
    if value is not None and str(value) in known.by_id:
        return known.by_id[str(value)]
    counted = value is not None and str(value).isdecimal()
    if counted and known.by_position is not None and int(str(value)) < len(known.by_position):
        return known.by_position[int(str(value))]
    if (held := _held_in((*row.prompts, *row.statements.values()), known)) is not None:
        return held
    _refuse_shared(source, row, known)
    if value is None:
        raise RowError(source, row.line, IDS[0], "is missing; a row names its problem by its id or by its statement")
    advice = ""
    if counted and known.by_position is None and not known.numbered:
        advice = "; if it counts the problems from 0, say so with --by-position"
    some = ", ".join(list(known.by_id)[:2])
    raise RowError(source, row.line, "task_id", f"{value!r} is no problem of {known.benchmark} ({some}, ...){advice}")


def _refuse_shared(source: Path, row: Given, known: Known) -> None:
    for field, statement in (*row.statements.items(), *(("prompt", prompt) for prompt in row.prompts)):
        plain = _plain(statement)
        text = next(
            (text for text in known.shared if text == plain or (len(text) >= LEAST_HELD and text in plain)), None
        )
        if text is not None:
            raise RowError(
                source,
                row.line,
                field,
                f"{known.shared[text]} problems of {known.benchmark} share this statement ({text[:40]!r}); name the "
                "problem by its id in task_id, or by a prompt with its starter code",
            )


def _held_in(prompts: Sequence[str], known: Known) -> Problem | None:
    """The problem whose text stands in a prompt; the last and longest one, since examples come before it."""
    for prompt in prompts:
        plain = _plain(prompt)
        ends = {
            text: plain.rfind(text) + len(text) for text in known.by_text if len(text) >= LEAST_HELD and text in plain
        }
        if ends:
            last = max(ends.values())
            longest = max((s for s, end in ends.items() if end == last), key=len)
            return known.by_text[longest]
    return None


def _plain(statement: str) -> str:
    return " ".join(statement.split())
