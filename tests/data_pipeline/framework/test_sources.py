"""Sources: every layout that is read, and what is said where a file does not hold what it should.

The public sets are made up here, a few rows in the layout in which each is published.
"""

from __future__ import annotations

import datetime
import functools
import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from acereason.config.compose import compose_root
from acereason.errors import InputError, RowError
from data_pipeline.command import run_command
from data_pipeline.rows import Ids, ProblemRow, statement_id
from data_pipeline.schema import ROOTS
from data_pipeline.sources.reading import Lost, last_boxed, read_source
from data_pipeline.sources.records import records
from data_pipeline.sources.settings import SourceConfig
from tests.data_pipeline.framework import made

ROWS: dict[str, list[dict[str, Any]]] = {
    "deepscaler_preview": [{"problem": "What is 1 + 1?", "answer": "2", "solution": "So $\\boxed{2}$."}],
    "numina_math_1_5": [
        {"problem": "What is 1 + 1?", "answer": "2", "solution": "two", "problem_type": "Algebra",
         "question_type": "math-word-problem", "problem_is_valid": "Yes", "solution_is_valid": "Yes",
         "source": "olympiads", "synthetic": False},
        {"problem": "Bad?", "answer": "2", "solution": "", "problem_type": "Algebra",
         "question_type": "proof", "problem_is_valid": "Incomplete", "solution_is_valid": "Yes",
         "source": "olympiads", "synthetic": False},
    ],
    "acereason_math": [{"problem": "What is 1 + 1?", "answer": "2"}],
    "math_train": [{"problem": "What is 1 + 1?", "answer": "2", "difficulty": 1.0, "type": "Algebra"}],
    "gsm8k_train": [{"question": "What is 1 + 1?", "answer": "1 and 1 are <<1+1=2>>2.\n#### 2"}],
    "aime_1983_2023": [
        {"problem": "What is 1 + 1?", "answer": "2", "solution": "x", "year": 1983, "aime_number": 1,
         "problem_number": 1, "difficulty": 4.0}
    ],
}  # fmt: skip
MIX = {
    "deepscaler_preview": ("acereason", "deepscaler"),
    "numina_math_1_5": ("acereason", "numina"),
    "acereason_math": ("acereason_math", "acereason_math"),
    "math_train": ("math_gsm8k_aime", "math_train"),
    "gsm8k_train": ("math_gsm8k_aime", "gsm8k_train"),
    "aime_1983_2023": ("math_gsm8k_aime", "aime"),
}


@functools.cache
def source(name: str) -> SourceConfig:
    mix, key = MIX[name]
    local = [f"sources.{k}.files=[x.json]" for k in ("math_train", "gsm8k_train", "aime")] if "gsm8k" in mix else []
    return dict(compose_root("data_math", ROOTS["data_math"], [f"sources={mix}", *local]).sources)[key]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif ".jsonl" in path.name:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    else:
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False))
    return path


@pytest.mark.parametrize("name", sorted(ROWS))
@pytest.mark.parametrize("ending", ["json", "jsonl", "jsonl.gz", "parquet"])
def test_every_public_layout_reads_the_same_from_every_format(tmp_path: Path, name: str, ending: str) -> None:
    file = write(tmp_path / f"rows.{ending}", ROWS[name])
    found = list(read_source(source(name), [file], "abc", Ids(), "stop"))
    row = found[0]
    assert isinstance(row, ProblemRow)
    assert (row.id, row.prompt, row.answer) == (statement_id("math", "What is 1 + 1?"), "What is 1 + 1?", "2")
    assert (row.source, row.source_row, row.revision) == (source(name).name, 1, "abc")
    assert [type(lost) for lost in found[1:]] == [Lost] * (len(ROWS[name]) - 1)


def test_ids_follow_the_statement_and_nothing_else() -> None:
    same = ["What is  1 + 1?", " what is 1 + 1?\n", "WHAT IS 1 + 1?"]
    assert len({statement_id("math", text) for text in same}) == 1
    assert statement_id("math", "What is 1 + 2?") != statement_id("math", same[0])
    ids = Ids()
    first, second = ids.of("math", same[0]), ids.of("math", same[1])
    assert second == f"{first}-2"


def test_a_long_json_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    rows = [{"n": n, "text": "é\n" * 3000, "number": 10**n} for n in range(300)]  # about 3 MB, pieces of 1 MB
    file = write(tmp_path / "long.json", rows)
    assert [row for _, row in records(file)] == rows
    lines = [line for line, _ in records(file)]
    assert lines == [2 + 5 * n for n in range(300)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'[{"a": 1}, {"a": 2', r"a\.json:1: field '<row>': not valid JSON, or cut short"),
        ("a.json", b'[{"a": 1}\n {"a": 2}]', r"a\.json:2: .*expected ',' or ']'"),
        ("a.json", b'[{"a": 1}', "the file ends: it is cut short"),
        ("a.json", b'{"a": 1}', "expected a JSON array of objects"),
        ("a.json", b"[1]", r"a\.json:1: .*expected a JSON object, got '1'"),
        ("a.jsonl", b'{"a": 1}\n{"a": ', r"a\.jsonl:2: .*is it cut short"),
        ("a.jsonl", b'{"a": "\xff"}\n', r"a\.jsonl:1: .*not valid JSON in UTF-8"),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 999, mtime=0)[:-20], "cut short or damaged"),
        ("a.jsonl.gz", b'{"a": 1}\n', "cut short or damaged"),
        ("a.parquet", b"PAR1" + b"\0" * 40, "is no whole Parquet file"),
        ("a.txt", b"", "cannot tell the format"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        list(records(tmp_path / name))


def test_a_truncated_parquet_source_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.parquet", ROWS["math_train"] * 50)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"rows\.parquet: is no whole Parquet file, perhaps cut short"):
        list(records(file))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, "field 'surprise': is not a known field; name it in"),
        ({"answer": ["2"]}, "field 'answer': expected text or a number"),
        ({"problem": 3}, "field 'problem': expected text, got int '3'"),
        ({"problem": "\ud800"}, "field 'problem': holds a lone surrogate"),
        ({"type": "\ud800"}, "field 'type': holds a lone surrogate"),
        ({"difficulty": float("nan")}, "field 'difficulty': holds NaN or Infinity, which is no JSON"),
        ({"answer": float("inf")}, "field 'answer': expected text or a number, got inf"),
    ],
)
def test_a_record_that_does_not_fit_stops_or_is_dropped(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    good = ROWS["math_train"][0]
    file = write(tmp_path / "rows.jsonl", [good, {**good, **change}, good])
    with pytest.raises(RowError, match=rf"rows\.jsonl:2: {said}"):
        list(read_source(source("math_train"), [file], None, Ids(), "stop"))
    found = list(read_source(source("math_train"), [file], None, Ids(), "drop"))
    assert [type(row) for row in found] == [ProblemRow, Lost, ProblemRow]
    assert isinstance(found[1], Lost) and found[1].reason == "bad_row"
    assert found[1].record is not None and set(found[1].record) == {*good, *change}


@pytest.mark.parametrize("empty", [{"answer": None}, {"answer": " "}, {"problem": ""}])
def test_a_record_without_statement_or_answer_is_lost_with_its_reason(tmp_path: Path, empty: dict[str, Any]) -> None:
    file = write(tmp_path / "rows.jsonl", [{**ROWS["math_train"][0], **empty}])
    (lost,) = read_source(source("math_train"), [file], None, Ids(), "stop")
    assert isinstance(lost, Lost)
    assert lost.reason == ("no_statement" if "problem" in empty else "no_answer")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{1} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{1", None),
        ("none", None),
        (r"\boxed{ }", None),
    ],
)
def test_the_last_box(text: str, answer: str | None) -> None:
    assert last_boxed(text) == answer


def test_bad_rows_are_counted_and_kept_aside(tmp_path: Path) -> None:
    file = made.write(tmp_path, 20)
    lines = file.read_text().splitlines()
    lines[3] = json.dumps({**json.loads(lines[3]), "anser": "x"})
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(RowError, match=r"in\.jsonl:4: field 'anser'"):
        made.run(tmp_path)
    made.run(tmp_path, "bad_rows=drop")
    manifest = json.loads((tmp_path / "out" / "01_source" / "manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"], manifest["drops"]) == (20, 19, {"bad_row": 1})
    dropped = json.loads((tmp_path / "out" / "01_source" / "drops.jsonl").read_text())
    assert dropped["row"] == 4 and "in.jsonl:4: anser" in dropped["detail"]
    assert dropped["record"]["anser"] == "x" and dropped["record"]["prompt"] == json.loads(lines[3])["prompt"]


@pytest.mark.parametrize(
    ("metadata", "field", "said"),
    [
        ('{"k": "\\ud800"}', r"metadata\.k", "holds a lone surrogate"),
        ('{"\\ud800": 1}', r"metadata\.\ud800", "holds a lone surrogate"),
        ('{"k": {"l": [NaN]}}', r"metadata\.k", "holds NaN or Infinity"),
        ('{"k": 1e400}', r"metadata\.k", "holds NaN or Infinity"),
    ],
)
def test_metadata_that_is_no_json_is_a_bad_row(tmp_path: Path, metadata: str, field: str, said: str) -> None:
    file = made.write(tmp_path, 20)
    lines = file.read_text().splitlines()
    lines[3] = lines[3][:-1] + f', "metadata": {metadata}}}'
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(RowError, match=rf"in\.jsonl:4: field '{field}': {said}"):
        made.run(tmp_path, "until=source")
    made.run(tmp_path, "bad_rows=drop", "until=source")
    text = (tmp_path / "out" / "01_source" / "drops.jsonl").read_text()
    dropped = json.loads(text, parse_constant=pytest.fail)
    assert dropped["reason"] == "bad_row" and said in dropped["detail"]
    assert dropped["record"]["id"] == "row-3"


def test_what_parquet_holds_and_json_cannot_is_named(tmp_path: Path) -> None:
    day = datetime.date(2020, 1, 1)
    file = tmp_path / "rows.parquet"
    pl.DataFrame([{**ROWS["math_train"][0], "difficulty": day}]).write_parquet(file)
    with pytest.raises(RowError, match=r"rows\.parquet:1: field 'difficulty': holds what is no JSON .*date"):
        list(read_source(source("math_train"), [file], None, Ids(), "stop"))
    (lost,) = read_source(source("math_train"), [file], None, Ids(), "drop")
    assert isinstance(lost, Lost) and lost.record is not None


@pytest.mark.parametrize(("field", "value"), [("wrong_solutions", ["\ud800"]), ("url", "\ud800")])
def test_text_of_programs_that_is_no_text_is_a_bad_row(tmp_path: Path, field: str, value: Any) -> None:
    tests = {"kind": "stdin", "cases": [{"input": "1", "output": "1"}]}
    good = {"id": "a", "domain": "code", "prompt": "Print one.", "source": "made", "tests": tests}
    write(tmp_path / "in.jsonl", [{**good, "reference_solutions": ["print(1)"], field: value}])
    words = ["sources=code_local", "sources.local.files=[in.jsonl]", "out=out", "until=source", *made.ALONE]
    with pytest.raises(RowError, match=rf"in\.jsonl:1: field '{field}': holds a lone surrogate at character 0"):
        run_command("code", words, tmp_path)
    run_command("code", [*words, "bad_rows=drop"], tmp_path)
    dropped = json.loads((tmp_path / "out" / "01_source" / "drops.jsonl").read_text())
    assert dropped["reason"] == "bad_row" and dropped["record"]["prompt"] == "Print one."
