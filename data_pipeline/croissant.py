"""croissant.json of a set of problems: its files, and every column of its table with its type.

Croissant is JSON-LD after the specification of MLCommons, version 1.0: https://docs.mlcommons.org/croissant/docs/

The records that are described are those of the Parquet file. Its columns have types, so that an answer "033" stays
what it is; the loader of MLCommons guesses the types of JSONL, and knows no objects in it. Nothing says when the set
was published: the same set is the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.manifest import file_hash
from data_pipeline.report.view import SetView
from data_pipeline.stages import TABLE
from data_pipeline.tables import read_batches

CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
VERSION = "1.0.0"
RECORDS = "problems"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_SAID = {
    "id": "Stable: from the normalised statement.",
    "domain": "math or code.",
    "prompt": "The bare statement; templates are applied later.",
    "prompt_as_given": "The statement as its source has it, where something was taken out of it.",
    "answer": "The gold answer of a math problem.",
    "tests": "The tests of a code problem, a JSON object as text.",
    "starter_code": "What a program has to begin from.",
    "release_date": "When the problem was published.",
    "source": "The set that the problem was read from.",
    "source_row": "Its place there, counted from 1 over the source's files in order.",
    "revision": "The version of the source.",
    "url": "Where the problem was published.",
    "reference_solutions": "Programs that are right, as far as the tests tell.",
    "wrong_solutions": "Programs that its source gives as wrong.",
    "metadata": "What its source says of the problem besides, a JSON object as text.",
    "difficulty": "What named models' attempts came to, a JSON object as text.",
    "difficulty_level": "Failed attempts of the teacher.",
    "split": "train: in problems.jsonl. heldout: in heldout.jsonl.",
}
_TYPES: dict[type[pl.DataType], str] = {pl.String: "sc:Text", pl.Boolean: "sc:Boolean"}


def croissant(view: SetView, folder: Path, files: Sequence[str], described: str, licences: Sequence[str]) -> Any:
    """Croissant metadata of `files` in `folder`; the columns are those of the one that is a Parquet file."""
    (table,) = (name for name in files if name.endswith(".parquet"))
    found = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": view.name,
        "description": described,
        "version": VERSION,
        "license": list(licences),
        "citeAs": "; ".join(source["link"] for source in view.sources() if source.get("link")),
        "isBasedOn": [
            _without_nothing(
                {"@type": "sc:Dataset", "name": source["name"], "url": source.get("link"),
                 "version": source.get("revision"), "license": source.get("licence")}
            )
            for source in view.sources()
        ],
        "distribution": [_file(folder / name) for name in files],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": RECORDS,
                "name": RECORDS,
                "description": "All problems, for training and held out (`split`), with what the stages found out.",
                "key": {"@id": f"{RECORDS}/id"},
                "field": [_field(view, table, name, kind) for name, kind in _columns(folder / table).items()],
            }
        ],
    }  # fmt: skip
    return _without_nothing(found)


def _without_nothing(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value not in (None, "")}


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "encodingFormat": "application/jsonlines" if path.suffix == ".jsonl" else "application/x-parquet",
        "contentSize": f"{path.stat().st_size} B",
        "sha256": file_hash(path),
    }


def _columns(path: Path) -> dict[str, pl.DataType]:
    """The columns that hold something in some row; without rows all of them."""
    schema: dict[str, pl.DataType] = {}
    held: set[str] = set()
    for batch in read_batches(path):
        schema = dict(batch.schema)
        held |= {name for name in batch.columns if name not in held and _holds(batch[name])}
    return {name: kind for name, kind in schema.items() if name in held or not held}


def _holds(column: pl.Series) -> bool:
    if isinstance(column.dtype, pl.List):
        return bool((column.list.len() > 0).any())
    return column.null_count() < column.len()


def _field(view: SetView, file: str, name: str, kind: pl.DataType) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/{name}",
        "name": name,
        "description": _SAID.get(name) or _signal(view, name),
        "dataType": type_of(kind),
    }
    if isinstance(kind, pl.List):
        field["repeated"] = True
    return field | {"source": {"fileObject": {"@id": file}, "extract": {"column": name}}}


def type_of(kind: pl.DataType) -> str:
    """The Croissant type of a column, of a list that of its items."""
    if isinstance(kind, pl.List):
        return type_of(kind.inner)  # type: ignore[arg-type]
    if kind.is_integer():
        return "sc:Integer"
    return "sc:Float" if kind.is_float() else _TYPES[type(kind)]


def _signal(view: SetView, name: str) -> str:
    """Which stage a column is from; one that came twice is called STAGE.COLUMN."""
    names = {name, name.rpartition(".")[2]}
    stages = [stage.name for stage in view.stages if stage.holds(TABLE) and names & set(stage.columns())]
    return f"Found out by stage {stages[0]}."
