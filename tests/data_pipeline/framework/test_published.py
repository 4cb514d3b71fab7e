"""What is given away: the card, the Croissant metadata, the report."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from acereason.errors import ConfigError
from acereason.problems import write_jsonl
from data_pipeline.command import run_command
from data_pipeline.report.marking import marked
from data_pipeline.tables import lineage_of
from tests.data_pipeline.framework import made
from tests.data_pipeline.framework.croissants import check_records

HOSTILE = "What is 1 + 1? <script>alert(1)</script> <img src=x onerror=alert(2)> \u202e | ``` # Heading"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    leak = {
        **made.rows(1)[0],
        "id": "leak",
        "prompt": "How many ways are there to put nine red balls into three boxes?",
    }
    hostile = {**leak, "id": "hostile", "prompt": HOSTILE, "answer": "2"}
    again = {**made.rows(4)[3], "id": "again"}
    conflict = {**again, "id": "conflict", "answer": "13"}
    write_jsonl(folder / "in.jsonl", [*made.rows(40), leak, hostile, again, conflict])
    other = {**leak, "id": "b2", "prompt": "Name a prime between 1 and 3 that is even, as a number."}
    write_jsonl(folder / "bench.jsonl", [{**leak, "id": "b1"}, other])
    words = [word for word in made.words() if "decontamination" not in word]
    run_command("math", [*words, "decontamination.problems=[bench.jsonl]"], folder)
    return folder / "out"


def test_croissant_describes_the_files(out: Path) -> None:
    """Structure after the specification 1.0: required properties, hashes, references that lead somewhere."""
    found = json.loads((out / "dataset" / "croissant.json").read_text())
    assert found["@type"] == "sc:Dataset"
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {"name", "description", "license", "version", "distribution", "recordSet"} <= set(found)
    context = found["@context"]
    assert context["@vocab"] == "https://schema.org/" and context["cr"] == "http://mlcommons.org/croissant/"
    files = {}
    for entry in found["distribution"]:
        assert entry["@type"] == "cr:FileObject"
        content = (out / "dataset" / entry["contentUrl"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["contentSize"] == f"{len(content)} B"
        files[entry["@id"]] = content
    assert set(files) == {"problems.jsonl", "heldout.jsonl", "problems.parquet"}
    check_records(out / "dataset")
    (records,) = found["recordSet"]
    named = {field["name"] for field in records["field"]}
    assert {"id", "prompt", "answer", "metadata", "split"} <= named
    assert not named & {"tests", "starter_code", "release_date"}, "no math problem has any of these"


def test_a_table_says_of_its_own_making_what_the_manifest_says(out: Path) -> None:
    said = lineage_of(out / "dataset" / "problems.parquet")
    (manifest,) = (json.loads(path.read_text()) for path in out.glob("*_problems/manifest.json"))
    assert said == {name: manifest[name] for name in ("stage", "key", "code", "settings", "seed", "parents")} | {
        "file": "table.parquet"
    }


def test_a_joined_set_is_not_replaced(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", made.rows(4))
    (tmp_path / "out" / "dataset").mkdir(parents=True)
    (tmp_path / "out" / "dataset" / "manifest.json").write_text('{"stage": "join"}')
    with pytest.raises(ConfigError, match="made by acereason data join"):
        run_command("math", made.words(), tmp_path)


def test_the_card_says_counts_and_sources(out: Path) -> None:
    text = (out / "dataset" / "README.md").read_text()
    block = yaml.safe_load(text.split("---")[1])
    assert {entry["path"] for entry in block["configs"][0]["data_files"]} == {"problems.jsonl", "heldout.jsonl"}
    lines = (out / "dataset" / "problems.jsonl").read_text().splitlines()
    assert f"| `problems.jsonl` | {len(lines)} |" in text
    assert "| local | not stated |" in text
    assert "compared with bench" in text.lower()
    assert "answers are as their sources state them, wrong ones included" in text


def test_the_report_shows_what_went_and_obeys_nothing_in_it(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "⟨U+202E⟩" in page
    assert "decontamination:leak_exact" in page
    assert "duplicates:duplicate_exact" in page
    assert re.search(r"<mark>[^<]*nine red balls[^<]*</mark>", page)
    assert "the same statement, another answer" in page
    assert not re.search(r"<[^>]*(?:src|href)=", page)  # it loads nothing; in a statement the words are but text
    assert page.count("<details") == page.count("</details>")


def test_dropped_rows_and_kept_rows_are_all_rows(out: Path) -> None:
    for folder in sorted(out.glob("[0-9]*")):
        manifest = json.loads((folder / "manifest.json").read_text())
        lines = (folder / "drops.jsonl").read_text().splitlines()
        assert manifest["rows_in"] == manifest["rows_out"] + len(lines), folder.name
    ids = [
        json.loads(line)["id"]
        for name in ("problems", "heldout")
        for line in (out / "dataset" / f"{name}.jsonl").open()
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("text", "other", "said"),
    [
        ("a b c d e f", "x a b c d e y", "<mark>a b c d e</mark> f"),
        ("a b c d", "a b c d", "a b c d"),  # too short a run
        ("A, b! C d e", "a , B ! c D e", "<mark>A, b! C d e</mark>"),
        ("<b> 1 2 3 4 5", "1 2 3 4 5", "&lt;b&gt; <mark>1 2 3 4 5</mark>"),
    ],
)
def test_marks(text: str, other: str, said: str) -> None:
    assert marked(text, other) == said
