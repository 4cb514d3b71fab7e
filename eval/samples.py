"""The append-only file of samples: one line each, written as it is generated, so that a kill loses what was not done.

Only the last line can be torn; it is cut off when the file is opened again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from acereason.errors import InputError, RowError
from acereason.tracking.files import try_lock

SAMPLES = "samples.jsonl"  # the file's name in the folder of an evaluation
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "settings": str,
    "benchmark": str,
    "problem": str,
    "sample": int,
    "seed": int,
    "finish_reason": str,
    "tokens": (int, type(None)),
    "text": str,
}
OPTIONAL: Mapping[str, type] = {"url": str}


@dataclass(frozen=True, slots=True)
class Sample:
    """One response. `tokens` counts its tokens (None: a server does not say); `finish_reason` is `stop` or `length`.

    `url`: the endpoint that gave it; None: our own engines, or a line that was written before this was kept.
    """

    settings: str
    benchmark: str
    problem: str
    sample: int
    seed: int
    finish_reason: str
    tokens: int | None
    text: str
    url: str | None = None

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"


class SampleFile:
    """A context manager around one file, which one process at a time may have open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> SampleFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(self.path, "a+b")
        if not try_lock(stream):
            stream.close()
            raise InputError(f"{self.path}: another evaluation writes to it; wait for it, or give another out=")
        self._stream = stream
        self._cut_torn_line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def append(self, sample: Sample) -> None:
        """Writes one line; it is with the operating system on return, so that the end of this process leaves it."""
        assert self._stream is not None, "the file is not open"
        row = {key: value for key, value in asdict(sample).items() if key in FIELDS or value is not None}
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
        self._stream.write(line + b"\n")
        self._stream.flush()

    def read(self, settings: str) -> dict[tuple[str, int], Sample]:
        """(problem, sample) -> the first sample of these settings. Raises `RowError` for a damaged line."""
        assert self._stream is not None, "the file is not open"
        found: dict[tuple[str, int], Sample] = {}
        self._stream.seek(0)
        for number, line in enumerate(self._stream, start=1):
            sample = self._parse(number, line)
            if sample.settings == settings:
                found.setdefault((sample.problem, sample.sample), sample)
        return found

    def _parse(self, number: int, line: bytes) -> Sample:
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RowError(self.path, number, "<row>", f"not valid JSON ({error}); take the line out") from None
        if not isinstance(row, dict) or row.keys() - OPTIONAL.keys() != FIELDS.keys():
            raise RowError(self.path, number, "<row>", f"expected the fields {', '.join(FIELDS)}; take the line out")
        for name, kind in {**FIELDS, **{name: OPTIONAL[name] for name in row if name in OPTIONAL}}.items():
            kinds = kind if isinstance(kind, tuple) else (kind,)
            if type(row[name]) not in kinds:
                raise RowError(self.path, number, name, f"expected {kinds[0].__name__}, got {str(row[name])[:60]}")
        return Sample(**row)

    def _cut_torn_line(self) -> None:
        assert self._stream is not None
        self._stream.seek(0)
        whole = 0
        for line in self._stream:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
        if whole < self._stream.seek(0, os.SEEK_END):
            self._stream.truncate(whole)
