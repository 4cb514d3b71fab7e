"""The three sets of a run: training problems, held-out problems and the teacher's SFT rows.

Each set has its own random stream, so the size of one does not change another. Training problems
and SFT rows are drawn from the training side of the split only (`tasks.is_heldout`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from acereason.errors import ConfigError
from acereason.problems import Problem
from acereason.seeds import derive_seed
from data_pipeline.tiny.code_tasks import draw_code
from data_pipeline.tiny.flaws import Flaws
from data_pipeline.tiny.math_tasks import draw_math
from data_pipeline.tiny.tasks import Task
from data_pipeline.tiny.teacher import Taught, answer

DRAW: dict[str, Callable[[random.Random], Task]] = {"math": draw_math, "code": draw_code}
FRUITLESS_DRAWS = 20_000  # so many draws in a row without a new statement: the generator is exhausted


def draw_problems(domain: str, heldout: bool, count: int, seed: int) -> list[Task]:
    """`count` tasks with different statements from one side of the split. Raises `ConfigError`."""
    side = "heldout" if heldout else "train"
    rng = random.Random(derive_seed(seed, "tiny", side, domain))
    tasks: dict[str, Task] = {}
    fruitless = 0
    while len(tasks) < count:
        task = DRAW[domain](rng)
        if task.heldout != heldout or task.statement in tasks:
            fruitless += 1
            if fruitless >= FRUITLESS_DRAWS:
                raise ConfigError(
                    f"data.{side}_per_domain={count}: the tiny generator has only about {len(tasks)} different"
                    f" {domain} problems on the {side} side; ask for fewer"
                )
            continue
        fruitless = 0
        tasks[task.statement] = task
    return list(tasks.values())


def draw_taught(count: int, code_fraction: float, flaws: Flaws, seed: int) -> Iterator[tuple[Task, Taught]]:
    """`count` training-side tasks, each with the teacher's response; a statement may come more than once."""
    rng = random.Random(derive_seed(seed, "tiny", "sft"))
    for _ in range(count):
        draw = DRAW["code" if rng.random() < code_fraction else "math"]
        task = draw(rng)
        while task.heldout:
            task = draw(rng)
        yield task, answer(task, flaws, rng)


def to_problem(task: Task, number: int) -> Problem:
    """The task as a problem row; the id tells the side and the number within the file."""
    return Problem(
        id=f"tiny-{'heldout' if task.heldout else 'train'}-{task.domain}-{number:05d}",
        domain=task.domain,
        prompt=task.statement,
        source="tiny",
        answer=str(task.value) if task.domain == "math" else None,
        tests=task.tests,
        metadata={"family": task.family, "operations": task.operations},
    )
