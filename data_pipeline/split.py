"""The last stage: rows in the problem format, and a held-out part that shares no statement with the training part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl

from acereason.config.schema import within
from acereason.errors import InputError
from data_pipeline.rows import check_problem, json_text, problem_object
from data_pipeline.stages import Stage, StageRun

TRAIN, HELDOUT = "problems.jsonl", "heldout.jsonl"


@dataclass(frozen=True)
class SplitConfig:
    """What is held out."""

    heldout: Annotated[int, within(0)]  # problems; those that share a statement or a cluster stay on one side


Extra = Callable[[Mapping[str, Any]], dict[str, Any]]


def output_stage(
    over: str, split: SplitConfig, seed: int, extra: Extra = lambda row: {}, cluster: str | None = None,
    beside: tuple[str, ...] = (),
) -> Stage:  # fmt: skip
    """The stage `problems`: `extra` says what else of a row's columns goes to its problem (`difficulty`, metadata).

    `beside` are signal stages over the same rows. `cluster` is a column whose equal values belong on the same side of
    the split.
    """

    def work(run: StageRun) -> None:
        groups = run.read(over, columns=["id", *([cluster] if cluster else [])])
        held = heldout_ids(groups, split.heldout, seed, cluster)
        counts = {TRAIN: 0, HELDOUT: 0}
        with (
            open(run.folder / TRAIN, "w", encoding="utf-8") as train,
            open(run.folder / HELDOUT, "w", encoding="utf-8") as heldout,
        ):
            for batch in run.batches():
                for row in batch.iter_rows(named=True):
                    name, stream = (HELDOUT, heldout) if row["id"] in held else (TRAIN, train)
                    found = problem_object(row, extra(row))
                    counts[name] += 1
                    check_problem(run.folder / name, counts[name], found)
                    text = json_text(found, run.folder / name, counts[name], "<row>", sort_keys=False)
                    stream.write(text + "\n")
                sides = pl.Series("split", ["heldout" if i in held else "train" for i in batch["id"]], dtype=pl.String)
                run.emit(batch.with_columns(sides))
        run.about |= {"train": counts[TRAIN], "heldout": counts[HELDOUT]}

    return Stage(
        "problems", work, over, beside, settings={"heldout": split.heldout, "cluster": cluster}, seed=seed,
        kind="output", code=("data_pipeline.split", "data_pipeline.rows", "acereason.problems"),
        fewest=split.heldout + 1 if split.heldout else 0, asked=f"split.heldout={split.heldout}",
    )  # fmt: skip


def heldout_ids(groups: pl.DataFrame, count: int, seed: int, cluster: str | None) -> set[str]:
    """`count` ids in an order that the seed and the statements alone decide; whole groups, never part of one.

    Raises `InputError` where there are not more rows than are to be held out.
    """
    if count and count >= groups.height:
        raise InputError(f"split.heldout={count}: only {groups.height} problems are left, lower it or give more")
    members: dict[str, list[str]] = {}
    for row in groups.iter_rows(named=True):
        # -2, -3 behind an id: the same statement again
        group = row[cluster] if cluster and row[cluster] is not None else "-".join(row["id"].split("-")[:2])
        members.setdefault(str(group), []).append(row["id"])
    ranked = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    held: set[str] = set()
    for group in ranked:
        if len(held) + len(members[group]) <= count:
            held.update(members[group])
        if len(held) == count:
            break
    return held
