"""Which problems a stage trains on: by a teacher's record, and by the pass rate of the model itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acereason.config.schema import FilterConfig, PassRateConfig
from acereason.problems import Problem

FAILURES, SHORT, LONG = "teacher_failures", "teacher_min_tokens", "teacher_max_tokens"
TOO_EASY, TOO_HARD = "pass_rate_max_passed", "pass_rate_min_passed"

Fail = Callable[[Problem, str, str], Exception]
"""From (problem, field of its row, what is wrong) to the error that names file and line."""


@dataclass(frozen=True)
class Selection:
    """Problems that stay, in the order of the data, and why each of the others went."""

    kept: tuple[Problem, ...]
    dropped: Mapping[str, str]  # problem id -> reason

    @property
    def counts(self) -> dict[str, int]:
        """Problems dropped, by reason."""
        found: dict[str, int] = {}
        for reason in self.dropped.values():
            found[reason] = found.get(reason, 0) + 1
        return found

    def and_then(self, later: Selection) -> Selection:
        """This selection and one that was made from what it kept."""
        return Selection(later.kept, {**self.dropped, **later.dropped})


def _split(problems: Sequence[Problem], reason_of: Callable[[Problem], str | None]) -> Selection:
    reasons = {problem.id: reason_of(problem) for problem in problems}
    return Selection(
        tuple(problem for problem in problems if reasons[problem.id] is None),
        {name: reason for name, reason in reasons.items() if reason is not None},
    )


def by_teacher(problems: Sequence[Problem], rule: FilterConfig, fail: Fail) -> Selection:
    """What the teacher's record in `difficulty` lets through; all of them where no teacher is named.

    A problem is dropped where the teacher failed more than `max_failures` times (its failures are n - passed), or where
    its mean response length is outside `min_tokens` .. `max_tokens`. Raises what `fail` makes where a row has no sound
    record of that teacher, or one of so few attempts that `max_failures` could not drop it: a problem of unknown
    difficulty is a fault of the data, and to leave it out silently would hide that.
    """
    if rule.teacher is None:
        return Selection(tuple(problems), {})
    teacher = rule.teacher

    def reason_of(problem: Problem) -> str | None:
        record = _Record(problem, teacher, fail)
        if rule.max_failures is not None:
            attempts, passed = record.attempts()
            if rule.max_failures >= attempts:
                raise record.fault("n", f"is {attempts}: max_failures={rule.max_failures} could drop nothing")
            if attempts - passed > rule.max_failures:
                return FAILURES
        if rule.min_tokens is not None and record.tokens() < rule.min_tokens:
            return SHORT
        if rule.max_tokens is not None and record.tokens() > rule.max_tokens:
            return LONG
        return None

    return _split(problems, reason_of)


class _Record:
    """A teacher's record in one row."""

    def __init__(self, problem: Problem, teacher: str, fail: Fail) -> None:
        self.problem, self.teacher, self.fail = problem, teacher, fail
        values: Any = problem.difficulty.get(teacher)
        if not isinstance(values, dict):
            known = ", ".join(sorted(problem.difficulty)) or "none"
            raise fail(
                problem, f"difficulty.{teacher}", f"is missing, and the stage's filter looks at it (has: {known})"
            )
        self.values = values

    def fault(self, name: str, what: str) -> Exception:
        return self.fail(self.problem, f"difficulty.{self.teacher}.{name}", what)

    def number(self, name: str, *, whole: bool) -> float:
        value: Any = self.values.get(name)
        sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        if not sound or (whole and value != int(value)):
            raise self.fault(name, f"expected a {'whole ' if whole else ''}number of at least 0, got {value!r}")
        return float(value)

    def attempts(self) -> tuple[int, int]:
        attempts, passed = int(self.number("n", whole=True)), int(self.number("passed", whole=True))
        if passed > attempts:
            raise self.fault("passed", f"is {passed} of n={attempts}")
        return attempts, passed

    def tokens(self) -> float:
        return self.number("tokens_mean", whole=False)


def by_pass_rate(problems: Sequence[Problem], passed: Mapping[str, int], rule: PassRateConfig) -> Selection:
    """The problems of which `min_passed` .. `max_passed` attempts were right; `passed` is by problem id."""

    def reason_of(problem: Problem) -> str | None:
        right = passed[problem.id]
        if rule.max_passed is not None and right > rule.max_passed:
            return TOO_EASY
        return TOO_HARD if right < rule.min_passed else None

    return _split(problems, reason_of)
