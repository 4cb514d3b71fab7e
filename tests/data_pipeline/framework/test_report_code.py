"""What is given away of a set of programming problems: tests that were curated, and a card that says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import polars as pl
import pytest

from acereason.problems import write_jsonl
from data_pipeline.command import run_command
from data_pipeline.report import curated
from data_pipeline.report.view import SetView
from data_pipeline.teacher.standin import StandInConfig, make
from tests.data_pipeline.code.test_code_command import rows
from tests.data_pipeline.framework.croissants import check_records
from tests.data_pipeline.framework.test_report import section


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    write_jsonl(folder / "rows.jsonl", rows()[:5])
    given = [
        "sources=code_local", "sources.local.files=[rows.jsonl]", "benchmarks=none", "decontamination.policy=none",
        "split.heldout=0", "out=out", "curation.mutants=4", "curation.made_inputs=12", "curation.added_cases=6",
        "curation.probe_inputs=6", "policy.tests.least_strength=0.5", "policy.vote.thin_below=0",
        "policy.vote.min_tokens=0", "policy.vote.solved=false",
    ]  # fmt: skip
    assert run_command("code", [*given, "until=tests"], folder) == 0
    (table,) = folder.glob("out/*_tests/table.parquet")
    make(pl.read_parquet(table), folder / "ledger", StandInConfig(shards=2))
    assert run_command("code", [*given, "teacher=replay", "teacher.ledger=ledger"], folder) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return (out / "report.html").read_text()


def counted(found: str, what: str) -> list[int]:
    """The figures beside these words in a table."""
    cells = re.search(rf"<td[^>]*>{what}</td>((?:<td[^>]*>[^<]*</td>)+)", found)
    assert cells is not None, what
    return [int(value) for value in re.findall(r">(\d+)<", cells.group(1))]


def test_the_report_tells_of_the_tests(page: str, out: Path) -> None:
    (file,) = out.glob("*_curation/table.parquet")
    table = pl.read_parquet(file)
    found = section(page, "Tests of the programs")
    assert "Strength of the given tests" in found and "Strength of the final tests" in found
    assert counted(found, "cases given")[0] == table["curation_cases_given"].sum()
    assert counted(found, "made and added") == [table["curation_cases_added"].sum()]
    assert counted(found, "mutants of references")[0] == table["curation_mutants"].sum()
    assert counted(found, "presumed equivalent") == [table["curation_mutants_equivalent"].sum()]
    assert "Time limits, seconds of CPU a case" in found
    assert "tests:failing_reference" in found and "no reference solution passes the given tests" in found
    assert table["curation_first_failure"].drop_nulls()[0] in found


def test_pass_rates_are_there_and_no_vote_on_answers(page: str) -> None:
    found = section(page, "Pass rates")
    assert "Right attempts of 8" in found and "<p>stand-in: " in found
    assert "Answers that disagree" not in page


def test_the_card_says_what_became_of_the_tests(out: Path) -> None:
    text = (out / "dataset" / "README.md").read_text()
    assert "answers are as their sources state them" not in text.lower()
    assert "made inputs were added" in text and "an upper bound" in text
    assert "The teacher, stand-in, is a **stand-in**" in text and "acereason data code" in text


def test_croissant_loads(out: Path) -> None:
    check_records(out / "dataset")


def test_programs_that_should_not_pass_are_listed(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    (file,) = out.glob("*_curation/table.parquet")
    table = pl.read_parquet(file).rename(lambda name: name.removeprefix("curation_")).head(1)
    known = {name: ("Count <them>.", "mine", None) for name in table["id"]}
    monkeypatch.setattr(curated, "texts", lambda view, ids: known)
    none = cast(SetView, None)
    assert curated._passing(none, table) == ""
    passing = curated._passing(none, table.with_columns(wrong_passing=pl.lit(2)))
    assert "Known wrong programs pass in 1 problem<" in passing and "Count &lt;them&gt;." in passing
    weak = table.with_columns(
        strength_after=pl.lit(0.25), survivors=pl.lit(["line 2: < for <="]).cast(pl.List(pl.String))
    )
    surviving = curated._surviving(none, weak)
    assert "strength 25 %" in surviving and "line 2: &lt; for &lt;=" in surviving


def test_what_is_wrong_with_tests_is_listed() -> None:
    """Inputs that were not made are counted by kind; a line of the statement stands below them."""
    table = pl.DataFrame({"inputs_not_made": ["not understood: The graph is <planar>.", "no grammar fits", None]})
    found = curated._not_made(table)
    assert "No inputs were made for 2 problems" in found and "The graph is &lt;planar&gt;." in found
    assert counted(found, "no grammar fits") == [1] and "<planar>" not in found
