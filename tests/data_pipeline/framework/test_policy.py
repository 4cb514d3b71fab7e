"""What policies leave behind: dropped rows with what decided, and the rows that stay and are to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from acereason.errors import RunError
from acereason.problems import write_jsonl
from data_pipeline.command import run_command
from data_pipeline.policy import REVIEW_COLUMNS, Policy, policy_work
from data_pipeline.rows import plain_json
from data_pipeline.stages import REVIEW, Stage, StageRun
from data_pipeline.tables import TableWriter, read_table
from tests.data_pipeline.framework import made

RIVER = (
    "A boat leaves the harbour at noon and travels up the river for three hours against a current of two miles an "
    "hour, then turns round and drifts back to where it came from. How many miles does the boat travel in all, if "
    "its speed in still water is seven miles an hour?"
)
LIKE_IT = (
    "A boat leaves the harbour at noon and travels up the river for five minutes. A crew of nine rows it without rest. "
    "How many strokes is that at thirty in a minute for each of the nine?"
)


def row(name: str, prompt: str, answer: str = "12") -> dict[str, Any]:
    return {"id": name, "domain": "math", "prompt": prompt, "answer": answer, "source": "made"}


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stage `screen`: one leak, one problem in the band, one that holds a short item, one figure."""
    folder = tmp_path_factory.mktemp("screened")
    others = [
        row("leak", RIVER),
        row("like", LIKE_IT),
        row("short", "We are told to compute one half of eighty on page seven. What do we get?"),
        row("figure", "As shown in the figure, three circles touch. How large is the shaded region below?"),
    ]
    write_jsonl(folder / "in.jsonl", [*made.rows(12), *others])
    write_jsonl(folder / "bench.jsonl", [row("river", RIVER), row("half", "compute one half of eighty")])
    words = [word for word in made.words("until=screen") if "decontamination" not in word]
    run_command("math", [*words, "decontamination.problems=[bench.jsonl]", "decontamination.review=0.1"], folder)
    return next((folder / "out").glob("*_screen"))


def drops(folder: Path) -> dict[str, dict[str, Any]]:
    """Reason -> the last row that was dropped for it."""
    found = (json.loads(line) for line in (folder / "drops.jsonl").open())
    return {dropped["reason"]: dropped for dropped in found}


def test_dropped_rows_carry_their_statement_and_what_decided(screened: Path) -> None:
    found = drops(screened)
    leak, figure = found["decontamination:leak_exact"], found["statements:figure"]
    assert (leak["prompt"], leak["answer"], leak["source"], leak["row"]) == (RIVER, "12", "local", 13)
    assert leak["why"]["decontamination_benchmark"] == "bench" and leak["why"]["decontamination_item"] == "river"
    assert leak["why"]["decontamination_score"] == 1.0 and leak["why"]["decontamination_exact"] is True
    assert "decontamination_short" not in leak["why"]  # it holds nothing
    assert figure["why"] == {"statement_figure": "missing"}
    assert figure["prompt"].startswith("As shown in the figure")


def test_rows_in_the_band_are_kept_and_listed(screened: Path) -> None:
    listed = read_table(screened / REVIEW)
    assert dict(listed.schema) == REVIEW_COLUMNS
    kept = read_table(screened / "table.parquet", ["id", "source_row"])
    assert set(listed["id"]) <= set(kept["id"])
    shown = {said["why"]: said for said in listed.iter_rows(named=True)}
    assert shown["review_coverage"]["source_row"] == 14 and shown["review_coverage"]["item"] == "river"
    assert 0.1 <= shown["review_coverage"]["score"] < 0.3
    assert (shown["review_short"]["source_row"], shown["review_short"]["score"]) == (15, 0.0)
    assert (shown["review_short"]["benchmark"], shown["review_short"]["item"]) == ("bench", "half")
    manifest = json.loads((screened / "manifest.json").read_text())
    assert manifest["about"]["review"] == listed.height == 2
    assert manifest["settings"]["decontamination"]["review"] == 0.1


def test_duplicates_name_the_problem_that_stays(tmp_path: Path) -> None:
    again = {**made.rows(4)[3], "id": "again"}
    write_jsonl(tmp_path / "in.jsonl", [*made.rows(12), again])
    made.run(tmp_path, "until=unique")
    (dropped,) = drops(next((tmp_path / "out").glob("*_unique"))).values()
    kept = read_table(next((tmp_path / "out").glob("*_unique")) / "table.parquet", ["id", "prompt"])
    assert dropped["why"]["dedup_kept"] == kept.filter(pl.col("prompt") == again["prompt"])["id"].item()
    assert (dropped["prompt"], dropped["answer"]) == (again["prompt"], again["answer"])


def stage_run(folder: Path, work: Any) -> StageRun:
    """A policy stage over a table of two rows."""
    rows = pl.DataFrame({"id": ["a", "b"], "source": "s", "source_row": [1, 2], "prompt": "p", "answer": None,
                         "x": [float("nan"), 2.0]}, schema_overrides={"answer": pl.String})  # fmt: skip
    (folder / "source").mkdir()
    writer = TableWriter(folder / "source" / "table.parquet", {})
    writer.write(rows)
    writer.close()
    (folder / "stage").mkdir()
    stage = Stage("stage", work, "source")
    return StageRun(stage, folder / "stage", {"source": folder / "source"}, (), {})


def test_a_figure_that_is_no_number_is_written_as_text(tmp_path: Path) -> None:
    gone = pl.Series("reason", ["big", None], dtype=pl.String)
    run = stage_run(tmp_path, policy_work({"size": Policy(lambda rows: gone, ("x",))}))
    run.stage.work(run)
    assert run.finish()[:2] == (1, {"size:big": 1})
    line = json.loads((tmp_path / "stage" / "drops.jsonl").read_text(), parse_constant=pytest.fail)
    assert line == {"reason": "size:big", "id": "a", "source": "s", "row": 1, "prompt": "p", "answer": None,
                    "why": {"x": "nan"}}  # fmt: skip


def test_a_policy_that_decides_on_other_rows_is_refused(tmp_path: Path) -> None:
    run = stage_run(tmp_path, policy_work({"size": Policy(lambda rows: pl.Series([None], dtype=pl.String))}))
    with pytest.raises(RunError, match="stage: policy size decided on 1 of 2 rows"):
        run.stage.work(run)
    run.abandon()


def test_plain_json_keeps_what_is_text() -> None:
    deep: Any = "end"
    for _ in range(100):
        deep = [deep]
    found = plain_json({"a": float("inf"), "b": b"x", "c": [1, None, True, 0.5], 3: "\ud800", "deep": deep})
    assert (
        found["a"] == "inf" and found["b"] == "b'x'" and found["c"] == [1, None, True, 0.5] and found["3"] == "\ud800"
    )
    assert '"..."' in json.dumps(found, allow_nan=False)
