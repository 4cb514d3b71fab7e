"""What a pass over statements puts down in files, so that its memory holds a few numbers a row and no text.

The files have no name while they are used, so a process that is killed leaves none.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_pipeline.decontamination.ngrams import HashArray
from data_pipeline.decontamination.token_ids import PositionArray


class Lists:
    """Lists of numbers of one type, one list a row, in a file."""

    def __init__(self, folder: Path, kind: type[np.generic]) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)
        self._kind = np.dtype(kind)
        self._ends: list[PositionArray] = [np.zeros(1, np.int64)]  # numbers up to the end of each row
        self._all: PositionArray | None = None

    def add(self, numbers: NDArray[np.generic], ends: PositionArray) -> None:
        """The lists of the next rows, one after another; `ends` of each, shape (rows,)."""
        _write(self._file.fileno(), np.ascontiguousarray(numbers, self._kind).tobytes())
        self._ends.append(ends + self._ends[-1][-1])
        self._all = None

    def __getitem__(self, row: int) -> NDArray[np.generic]:
        if self._all is None:
            self._all = np.concatenate(self._ends)
            self._ends = [self._all]
        start, end = int(self._all[row]), int(self._all[row + 1])
        size = self._kind.itemsize
        return np.frombuffer(_read(self._file.fileno(), (end - start) * size, start * size), self._kind)


class Columns:
    """A table of hashes in a file, written some rows at a time and read a column at a time."""

    def __init__(self, folder: Path, width: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)
        self.width = width
        self._blocks: list[int] = []  # rows of each

    def add(self, block: HashArray) -> None:
        """The next rows; shape (rows, width)."""
        _write(self._file.fileno(), np.ascontiguousarray(block.T).tobytes())
        self._blocks.append(len(block))

    def column(self, number: int) -> HashArray:
        """A column of all rows; shape (rows,)."""
        parts, begin = [np.empty(0, np.uint64)], 0
        for rows in self._blocks:
            read = _read(self._file.fileno(), 8 * rows, 8 * (begin * self.width + number * rows))
            parts.append(np.frombuffer(read, np.uint64))
            begin += rows
        return np.concatenate(parts)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _read(file: int, size: int, start: int) -> bytes:
    found = os.pread(file, size, start)
    while len(found) < size:  # the system may give less than was asked for
        more = os.pread(file, size - len(found), start + len(found))
        if not more:
            raise OSError(f"a file of this process ends at byte {start + len(found)}, {start + size} were written")
        found += more
    return found
