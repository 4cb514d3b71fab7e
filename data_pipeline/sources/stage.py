"""The stage that brings the rows of all sources in, in the order in which the configuration names them."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acereason.config.structured import to_plain
from data_pipeline.rows import PROBLEM_SCHEMA, Ids, ProblemRow, frame
from data_pipeline.sources.hub import dataset_files, key_of_files
from data_pipeline.sources.reading import Lost, read_source
from data_pipeline.sources.settings import SourceConfig
from data_pipeline.stages import OutsideFile, Stage, StageRun

BATCH = 4096


@dataclass(frozen=True)
class Found:
    """The files of a source, and the commit that they are of."""

    files: tuple[Path, ...]
    revision: str | None


def source_stage(sources: Mapping[str, SourceConfig], bad_rows: str, where: Path) -> Stage:
    """The stage `source`; `sources` by their keys of the configuration, relative paths seen from `where`."""
    finder = functools.cache(lambda fetch: _find_all(sources, fetch, where))

    def outside(fetch: bool) -> Sequence[OutsideFile] | None:
        found = finder(fetch)
        if found is None:
            return None
        return [
            OutsideFile(f"{key}:{path.name}", path, key_of_files(f"sources.{key}", sources[key].hub))
            for key in found
            for path in found[key].files
        ]

    def work(run: StageRun) -> None:
        found = finder(True)
        assert found is not None
        run.emit(frame([]), PROBLEM_SCHEMA)
        ids = Ids()
        for key, config in sources.items():
            run.about[key] = _read_one(run, config, found[key], ids, bad_rows)

    settings: dict[str, Any] = {
        key: to_plain(replace(config, files=(), hub_files=())) for key, config in sources.items()
    }
    return Stage(
        "source", work, settings={"sources": settings, "bad_rows": bad_rows}, outside=outside, kind="source",
        code=("data_pipeline.sources", "data_pipeline.rows"),
    )  # fmt: skip


def _find_all(sources: Mapping[str, SourceConfig], fetch: bool, where: Path) -> dict[str, Found] | None:
    found = {}
    for key, config in sources.items():
        if config.hub is None:
            found[key] = Found(tuple(where / Path(file).expanduser() for file in config.files), config.revision)
            continue
        at = dataset_files(f"sources.{key}", config.hub, config.revision, config.hub_files, fetch)
        if at is None:
            return None
        found[key] = Found(tuple(at[1]), at[0])
    return found


def _read_one(run: StageRun, config: SourceConfig, found: Found, ids: Ids, bad_rows: str) -> dict[str, Any]:
    batch: list[ProblemRow] = []
    counts: Counter[str] = Counter()
    for row in read_source(config, found.files, found.revision, ids, bad_rows):
        run.counted(1)
        counts["records"] += 1
        if isinstance(row, Lost):
            place = {"source": row.source, "source_row": row.source_row}
            run.drop(place, row.reason, detail=row.detail, prompt=row.prompt, record=row.record)
            continue
        counts["rows"] += 1
        batch.append(row)
        if len(batch) == BATCH:
            run.emit(frame(batch))
            batch = []
            run.progress(run.rows_in, what=f"records of {config.name}")
    run.emit(frame(batch))
    about = {"name": config.name, "licence": config.licence, "link": config.link, "hub": config.hub}
    return {**about, "revision": found.revision, **counts}
