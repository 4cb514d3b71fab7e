"""Rows of a published file, whatever its format, and typed fields out of one."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from acereason.errors import InputError, RowError

_GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet", ".csv")


def files_of(path: Path) -> list[Path]:
    """The file itself, or those of a folder by name. Raises `InputError` for a folder without any."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.endswith(_SUFFIXES))
    if not found:
        raise InputError(f"{path}: a folder without any file of rows (*{', *'.join(_SUFFIXES)})")
    return found


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of JSONL, or (position from 1, row) of a JSON list, of CSV with a head line, or of Parquet.

    JSON may be gzipped, and may begin with a byte order mark. JSONL is read line by line.

    Raises `RowError`, `InputError`.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(4)
        if start == PARQUET:
            yield from enumerate(_parquet(path), start=1)
            return
        opened = cast(IO[bytes], gzip.open(path) if start.startswith(_GZIP) else open(path, "rb"))
        with opened:
            if path.name.endswith(".csv"):
                yield from enumerate(csv.DictReader(io.TextIOWrapper(opened, "utf-8-sig", newline="")), start=1)
                return
            yield from _json(path, opened)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _json(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        if text.lstrip().startswith("["):
            yield from _list(path, text + stream.read().decode("utf-8"))
            return
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RowError(path, number, "<row>", f"not valid JSON ({error})") from None
        yield number, _object(path, number, row)


def _list(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    for number, row in enumerate(rows, start=1):
        yield number, _object(path, number, row)


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({str(error)[:200]})") from None
    yield from table.iter_rows(named=True)


def _object(path: Path, number: int, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise RowError(path, number, "<row>", f"expected a JSON object, got {str(row)[:60]}")
    return row


def text_of(path: Path, line: int, row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise RowError(path, line, name, "is missing" if name not in row else f"expected text, got {str(value)[:60]}")
    if not value.strip():
        raise RowError(path, line, name, "is empty")
    return value


def number_of(path: Path, line: int, row: dict[str, Any], name: str) -> str:
    """A whole number as its digits."""
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():  # which NaN and the infinities, that files may hold, are not
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        said = "is missing" if name not in row else f"expected a whole number, got {str(value)[:60]}"
        raise RowError(path, line, name, said)
    return str(value)


def texts_of(path: Path, line: int, row: dict[str, Any], name: str) -> list[str]:
    """A list of texts, stripped, each once, in order; at least one."""
    value = row.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item.strip() for item in value):
        said = "is missing" if name not in row else f"expected a list of texts, got {str(value)[:60]}"
        raise RowError(path, line, name, said)
    return list(dict.fromkeys(item.strip() for item in value))
