"""The imperfect teacher: it answers tiny problems in the style to be learned, with the planted flaws."""

from __future__ import annotations

import random
from dataclasses import dataclass

from data_pipeline.tiny.flaws import Flaws
from data_pipeline.tiny.scratchpad import work_out
from data_pipeline.tiny.tasks import Task

FAULTLESS = Flaws((1.0,), column_slip=0.0, carry_forgotten=0.0, mental_slip=0.0, buggy_program=0.0)


@dataclass(frozen=True, slots=True)
class Taught:
    """A response: everything after `<think>` and its newline, without the end token."""

    response: str
    correct: bool
    columns: bool | None  # None where there was nothing to work out
    buggy: bool


def answer(task: Task, flaws: Flaws, rng: random.Random) -> Taught:
    """The teacher's response to a task, and whether it is right."""
    columns: bool | None = None
    thoughts, value = "", task.value
    if task.work is not None:
        columns = rng.random() < flaws.columns_at(task.operations)
        thoughts, value = work_out(task.work, columns, flaws, rng)
    if task.programs is None:
        return Taught(f"{thoughts}</think>\n\\boxed{{{value}}}", value == task.value, columns, False)
    buggy = rng.random() < flaws.buggy_program
    program = task.programs.buggy if buggy else task.programs.good
    if "%d" in program:
        program %= value
    response = f"{thoughts}</think>\n```python\n{program}\n```"
    return Taught(response, value == task.value and not buggy, columns, buggy)


def reference(task: Task) -> str:
    """A response without any flaw, in columns."""
    return answer(task, FAULTLESS, random.Random(0)).response
