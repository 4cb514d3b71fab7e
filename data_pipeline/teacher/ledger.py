"""The ledger of a teacher's answers: append-only files, one line a request, never keyed by position.

A ledger is a folder of shards. A problem's shard is a hash of its id, so all attempts at a problem lie together, and
any number of writers can share a ledger as long as each shard has one writer; a lock sees to that.

What survives: a line is handed to the operating system in one write as soon as a response has been received, so the
end of the process, kill -9 included, loses none. It is forced to the disk at most `fsync_s` seconds later and at the
end, so a power cut loses the last seconds at most. A line that was cut short is set aside in `<shard>.torn` when the
shard is next opened for writing, and reported; a damaged line elsewhere stays where it is, is reported, and counts as
not there. `tables.pack` rewrites shards as Parquet.
"""

from __future__ import annotations

import io
import os
import time
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from acereason.errors import ConfigError, InputError, RunError
from acereason.tracking.files import read_object, try_lock, write_bytes, write_json
from data_pipeline.teacher.records import ANSWER, SCHEMA, Record, from_line, from_row, to_line

ABOUT = "ledger.json"
SETTINGS = "settings"
FORMAT = 1
FSYNC_S = 5.0
PACKED_BYTES, PACKED_CRC = "ledger.bytes", "ledger.crc"  # of the lines that went into a Parquet file


@dataclass
class Damage:
    """What of a ledger cannot be read: (file, line, why) of damaged lines; bytes set aside, by shard file."""

    lines: list[tuple[str, int, str]] = field(default_factory=list)
    torn: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        said = [f"{name}: {size} bytes of an unfinished line were set aside in {name}.torn" for name, size in
                sorted(self.torn.items())]  # fmt: skip
        said += [f"{name}:{line}: {why}; it counts as not there" for name, line, why in self.lines]
        return "\n".join(said)


class Ledger:
    """A folder of shards, for reading; `writer` opens some of them for adding."""

    def __init__(self, folder: Path) -> None:
        """Raises `InputError` where the folder is no ledger."""
        about = read_object(folder / ABOUT)
        shards = about.get("shards")
        if about.get("format") != FORMAT or not isinstance(shards, int) or shards < 1:
            raise InputError(
                f"{folder}: is no ledger of a teacher: {ABOUT} with format {FORMAT} and shards is not there"
            )
        self.folder = folder
        self.shards = shards

    @staticmethod
    def create(folder: Path, shards: int) -> Ledger:
        """The ledger in `folder`, made with so many shards where there is none; one that exists keeps its number."""
        if not (folder / ABOUT).exists():
            if folder.exists() and not folder.is_dir():
                raise ConfigError(f"{folder}: is not a folder, and a ledger is one")
            write_json(folder / ABOUT, {"format": FORMAT, "shards": shards})
        return Ledger(folder)

    def shard_of(self, problem: str) -> int:
        """The shard of all attempts at a problem, the same on every machine."""
        digest = blake2b(problem.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.shards

    def by_shard(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """`rows` (column `id`) in parts, one a shard that has some of them, each in their order."""
        shards = pl.Series("shard", [self.shard_of(name) for name in rows["id"]], dtype=pl.Int64)
        for shard in sorted(shards.unique().to_list()):
            yield rows.filter(shards == shard)

    def path(self, shard: int) -> Path:
        return self.folder / f"shard-{shard:05d}-of-{self.shards:05d}.jsonl"

    def describe(self, settings: str, described: dict[str, Any]) -> None:
        """Keeps what a hash of settings stands for, beside the shards."""
        path = self.folder / SETTINGS / f"{settings}.json"
        if not path.exists():
            write_json(path, described)

    def described(self) -> dict[str, dict[str, Any]]:
        """Hash -> what it stands for, of every setting that was ever asked with."""
        folder = self.folder / SETTINGS
        return {path.stem: read_object(path) for path in sorted(folder.glob("*.json"))} if folder.is_dir() else {}

    def records(self, shard: int, damage: Damage | None = None) -> Iterator[Record]:
        """The sound records of a shard in the order in which they were written; the others go to `damage`.

        A last line without its newline is not there yet: a writer may be at it.
        """
        path = self.path(shard)
        skipped = yield from self._packed(shard)
        try:
            stream = open(path, "rb")
        except FileNotFoundError:
            return
        with stream:
            stream.seek(skipped)
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield from_line(line)
                except (ValueError, TypeError, RecursionError) as error:
                    if damage is not None:
                        damage.lines.append((path.name, number, str(error)[:200]))

    def _packed(self, shard: int) -> Generator[Record, None, int]:
        """The records of a shard that were packed; returns how many bytes of its lines are among them still."""
        path = self.packed(shard)
        if not path.exists():
            return 0
        try:
            for row in pl.read_parquet(path).iter_rows(named=True):
                yield from_row(row)
            about = pl.read_parquet_metadata(path)
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise InputError(f"{path}: is damaged ({str(error)[:120]}); answers that were paid for lie in it") from None
        size = int(about[PACKED_BYTES])
        return size if zlib.crc32(_head(self.path(shard), size)) == int(about[PACKED_CRC]) else 0

    def packed(self, shard: int) -> Path:
        return self.path(shard).with_suffix(".parquet")

    def answers(self, shard: int, settings: str, damage: Damage | None = None) -> dict[tuple[str, int], Record]:
        """(problem, attempt) -> its answer under these settings; the first where there are several."""
        found: dict[tuple[str, int], Record] = {}
        for record in self.records(shard, damage):
            if record.outcome == ANSWER and record.settings == settings:
                found.setdefault((record.problem, record.attempt), record)
        return found

    def writer(self, shards: Iterable[int] | None = None, fsync_s: float = FSYNC_S) -> Writer:
        """For adding to these shards (default: all). A context manager; see `Writer`."""
        return Writer(self, sorted(set(range(self.shards) if shards is None else shards)), fsync_s)


class Writer:
    """Adds records to shards that nobody else may write meanwhile."""

    def __init__(self, ledger: Ledger, shards: Sequence[int], fsync_s: float) -> None:
        self.ledger = ledger
        self.shards = tuple(shards)
        self.damage = Damage()
        self._fsync_s = fsync_s
        self._files: dict[int, int] = {}
        self._dirty: dict[int, float] = {}  # shard -> since when it holds what is not forced to the disk yet

    def __enter__(self) -> Writer:
        """Locks the shards and sets aside what a kill left unfinished. Raises `InputError` where one is taken."""
        try:
            for shard in self.shards:
                self._open(shard)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.sync()
        finally:
            self._close()

    def add(self, record: Record) -> None:
        """Writes one line; with its return the end of this process loses nothing.

        Raises `RunError` where the disk takes it no more; nothing of the line is left then.
        """
        shard = self.ledger.shard_of(record.problem)
        if shard not in self._files:
            raise ValueError(f"shard {shard} of problem {record.problem!r} is not open for writing")
        file, line = self._files[shard], to_line(record)
        before = os.lseek(file, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += os.write(file, line[written:])
        except OSError as error:
            os.ftruncate(file, before)
            raise RunError(
                f"{self.ledger.path(shard)}: cannot be written ({error.strerror}); asking has stopped"
            ) from None
        self._dirty.setdefault(shard, time.monotonic())
        self.sync_due()

    def sync_due(self) -> None:
        """Forces to the disk what has waited for it long enough; whoever writes calls this now and then."""
        if self._dirty and time.monotonic() - min(self._dirty.values()) >= self._fsync_s:
            self.sync()

    def sync(self) -> None:
        """Forces everything to the disk."""
        for shard in list(self._dirty):
            os.fsync(self._files[shard])
            del self._dirty[shard]

    def _open(self, shard: int) -> None:
        path = self.ledger.path(shard)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        if not try_lock(file):
            os.close(file)
            raise InputError(f"{path}: another process asks for this shard; wait for it, or end it")
        self._files[shard] = file
        self._mend_end(shard, path)
        self._drop_packed(shard, path)

    def _mend_end(self, shard: int, path: Path) -> None:
        """The last line, where it has no newline: completed where only that is missing, else set aside."""
        file = self._files[shard]
        size = os.lseek(file, 0, os.SEEK_END)
        end, tail = _unfinished(file, size)
        if not tail:
            return
        try:
            from_line(tail)
            os.write(file, b"\n")
            return
        except (ValueError, TypeError, RecursionError):
            pass
        with open(path.with_name(path.name + ".torn"), "ab") as aside:
            aside.write(tail + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        os.ftruncate(file, end)
        os.fsync(file)
        self.damage.torn[path.name] = len(tail)

    def _drop_packed(self, shard: int, path: Path) -> None:
        """Takes away the lines that are packed; a kill may have come before that."""
        packed = self.ledger.packed(shard)
        size = os.lseek(self._files[shard], 0, os.SEEK_END)
        if not packed.exists() or not size:
            return
        about = pl.read_parquet_metadata(packed)
        if int(about[PACKED_BYTES]) == size and zlib.crc32(_head(path, size)) == int(about[PACKED_CRC]):
            os.ftruncate(self._files[shard], 0)

    def _close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()


def pack_shard(writer: Writer, shard: int) -> None:
    """Writes all records of a shard as Parquet, in place of its lines. The Parquet file is whole before they go."""
    ledger = writer.ledger
    path, target = ledger.path(shard), ledger.packed(shard)
    content = path.read_bytes()
    if not content:
        return
    rows = [asdict(record) for record in ledger.records(shard)]
    frame = pl.DataFrame({name: [row[name] for row in rows] for name in SCHEMA}, schema=SCHEMA)
    held = io.BytesIO()
    about = {PACKED_BYTES: str(len(content)), PACKED_CRC: str(zlib.crc32(content))}
    frame.write_parquet(held, compression="zstd", metadata=about)
    write_bytes(target, held.getvalue())
    writer._drop_packed(shard, path)


def _head(path: Path, size: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(size)
    except FileNotFoundError:
        return b""


def _unfinished(file: int, size: int, block: int = 1 << 20) -> tuple[int, bytes]:
    """(offset, bytes) of what follows the last newline of a file."""
    tail, start = b"", size
    while start > 0:
        step = min(block, start)
        start -= step
        piece = os.pread(file, step, start)
        cut = piece.rfind(b"\n")
        if cut >= 0:
            return start + cut + 1, piece[cut + 1 :] + tail
        tail = piece + tail
    return 0, tail
