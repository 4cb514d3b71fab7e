"""From the records of a source to rows of the table of problems, whatever the source calls its fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acereason.config.nearest import did_you_mean
from acereason.errors import InputError, RowError
from acereason.problems import parse_problem
from data_pipeline.rows import Ids, ProblemRow, checked, json_text
from data_pipeline.sources.records import records
from data_pipeline.sources.settings import FieldMap, SourceConfig

_AFTER_MARKS = re.compile(r"####\s*(.+?)\s*$")


@dataclass(frozen=True)
class Lost:
    """A record that became no row, and why."""

    reason: str
    source: str
    source_row: int
    detail: str
    prompt: str | None
    record: dict[str, Any] | None = None  # as it was read; not of what `where` leaves out


def read_source(
    config: SourceConfig, files: Iterable[Path], revision: str | None, ids: Ids, bad_rows: str
) -> Iterator[ProblemRow | Lost]:  # fmt: skip
    """Every record of the files, as a row or as lost. Raises `RowError`, `InputError`.

    A record without statement or answer, or that `where` leaves out, is lost. One that does not fit (an unknown field,
    a wrong type) is an error, or with `bad_rows="drop"` lost too; a file that cannot be read to its end is always an
    error.
    """
    number = 0
    for path in files:
        for place, record in records(path):
            number += 1
            if config.limit is not None and number > config.limit:
                return
            try:
                yield _row(config, record, path, place, number, revision, ids)
            except RowError as error:
                if bad_rows == "stop":
                    raise
                said = f"{path.name}:{place}: {error.field}: {error.problem}"
                yield Lost("bad_row", config.name, number, said, None, record)
    if number == 0:
        raise InputError(f"{config.name}: its files hold no rows")


def _row(
    config: SourceConfig, record: dict[str, Any], path: Path, place: int, number: int, revision: str | None, ids: Ids
) -> ProblemRow | Lost:
    for field, wanted in config.where.items():
        if field not in record:
            raise RowError(
                path, place, field, f"is missing, but sources' where asks for it{did_you_mean(field, record)}"
            )
        if str(record[field]) != wanted:
            return Lost("not_selected", config.name, number, f"{field} is {str(record[field])[:60]!r}", None)
    if config.layout == "problems":
        return _own(config, record, path, place, number, revision, ids)
    assert config.fields is not None
    fields = config.fields
    _check_known(fields, config, record, path, place)
    prompt = _text(record, fields.prompt, path, place)
    if not prompt.strip():
        return Lost("no_statement", config.name, number, f"{fields.prompt} is empty", None, record)
    solutions = _texts(record, fields.solution, path, place)
    answer = _answer(config, record, solutions, path, place)
    if answer is None:
        return Lost("no_answer", config.name, number, f"no answer ({config.answer_from})", prompt, record)
    url = _text(record, fields.url, path, place) or None if fields.url else None
    kept = {name: record[name] for name in fields.kept if record.get(name) is not None}
    metadata = _metadata(kept, "", path, place)
    row = {
        "id": ids.of("math", prompt),
        "domain": "math",
        "prompt": prompt,
        "answer": answer,
        "source": config.name,
        "source_row": number,
        "revision": revision,
        "url": url,
        "reference_solutions": solutions,
        "metadata": metadata,
    }
    return checked(ProblemRow, row, path, place)


def _check_known(fields: FieldMap, config: SourceConfig, record: dict[str, Any], path: Path, place: int) -> None:
    named = {fields.prompt, fields.answer, fields.solution, fields.url, *fields.kept, *fields.ignored, *config.where}
    unknown = sorted(set(record) - named)
    if unknown:
        near = did_you_mean(unknown[0], [name for name in named if name])
        what = f"is not a known field; name it in sources.NAME.fields, under kept or ignored{near}"
        raise RowError(path, place, unknown[0], what)


def _own(
    config: SourceConfig, record: dict[str, Any], path: Path, place: int, number: int, revision: str | None, ids: Ids
) -> ProblemRow:
    """A row in our own problem format; what it was called there stays in `metadata.id`."""
    problem = parse_problem(path, place, record)
    if problem.domain != "math":
        raise RowError(path, place, "domain", "'code' is read by acereason data code")
    kept = {"id": problem.id, "source": problem.source, **problem.metadata}
    if problem.difficulty:
        kept["difficulty"] = problem.difficulty
    metadata = _metadata(kept, "metadata.", path, place)
    return ProblemRow(
        id=ids.of("math", problem.prompt), domain="math", prompt=problem.prompt, answer=problem.answer,
        release_date=problem.release_date, source=config.name, source_row=number, revision=revision,
        metadata=metadata,
    )  # fmt: skip


def _metadata(kept: Mapping[str, Any], prefix: str, path: Path, place: int) -> str:
    """What is kept of a record, as JSON text; each field is looked at by itself, so that a fault has its name."""
    for name, value in kept.items():
        json_text({name: value}, path, place, prefix + name)
    return json_text(kept, path, place, prefix.rstrip(".") or "<row>")


def _text(record: dict[str, Any], field: str, path: Path, place: int) -> str:
    value = record.get(field)
    if value is None:
        if field not in record:
            raise RowError(path, place, field, f"is missing{did_you_mean(field, record)}")
        return ""
    if not isinstance(value, str):
        raise RowError(path, place, field, f"expected text, got {type(value).__name__} {str(value)[:40]!r}")
    return _whole_text(value, field, path, place)


def _whole_text(value: str, field: str, path: Path, place: int) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError(path, place, field, f"holds a lone surrogate at character {error.start}") from None
    return value


def _texts(record: dict[str, Any], field: str | None, path: Path, place: int) -> list[str]:
    value = record.get(field) if field is not None else None
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise RowError(path, place, str(field), f"expected text or a list of texts, got {str(value)[:40]!r}")
    return [_whole_text(text, str(field), path, place) for text in found if text.strip()]


def _answer(
    config: SourceConfig, record: dict[str, Any], solutions: list[str], path: Path, place: int
) -> str | None:  # fmt: skip
    """The stated answer as text; None where there is none."""
    assert config.fields is not None
    if config.answer_from == "boxed":
        return next((answer for text in reversed(solutions) if (answer := last_boxed(text))), None)
    if config.answer_from == "hash_marks":
        found = _AFTER_MARKS.search(solutions[-1]) if solutions else None
        return found.group(1) if found else None
    field = config.fields.answer
    assert field is not None  # a rule of the configuration
    value = record.get(field)
    if value is None:
        if field not in record:
            raise RowError(path, place, field, f"is missing{did_you_mean(field, record)}")
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise RowError(path, place, field, f"expected text or a number, got {str(value)[:40]!r}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RowError(path, place, field, f"expected text or a number, got {value}")
        value = int(value) if value.is_integer() else value
    return _whole_text(str(value), field, path, place).strip() or None


def last_boxed(text: str) -> str | None:
    """What stands in the last `\\boxed{...}` of a solution, braces balanced; None where there is none."""
    start = max(text.rfind(r"\boxed{"), text.rfind(r"\fbox{"))
    if start < 0:
        return None
    depth = 0
    for index in range(text.index("{", start), len(text)):
        if text[index] == "{" and text[index - 1] != "\\":
            depth += 1
        elif text[index] == "}" and text[index - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[text.index("{", start) + 1 : index].strip() or None
    return None
