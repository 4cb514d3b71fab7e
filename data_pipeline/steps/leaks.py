"""The stage that compares problems with benchmarks and keeps all evidence; its memory does not grow with the rows."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from acereason.config.structured import to_plain
from data_pipeline.decontamination.evidence import COLUMNS, EvidencePass
from data_pipeline.decontamination.policies import SETTINGS, summarised
from data_pipeline.decontamination.reading import NGRAM_COLUMNS, frequent_ngrams
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.decontamination.signals import reference_of
from data_pipeline.stages import OutsideFile, Stage, StageRun

CODE = ("data_pipeline.decontamination", "data_pipeline.steps.leaks", "eval.benchmarks", "eval.benchmarks_formats")
EVIDENCE, ITEMS, FREQUENT = "evidence.parquet", "items.parquet", "frequent.parquet"
MOST_FREQUENT = 60  # n-grams that are kept for the report
_REMEDY = (
    "give files=FOLDER with the benchmarks' files (conf/benchmark says where each is to be had), or "
    "benchmarks=none decontamination.policy=none"
)


def decontamination_stage(over: str, settings: DecontaminationConfig, where: Path) -> Stage:
    """The stage `decontamination`; relative paths of benchmarks are seen from `where`."""
    placed = replace(
        settings,
        benchmarks={
            key: replace(config, path=str(where / Path(config.path).expanduser()))
            for key, config in settings.benchmarks.items()
            if config.path is not None
        },
        problems=tuple(str(where / Path(name).expanduser()) for name in settings.problems),
    )

    def outside(fetch: bool) -> Sequence[OutsideFile]:
        named = [
            OutsideFile(f"benchmark:{config.name}", Path(str(config.path)), f"benchmarks.{key}.path", _REMEDY)
            for key, config in placed.benchmarks.items()
        ]
        more = [
            OutsideFile(f"benchmark:{Path(name).stem}", Path(name), "decontamination.problems")
            for name in placed.problems
        ]
        return [*named, *more]

    plain = {name: value for name, value in to_plain(settings).items() if name not in SETTINGS}
    plain["benchmarks"] = {
        key: {name: value for name, value in config.items() if name not in ("path", "obtain")}
        for key, config in plain["benchmarks"].items()
    }
    plain["problems"] = [Path(name).name for name in settings.problems]
    return Stage(
        "decontamination", functools.partial(_work, settings=placed), over, settings=plain, outside=outside,
        code=CODE,
    )  # fmt: skip


def _work(run: StageRun, settings: DecontaminationConfig) -> None:
    reference = reference_of(settings)
    run.about["benchmarks"] = [
        {"benchmark": each.benchmark, "items": each.items, "short": each.short, "content_hash": each.content_hash}
        for each in reference.compared
    ]
    items = reference.index.items
    run.side(
        ITEMS,
        pl.DataFrame(
            {name: [getattr(item, name) for item in items] for name in ("benchmark", "item", "text")},
            schema={name: pl.String for name in ("benchmark", "item", "text")},
        ),
    )
    waiting = run.scratch("pairs")
    reading = EvidencePass(reference.index, settings.boilerplate, waiting)
    for batch in run.batches(("prompt",)):
        reading.add(batch["id"], batch["prompt"])
    run.side(EVIDENCE, pl.DataFrame(schema=COLUMNS), COLUMNS)
    run.side(FREQUENT, frequent_ngrams(reading, MOST_FREQUENT), NGRAM_COLUMNS)
    frames = reading.finish()
    held = next(frames, None)
    for batch in run.batches((), count=False):
        held, found = _of_batch(batch["id"], held, frames)
        run.side(EVIDENCE, found)
        run.emit(summarised(batch["id"], found, settings))


def _of_batch(
    ids: pl.Series, held: pl.DataFrame | None, frames: Iterator[pl.DataFrame]
) -> tuple[pl.DataFrame | None, pl.DataFrame]:
    """(next frame, evidence of these rows): frames come in the order of the rows and span no two batches."""
    its, found = set(ids.to_list()), [pl.DataFrame(schema=COLUMNS)]
    while held is not None and held["id"][0] in its:
        found.append(held)
        held = next(frames, None)
    return held, pl.concat(found)
