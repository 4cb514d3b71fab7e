"""A stage: a named step from tables to a table, and what it is given to read and write while it works.

Each stage has a folder `NN_name/` with `table.parquet`, `drops.jsonl`, further tables where it has more to say, and
`manifest.json`. Signal stages add columns and never drop; policies read columns and decide. Every row that a stage
reads is in its table or among its drops, which is counted when it ends.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl

from acereason.errors import RunError
from data_pipeline.manifest import Made, file_hash
from data_pipeline.rows import plain_json
from data_pipeline.tables import TableWriter, aligned, columns_of, read_table, rows_of

TABLE = "table.parquet"
DROPS = "drops.jsonl"
DECISIONS = "decisions.parquet"  # of a policy stage: what every policy said of every row
REVIEW = "review.parquet"  # of a policy stage: rows that stay and are worth reading
SAID_EVERY_S = 5.0


@dataclass(frozen=True)
class OutsideFile:
    """A file from outside that a stage reads: `name` stands in the manifest, `path` is where it lies.

    `key` of the configuration says where, and `remedy` what to do where it is not there.
    """

    name: str
    path: Path
    key: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline.

    `over` is the stage whose rows it works on (None: it brings rows in); `beside` are signal stages over the same
    rows whose columns it reads too. `settings` are plain values that its output depends on: no paths, no counts of
    processes. `outside` finds the files that it reads; with `False` it must not fetch any and returns None where some
    are missing. `code` names the modules that its output depends on. It can do nothing with less than `fewest` rows,
    which the setting `asked` (KEY=VALUE) says.
    """

    name: str
    work: Callable[[StageRun], None]
    over: str | None = None
    beside: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    outside: Callable[[bool], Sequence[OutsideFile] | None] = lambda fetch: ()
    code: tuple[str, ...] = ()
    kind: str = "signals"  # "source", "signals", "policy" or "output"; what preview and report say of it
    fewest: int = 0
    asked: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The stages whose tables it reads."""
        return (*((self.over,) if self.over else ()), *self.beside)


class StageRun:
    """What a stage works with. It reads with `batches` or `table`, writes with `emit`, `drop` and `side`."""

    def __init__(
        self, stage: Stage, folder: Path, inputs: Mapping[str, Path], outside: Sequence[OutsideFile],
        lineage: Mapping[str, Any], say: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        self.stage, self.folder, self.inputs = stage, folder, dict(inputs)
        self.outside = {file.name: file.path for file in outside}
        self.lineage = dict(lineage)
        self.say = say or _to_stderr
        self.rows_in = 0
        self.drops: Counter[str] = Counter()
        self.about: dict[str, Any] = {}
        self._writers: dict[str, TableWriter] = {}
        self._scratch: list[Path] = []
        self._drop_file: IO[str] = open(folder / DROPS, "w", encoding="utf-8")
        self._begun = self._said = time.monotonic()

    def batches(self, columns: Sequence[str] | None = None, count: bool = True) -> Iterator[pl.DataFrame]:
        """The rows that it works on, with the columns of the stages beside, in batches.

        `columns` are those wanted besides `id`. The rows count as read, but for `count=False`: a second reading.
        """
        paths = [self._path(name) for name in self.stage.reads]
        wanted = [self._of(path, columns) for path in paths]
        total, done = rows_of(paths[0]), 0
        for batch in aligned(paths, wanted, self.stage.reads):
            yield batch
            done += batch.height
            self.rows_in += batch.height if count else 0
            self.progress(done, total, "rows" if count else "rows again")

    def table(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows that it works on at once; for what needs the whole table, with the columns that it needs."""
        return pl.concat(list(self.batches(columns)))

    def read(self, stage: str, file: str = TABLE, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Another table of a stage that it reads, e.g. its evidence; its rows do not count as read."""
        return read_table(self._path(stage).parent / file, columns)

    def _path(self, stage: str) -> Path:
        return self.inputs[stage] / TABLE

    @staticmethod
    def _of(path: Path, columns: Sequence[str] | None) -> list[str] | None:
        if columns is None:
            return None
        return [name for name in columns_of(path) if name in columns]

    def scratch(self, name: str) -> Path:
        """An empty folder for what the stage puts down for a while; it is gone when the stage is done."""
        folder = self.folder / f".{name}"
        folder.mkdir()
        self._scratch.append(folder)
        return folder

    def counted(self, rows: int) -> None:
        """Says how many rows came in, for a stage that brings them from outside."""
        self.rows_in += rows

    def emit(self, batch: pl.DataFrame, schema: Mapping[str, Any] | None = None) -> None:
        """Writes rows of the stage's table."""
        self.side(TABLE, batch, schema)

    def side(self, file: str, batch: pl.DataFrame, schema: Mapping[str, Any] | None = None) -> None:
        """Writes rows of a further table, e.g. `evidence.parquet`."""
        if file not in self._writers:
            self._writers[file] = TableWriter(self.folder / file, {**self.lineage, "file": file}, schema)
        self._writers[file].write(batch)

    def drop(self, row: Mapping[str, Any], reason: str, **more: Any) -> None:
        """Keeps a dropped row aside with its reason; `row` has `id`, `source` and `source_row` as far as known."""
        self.drops[reason] += 1
        said = {
            "reason": reason,
            "id": row.get("id"),
            "source": row.get("source"),
            "row": row.get("source_row"),
            **more,
        }
        self._drop_file.write(json.dumps(plain_json(said), ensure_ascii=True, allow_nan=False) + "\n")

    def drop_all(self, rows: pl.DataFrame, reasons: Iterable[str], more: Sequence[Mapping[str, Any]] = ()) -> None:
        """Drops each row of a table with its reason, and with what `more` says of it."""
        for index, (row, reason) in enumerate(zip(rows.iter_rows(named=True), reasons, strict=True)):
            self.drop(row, reason, **(more[index] if more else {}))

    def progress(self, done: int, total: int | None = None, what: str = "rows") -> None:
        """Says how far the stage is, every few seconds."""
        now = time.monotonic()
        if now - self._said >= SAID_EVERY_S:
            self._said = now
            of = f" of {total:,}" if total else ""
            self.say(f"{self.stage.name}: {done:,}{of} {what}, {now - self._begun:.0f} s")

    def finish(self) -> tuple[int, dict[str, int], dict[str, Made]]:
        """Ends the files and counts: (rows out, drops by reason, files). Raises `RunError` where rows are missing."""
        self._drop_file.close()
        if TABLE not in self._writers:
            raise RunError(f"{self.stage.name}: wrote no table")
        for writer in self._writers.values():
            writer.close()
        for folder in self._scratch:
            shutil.rmtree(folder)
        rows_out, dropped = self._writers[TABLE].rows, sum(self.drops.values())
        if self.rows_in != rows_out + dropped:
            raise RunError(
                f"{self.stage.name}: read {self.rows_in} rows, wrote {rows_out} and dropped {dropped}: "
                f"{self.rows_in - rows_out - dropped} are unaccounted for"
            )
        made = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(self.folder).as_posix()
                rows = self._writers[name].rows if name in self._writers else dropped if name == DROPS else None
                made[name] = Made(file_hash(path), path.stat().st_size, rows)
        return rows_out, dict(sorted(self.drops.items())), made

    def abandon(self) -> None:
        """Closes what is open after a failure."""
        self._drop_file.close()


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def signal_work(
    signals: Callable[[pl.DataFrame], pl.DataFrame], columns: Sequence[str]
) -> Callable[[StageRun], None]:  # fmt: skip
    """The work of a signal stage that looks at one row at a time: `signals` of each batch of these columns."""

    def work(run: StageRun) -> None:
        for batch in run.batches(columns):
            run.emit(same_rows(run.stage.name, batch, signals(batch)))

    return work


def same_rows(stage: str, rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`found`, which has one row for each of `rows` in their order. Raises `RunError` where it has not."""
    if "id" not in found.columns or not found.get_column("id").equals(rows.get_column("id")):
        raise RunError(f"{stage}: signals came for {found.height} rows, not for the {rows.height} that were given")
    return found
