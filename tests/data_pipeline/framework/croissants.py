"""Whether Croissant metadata can be loaded: every column that a record set names is there, in its type.

`mlcroissant load --record_set problems` of MLCommons (1.1.1) loads the same sets. It brings pandas, scipy and rdflib,
so it is no dependency of the tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

PYTHON = {"sc:Text": str, "sc:Integer": int, "sc:Float": float, "sc:Boolean": bool}


def check_records(folder: Path) -> None:
    """Reads every record of the set's folder by its metadata alone."""
    found = json.loads((folder / "croissant.json").read_text())
    files = {entry["@id"]: entry for entry in found["distribution"]}
    assert found["recordSet"]
    for records in found["recordSet"]:
        ids = [field["@id"] for field in records["field"]]
        assert len(set(ids)) == len(ids)
        tables = {field["source"]["fileObject"]["@id"] for field in records["field"]}
        (file,) = tables
        assert files[file]["encodingFormat"] == "application/x-parquet"
        table = pq.read_table(folder / files[file]["contentUrl"])
        for field in records["field"]:
            assert field["@id"] == f"{records['@id']}/{field['name']}"
            assert field["description"]
            values = table.column(field["source"]["extract"]["column"]).to_pylist()
            _check(field, values)
        assert records["key"]["@id"] in ids
        key = records["key"]["@id"].partition("/")[2]
        assert len(set(table.column(key).to_pylist())) == table.num_rows


def _check(field: dict[str, Any], values: list[Any]) -> None:
    kind = PYTHON[field["dataType"]]
    held = [value for value in values if value is not None]
    if field.get("repeated"):
        assert all(type(value) is list for value in held), field["name"]
        held = [item for value in held for item in value]
    assert all(type(value) is kind for value in held), field["name"]
    assert held, f"{field['name']}: nothing is in it"
