"""The rows inside the pipeline: one problem a row, in a fixed schema, checked wherever rows come in or go out.

A problem's id comes from its normalised statement, so that it is the same in every run and whatever file the problem
was read from. Where it came from (`source`, `source_row`, `revision`) stays with it to the end.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acereason.errors import RowError
from acereason.problems import Problem, parse_problem

ID_DIGITS = 16  # hexadecimal: two of a million statements share an id once in 37 million sets
TEXTS = pl.List(pl.String)

PROBLEM_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "domain": pl.String,
    "prompt": pl.String,  # the bare statement
    "answer": pl.String,  # math; null for code
    "tests": pl.String,  # code: JSON text of the problem format's `tests` object; null for math
    "starter_code": pl.String,
    "release_date": pl.String,
    "source": pl.String,
    "source_row": pl.Int64,  # counted from 1 over the source's files in order
    "revision": pl.String,
    "url": pl.String,
    "reference_solutions": TEXTS,
    "wrong_solutions": TEXTS,
    "metadata": pl.String,  # JSON text of an object
}

Model = TypeVar("Model", bound=BaseModel)


class ProblemRow(BaseModel):
    """One row of the table of problems; nothing is converted and nothing unknown is let in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    domain: Literal["math", "code"]
    prompt: str = Field(min_length=1)
    answer: str | None = None
    tests: str | None = None
    starter_code: str | None = None
    release_date: str | None = None
    source: str = Field(min_length=1)
    source_row: int = Field(ge=1)
    revision: str | None = None
    url: str | None = None
    reference_solutions: list[str] = []
    wrong_solutions: list[str] = []
    metadata: str = "{}"


def checked(model: type[Model], row: dict[str, Any], path: object, line: int) -> Model:
    """`row` as `model`. Raises `RowError` with the first fault: unknown field, wrong type, missing, no text."""
    for name, value in row.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                _check_text(text, path, line, name)
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "<row>"
        got = "" if first["type"] in ("missing", "extra_forbidden") else f", got {_short(first.get('input'))}"
        raise RowError(path, line, field, f"{_SAID.get(first['type'], first['msg'])}{got}") from None


def _check_text(text: str, path: object, line: int, field: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError(path, line, field, f"holds a lone surrogate at character {error.start}") from None


_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "dict_type": "expected an object",
    "string_too_short": "is empty",
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def normalised(statement: str) -> str:
    """A statement with its spaces, case and Unicode forms evened out; what ids and splits are made from."""
    return " ".join(unicodedata.normalize("NFC", statement).split()).casefold()


def statement_id(domain: str, statement: str) -> str:
    """`math-` or `code-` and 16 hexadecimal digits of the hash of the normalised statement."""
    digest = hashlib.sha256(normalised(statement).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{domain}-{digest[:ID_DIGITS]}"


class Ids:
    """Gives out ids in the order of the rows; a statement that comes again gets -2, -3, ... behind its id."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def of(self, domain: str, statement: str) -> str:
        """The id of the next row with this statement."""
        base = statement_id(domain, statement)
        count = self.seen[base] = self.seen.get(base, 0) + 1
        return base if count == 1 else f"{base}-{count}"


def frame(rows: Iterable[ProblemRow]) -> pl.DataFrame:
    """Checked rows as a table with the columns and types of `PROBLEM_SCHEMA`."""
    plain = [row.model_dump() for row in rows]
    return pl.DataFrame({name: [row[name] for row in plain] for name in PROBLEM_SCHEMA}, schema=PROBLEM_SCHEMA)


def problem_object(row: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """A row of the table as the JSON object of the problem format; provenance and `more` go to `metadata`.

    `more` may hold `difficulty`, which is a field of its own.
    """
    more = dict(more or {})
    metadata = json.loads(row["metadata"] or "{}")
    kept = {name: row[name] for name in ("source_row", "revision", "url") if row.get(name) is not None}
    difficulty = more.pop("difficulty", None)
    found = {
        "id": row["id"],
        "domain": row["domain"],
        "prompt": row["prompt"],
        "source": row["source"],
        "answer": row["answer"],
        "tests": json.loads(row["tests"]) if row.get("tests") else None,
        "starter_code": row.get("starter_code"),
        "release_date": row.get("release_date"),
        "difficulty": difficulty,
        "metadata": {**metadata, **kept, **more},
    }
    return {name: value for name, value in found.items() if value is not None and value != {}}


def json_text(value: Any, path: object, line: int, field: str, sort_keys: bool = True) -> str:
    """`value` as JSON text that UTF-8 can hold. Raises `RowError` where it is none."""
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, allow_nan=False)
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(path, line, field, "holds a lone surrogate, which is no text") from None
    except ValueError:
        raise RowError(path, line, field, "holds NaN or Infinity, which is no JSON; write null or text") from None
    except TypeError as error:  # dates, bytes and decimals of Parquet
        raise RowError(path, line, field, f"holds what is no JSON ({error}); write it as text") from None
    except RecursionError:
        raise RowError(path, line, field, "is nested too deeply") from None
    return text


def plain_json(value: Any, depth: int = 32) -> Any:
    """`value` as far as JSON can say it: what is no JSON as text, what is nested too deeply as dots."""
    if isinstance(value, (dict, list, tuple)) and not depth:
        return "..."
    if isinstance(value, dict):
        return {str(name): plain_json(item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item, depth - 1) for item in value]
    known = value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if known else str(value)


def check_problem(path: object, line: int, row: dict[str, Any]) -> Problem:
    """The row as training will read it. Raises `RowError`."""
    return parse_problem(path, line, row)
