"""The stage `source` of code problems: records of files in four formats become rows, strictly."""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from acereason.config.structured import to_plain
from acereason.errors import InputError, RowError
from acereason.problems import parse_problem
from data_pipeline.code.schema import CodeDataConfig, CodeSourceConfig
from data_pipeline.code.sources import FORMATS
from data_pipeline.rows import PROBLEM_SCHEMA, Ids, ProblemRow, checked, frame
from data_pipeline.sources.hub import dataset_files, key_of_files
from data_pipeline.sources.records import records
from data_pipeline.stages import OutsideFile, Stage, StageRun

_BATCH = 1024
_BESIDE = ("reference_solutions", "wrong_solutions", "url")  # of our own rows: no fields of a problem


def source_stage(config: CodeDataConfig, where: Path) -> Stage:
    """The stage `source`: every record of every source as a row, in order. What is none stops it, or is dropped."""
    finder = functools.cache(lambda fetch: _find_all(config.sources, fetch, where))

    def outside(fetch: bool) -> Sequence[OutsideFile] | None:
        found = finder(fetch)
        if found is None:
            return None
        return [
            OutsideFile(f"{key}:{path.name}", path, key_of_files(f"sources.{key}", config.sources[key].hub))
            for key, (_, paths) in found.items()
            for path in paths
        ]

    def work(run: StageRun) -> None:
        found = finder(True)
        assert found is not None
        run.emit(frame([]), PROBLEM_SCHEMA)
        ids = Ids()
        for key, source in config.sources.items():
            run.about[key] = _read(run, source, found[key][1], found[key][0], ids, config.bad_rows)

    settings = {key: to_plain(replace(one, files=(), hub_files=())) for key, one in config.sources.items()}
    return Stage(
        "source", work, settings={"sources": settings, "bad_rows": config.bad_rows}, outside=outside, kind="source",
        code=(
            "data_pipeline.sources.records", "data_pipeline.code.reading", "data_pipeline.code.sources",
            "data_pipeline.rows",
        ),
    )  # fmt: skip


def _find_all(
    sources: Mapping[str, CodeSourceConfig], fetch: bool, where: Path
) -> dict[str, tuple[str | None, list[Path]]] | None:
    found: dict[str, tuple[str | None, list[Path]]] = {}
    for key, one in sources.items():
        if one.hub is None:
            found[key] = one.revision, [where / Path(file).expanduser() for file in one.files]
            continue
        at = dataset_files(f"sources.{key}", one.hub, one.revision, one.hub_files, fetch)
        if at is None:
            return None
        found[key] = at
    return found


def _read(
    run: StageRun, source: CodeSourceConfig, files: Sequence[Path], revision: str | None, ids: Ids, bad_rows: str
) -> dict[str, Any]:
    batch: list[ProblemRow] = []
    counts: Counter[str] = Counter()
    for path in files:
        for place, record in records(path):
            if source.limit is not None and counts["records"] == source.limit:
                break
            counts["records"] += 1
            run.counted(1)
            try:
                batch.append(row_of(source, record, path, place, counts["records"], revision, ids))
            except RowError as error:
                if bad_rows == "stop":
                    raise
                said = f"{path.name}:{place}: {error.field}: {error.problem}"
                at = {"source": source.name, "source_row": counts["records"]}
                reason = "bad_date" if error.field == "release_date" else "bad_row"
                run.drop(at, reason, detail=said, record=record)
                continue
            if len(batch) == _BATCH:
                run.emit(frame(batch))
                batch = []
    run.emit(frame(batch))
    if not counts["records"]:
        raise InputError(f"{source.name}: its files hold no rows")
    about = {"name": source.name, "licence": source.licence, "link": source.link, "hub": source.hub}
    return {**about, "revision": revision, **counts}


def row_of(
    source: CodeSourceConfig, record: Mapping[str, Any], path: Path, place: int, number: int, revision: str | None,
    ids: Ids,
) -> ProblemRow:  # fmt: skip
    """One record as a row. Raises `RowError` where it is none of the source's format."""
    if source.format == "local":  # ours: as strict as training is, but for what is curated away
        _check_own(path, place, record)
    try:
        row = FORMATS[source.format](record)
        tests, metadata = row.pop("tests"), row.pop("metadata")
        if not row["prompt"].strip():
            raise ValueError("its statement is empty")
        fields = {
            **row,
            "id": ids.of("code", row["prompt"]),
            "tests": json.dumps(tests, ensure_ascii=False, allow_nan=False),
            "metadata": json.dumps(metadata, ensure_ascii=False, sort_keys=True, allow_nan=False),
            "source": source.name,
            "source_row": number,
            "revision": revision,
        }
        for value in (fields["prompt"], fields["tests"], fields["metadata"], *fields["reference_solutions"]):
            value.encode("utf-8")
    except KeyError as error:
        raise RowError(path, place, str(error.args[0]), f"is missing; format={source.format} has it") from None
    except (ValueError, TypeError, AttributeError) as error:
        said = f"does not read as a record of format={source.format}: {error}"
        raise RowError(path, place, "<row>", said[:300]) from None
    _check_date(path, place, fields["release_date"])
    return checked(ProblemRow, fields, path, place)


def _check_own(path: Path, place: int, record: Mapping[str, Any]) -> None:
    """Raises `RowError` where a record is no problem of code with programs beside it."""
    if record.get("domain", "code") != "code":
        raise RowError(
            path, place, "domain", f"is {record['domain']!r}, and this is a set of code; leave the row to the sources "
            "of `acereason data math`, or write 'code'",
        )  # fmt: skip
    for name in ("reference_solutions", "wrong_solutions"):
        programs = record.get(name)
        if programs is None:
            continue
        if not isinstance(programs, list):
            raise RowError(path, place, name, f"expected a list of programs, got {_short(programs)}; write [PROGRAM]")
        for index, program in enumerate(programs):
            if not isinstance(program, str):
                raise RowError(path, place, f"{name}[{index}]", f"expected a program as text, got {_short(program)}")
    parse_problem(path, place, {name: record[name] for name in record if name not in _BESIDE})


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?")


def _check_date(path: Path, place: int, text: Any) -> None:
    """Raises `RowError` for a date that could not be compared with a cut-off; null says that it is not known."""
    if text is None:
        return
    try:
        if not isinstance(text, str) or not _DAY.fullmatch(text):
            raise ValueError
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise RowError(
            path,
            place,
            "release_date",
            f"expected a day as 2024-07-31, or null where it is not known, got {_short(text)}",
        ) from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
