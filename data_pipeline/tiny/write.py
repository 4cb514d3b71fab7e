"""Writes the tiny data set: train.jsonl, heldout.jsonl, sft.jsonl, and what they are in dataset.json."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acereason.config.schema import DataConfig
from acereason.errors import ConfigError, RunError
from acereason.problems import DOMAINS, SftRow, to_json, write_jsonl
from data_pipeline.tiny.flaws import Flaws, describe
from data_pipeline.tiny.flaws import to_json as flaws_to_json
from data_pipeline.tiny.sets import draw_problems, draw_taught, to_problem
from data_pipeline.tiny.tasks import HELDOUT_SHARE, Task
from data_pipeline.tiny.teacher import Taught

TRAIN, HELDOUT, SFT, ABOUT = "train.jsonl", "heldout.jsonl", "sft.jsonl", "dataset.json"
SPLIT = (
    f"a hash of the problem without its wording decides its side, about 1 in {HELDOUT_SHARE} held out, the same for"
    " every seed; training problems and SFT rows come from the training side only"
)


def generate(data: DataConfig, seed: int, folder: str | Path) -> dict[str, Any]:
    """Writes the data set into `folder` and returns what `dataset.json` says of it. Raises `ConfigError`."""
    if data.kind != "tiny":
        raise ConfigError(f"data.kind={data.kind}: only 'tiny' is generated; '{data.kind}' names files that exist")
    seed = seed if data.seed is None else data.seed
    target, flaws = Path(folder), Flaws()
    train = [task for domain in DOMAINS for task in draw_problems(domain, False, data.train_per_domain, seed)]
    heldout = [task for domain in DOMAINS for task in draw_problems(domain, True, data.heldout_per_domain, seed)]
    taught = list(draw_taught(data.sft_rows, data.sft_code_fraction, flaws, seed))
    check_disjoint(heldout, [*train, *(task for task, _ in taught)])
    for name, tasks in ((TRAIN, train), (HELDOUT, heldout)):
        write_jsonl(target / name, (to_json(to_problem(task, number)) for number, task in enumerate(tasks)))
    write_jsonl(target / SFT, (to_json(_sft_row(number, *row)) for number, row in enumerate(taught)))
    about = {
        "kind": "tiny",
        "seed": seed,
        "split": SPLIT,
        "problems": {"train": _families(train), "heldout": _families(heldout)},
        "sft": {"rows": len(taught), **_families([task for task, _ in taught])},
        "teacher": {"measured": measure(taught), "flaws": flaws_to_json(flaws), "description": describe(flaws)},
    }
    _write_json(target / ABOUT, about)
    return about


def write_problem_files(data: DataConfig, seed: int, folder: Path) -> None:
    """Writes the data set of a run: the same bytes for the same configuration and seed."""
    generate(data, seed, folder)


def check_disjoint(heldout: Sequence[Task], training: Sequence[Task]) -> None:
    """Raises `RunError` where a held-out problem, in whatever wording, is among the training ones."""
    keys, statements = {task.key for task in heldout}, {task.statement for task in heldout}
    for task in training:
        if task.key in keys or task.statement in statements:
            raise RunError(f"the held-out problem {task.statement!r} is also in the training data")


def measure(taught: Sequence[tuple[Task, Taught]]) -> dict[str, dict[str, float]]:
    """Per domain: rows, share that is right, share worked in columns, share of buggy programs."""
    measured = {}
    for domain in DOMAINS:
        rows = [row for task, row in taught if task.domain == domain]
        worked = [row.columns for row in rows if row.columns is not None]
        measured[domain] = {
            "rows": len(rows),
            "accuracy": _share([row.correct for row in rows]),
            "columns": _share(worked),
            "buggy": _share([row.buggy for row in rows]),
        }
    return measured


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else 0.0


def _families(tasks: Sequence[Task]) -> dict[str, dict[str, int]]:
    return {
        domain: dict(sorted(Counter(task.family for task in tasks if task.domain == domain).items()))
        for domain in DOMAINS
    }


def _sft_row(number: int, task: Task, taught: Taught) -> SftRow:
    return SftRow(f"tiny-sft-{number:06d}", task.domain, task.statement, taught.response)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    os.replace(aside, path)
