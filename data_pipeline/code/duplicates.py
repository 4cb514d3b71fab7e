"""Whether two programming problems are the same: each one's reference is judged on the other one's tests.

It is the counterpart of comparing two stated answers in mathematics, and it is asked only of problems whose statements
are near (`data_pipeline.dedup`). A problem stands for its own answer there, under its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.problems import Tests
from acereason.verifiers.code.examine import Question
from data_pipeline.code.curation import tests_of
from data_pipeline.code.examiner import Ask, Course, Examiner
from data_pipeline.stages import StageRun

COLUMNS = ("tests", "reference_solutions")
_VERDICTS = Question(compare=True, capture=False, alone=False)


def answers(rows: pl.DataFrame) -> pl.Series:
    """The ids of problems with a reference and cases; null where nothing could be judged."""
    able = (pl.col("reference_solutions").list.len() > 0) & pl.col("tests").is_not_null()
    return rows.select(pl.when(able).then(pl.col("id")).alias("answer"))["answer"]


def same_programs(
    pairs: Sequence[tuple[str, str]], run: StageRun, verifier: VerifierConfig, reference_cpu_s: float, findings: Path
) -> list[bool | None]:
    """For each pair of ids whether the problems are the same; None where a reference fails on tests of its own."""
    if not pairs:
        return []
    wanted = {name for pair in pairs for name in pair}
    problems: dict[str, Mapping[str, Any]] = {}
    for batch in run.batches(COLUMNS, count=False):
        problems |= {row["id"]: row for row in batch.filter(pl.col("id").is_in(wanted)).iter_rows(named=True)}
    known: dict[str, bool | None] = {}
    with Examiner(verifier, findings) as examiner:
        courses = (
            (f"{number}", same_problem(problems[one], problems[other], reference_cpu_s))
            for number, (one, other) in enumerate(pairs)
        )
        for name, same in examiner.follow(courses):
            known[name] = same
            run.progress(len(known), len(pairs), "pairs")
    return [known[f"{number}"] for number in range(len(pairs))]


def same_problem(one: Mapping[str, Any], other: Mapping[str, Any], reference_cpu_s: float) -> Course[bool | None]:
    """The course of one pair of rows with `COLUMNS`; see `same_programs`."""
    tests = [tests_of(row["tests"]) for row in (one, other)]
    programs = [row["reference_solutions"][0] for row in (one, other)]
    if any(not each.cases for each in tests):
        return None
    if tests[0].kind != tests[1].kind:
        return False
    asks = [
        Ask(programs[mine], _called_as(tests[theirs], tests[mine], reference_cpu_s), _VERDICTS)
        for mine, theirs in ((0, 0), (1, 1), (0, 1), (1, 0))
    ]
    answered = yield asks
    right = [all(finding.verdict == "correct" for finding in findings) for findings in answered]
    return right[2] and right[3] if right[0] and right[1] else None


def _called_as(tests: Tests, own: Tests, reference_cpu_s: float) -> Tests:
    """The tests for a program that calls its function what `own` tests call it."""
    limit_s = max(tests.time_limit_s or 0.0, own.time_limit_s or 0.0, reference_cpu_s)
    return replace(tests, entry_point=own.entry_point, time_limit_s=limit_s)
