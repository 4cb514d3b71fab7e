"""The teacher as a stage, with a stand-in's ledger that is replayed and with a real endpoint."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from acereason.errors import InputError, RunError
from data_pipeline.graph import Choice, folder_of, run
from data_pipeline.rows import PROBLEM_SCHEMA
from data_pipeline.stages import Stage, StageRun
from data_pipeline.teacher.ledger import Ledger
from data_pipeline.teacher.records import Record
from data_pipeline.teacher.schema import TeacherConfig
from data_pipeline.teacher.stage import ATTEMPTS, teacher_stage
from data_pipeline.teacher.standin import StandInConfig, main, make
from tests.data_pipeline.teacher.endpoint import Answer, serving, sound
from tests.data_pipeline.teacher.teachers import teacher
from tests.data_pipeline.teacher.test_teacher_vote import VERIFIER

STDIN = {"kind": "stdin", "cases": [{"input": "2\n", "output": "4\n"}, {"input": "3\n", "output": "6\n"}]}


def rows(math: int, code: int) -> pl.DataFrame:
    """Problems in the pipeline's own schema."""
    common = {"source": "made", "revision": None, "url": None, "release_date": None, "starter_code": None}
    listed = [
        {
            **common, "id": f"math-{n}", "domain": "math", "prompt": f"What is \\frac{{{n}}}{{7}} of 1?",
            "answer": f"\\frac{{{n}}}{{7}}" if n % 7 else str(n), "tests": None, "source_row": n + 1,
            "reference_solutions": [], "wrong_solutions": [], "metadata": "{}",
        }
        for n in range(math)
    ] + [
        {
            **common, "id": f"code-{n}", "domain": "code", "prompt": f"Double the number, {n}.", "answer": None,
            "tests": json.dumps(STDIN), "source_row": n + 1, "reference_solutions": ["print(2 * int(input()))"],
            "wrong_solutions": ["print(4)"], "metadata": "{}",
        }
        for n in range(code)
    ]  # fmt: skip
    return pl.DataFrame(listed, schema=PROBLEM_SCHEMA)


def source(table: pl.DataFrame) -> Stage:
    def work(at: StageRun) -> None:
        at.counted(table.height)
        at.emit(table)

    return Stage("source", work, settings={"rows": table.height}, kind="source")


def made(out: Path, table: pl.DataFrame, config: TeacherConfig) -> tuple[pl.DataFrame, pl.DataFrame]:
    stages = [source(table), teacher_stage("teacher", config, VERIFIER, "source", out)]
    run(out, stages, Choice(), lambda line: print(line, file=sys.stderr))
    folder = folder_of(out, stages, "teacher")
    return pl.read_parquet(folder / "table.parquet"), pl.read_parquet(folder / ATTEMPTS)


def test_a_replayed_ledger_is_judged_and_voted_on(tmp_path: Path) -> None:
    """A perfect and a hopeless stand-in: what they say of the problems is what they were told to say."""
    table = rows(12, 3)
    for name, accuracy, solved in (("good", 1.0, 8), ("bad", 0.0, 0)):
        config = StandInConfig(accuracy=accuracy, wrong_label=0.0, cut=0.0, no_answer=0.0, shards=3)
        settings = make(table, tmp_path / name, config)
        replay = teacher(
            tmp_path, kind="replay", name=None, endpoint=None, attempts=8, prompt="r1", ledger=str(tmp_path / name)
        )
        found, attempts = made(tmp_path / f"out-{name}", table, replay)
        assert found.get_column("id").to_list() == table.get_column("id").to_list()
        assert set(found.get_column("vote_solved")) == {solved}
        assert found.get_column("vote_agrees").to_list() == [solved == 8] * 12 + [None] * 3
        assert found.get_column("difficulty_level").to_list() == [8 - solved] * 15
        record = json.loads(found.get_column("difficulty")[0])["stand-in"]
        assert (record["n"], record["passed"]) == (8, solved)
        assert attempts.height == 8 * 15
        manifest = json.loads((tmp_path / f"out-{name}" / "02_teacher" / "manifest.json").read_text())
        assert manifest["about"]["settings"] == settings
        assert manifest["about"]["asked"]["model"] == {"name": "stand-in"}


def test_a_stage_is_kept_until_the_ledger_that_it_replays_changes(tmp_path: Path) -> None:
    table = rows(4, 0)
    make(
        table,
        tmp_path / "l",
        StandInConfig(accuracy=1.0, wrong_label=0.0, cut=0.0, no_answer=0.0, attempts=2, shards=1),
    )
    replay = teacher(
        tmp_path, kind="replay", name=None, endpoint=None, attempts=2, prompt="r1", ledger=str(tmp_path / "l")
    )
    made(tmp_path / "out", table, replay)
    place = tmp_path / "out" / "02_teacher" / "manifest.json"
    first = place.stat().st_ino, place.read_text()
    made(tmp_path / "out", table, replay)
    assert (place.stat().st_ino, place.read_text()) == first
    ledger = Ledger(tmp_path / "l")
    with ledger.writer() as writer:
        writer.add(Record("other", 0, next(iter(ledger.described())), "answer", None, "x</think>y", "stop", 3))
    made(tmp_path / "out", table, replay)
    assert place.stat().st_ino != first[0]


def test_missing_answers_fail_the_stage_until_they_are_there(tmp_path: Path) -> None:
    table, failing = rows(3, 0), [True]

    def behave(body: dict[str, object], number: int) -> Answer:
        return Answer(b"{}", 400) if failing and number == 2 else sound(body)  # type: ignore[arg-type]

    with serving(behave) as server:
        config = teacher(tmp_path, server.url, attempts=2, retries=0)
        with pytest.raises(RunError, match="1 without an answer.*max_missing_share"):
            made(tmp_path / "out", table, config)
        failing.clear()
        found, _ = made(tmp_path / "out", table, config)
        assert server.requests.total() == 6 + 1
    assert found.get_column("vote_attempts").to_list() == [2, 2, 2]


def test_a_replay_says_which_settings_it_may_read(tmp_path: Path) -> None:
    table = rows(1, 0)
    for seed in (1, 2):
        make(table, tmp_path / "l", StandInConfig(seed=seed, shards=1))
    replay = teacher(
        tmp_path, kind="replay", name=None, endpoint=None, attempts=8, prompt="r1", ledger=str(tmp_path / "l")
    )
    with pytest.raises(InputError, match="holds answers under 2 settings"):
        made(tmp_path / "out", table, replay)


def test_a_stand_in_never_speaks_in_the_name_of_a_model(tmp_path: Path) -> None:
    table = rows(1, 0)
    make(table, tmp_path / "l", StandInConfig(shards=1))
    replay = teacher(tmp_path, kind="replay", endpoint=None, attempts=8, prompt="r1", ledger=str(tmp_path / "l"))
    with pytest.raises(InputError, match=r"teacher\.name=t: .* stand-in"):
        made(tmp_path / "out", table, replay)
    assert not (tmp_path / "out" / "01_source").exists(), "it shows before any stage runs"


def test_the_stand_in_depends_on_rows_and_seed_alone(tmp_path: Path) -> None:
    table = rows(20, 5)
    make(table, tmp_path / "a", StandInConfig())
    make(table.reverse(), tmp_path / "b", StandInConfig())
    names = sorted(path.name for path in (tmp_path / "a").glob("shard-*"))
    assert names and all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)
    make(table.head(10), tmp_path / "c", StandInConfig())
    one = {record.key: record.text for shard in range(16) for record in Ledger(tmp_path / "a").records(shard)}
    few = {record.key: record.text for shard in range(16) for record in Ledger(tmp_path / "c").records(shard)}
    assert few.items() <= one.items() and len(few) == 80


def test_the_stand_in_is_made_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows(3, 1).write_parquet(tmp_path / "t.parquet")
    assert main([str(tmp_path / "t.parquet"), str(tmp_path / "l"), "seed=2", "attempts=3"]) == 0
    (settings,) = Ledger(tmp_path / "l").described()
    assert capsys.readouterr().out == f"{settings}\n"
    assert Ledger(tmp_path / "l").described()[settings]["stand_in"]["seed"] == 2
    assert sum(1 for shard in range(16) for _ in Ledger(tmp_path / "l").records(shard)) == 12


def test_a_replay_that_lacks_answers_says_that_nobody_is_asked(tmp_path: Path) -> None:
    table = rows(3, 0)
    make(table.head(2), tmp_path / "l", StandInConfig(shards=1))
    replay = teacher(
        tmp_path, kind="replay", name=None, endpoint=None, attempts=8, prompt="r1", ledger=str(tmp_path / "l")
    )
    with pytest.raises(RunError, match="8 without an answer; nobody is asked: teacher.kind=replay"):
        made(tmp_path / "out", table, replay)
    found, _ = made(tmp_path / "out", table, replace(replay, max_missing_share=0.4))
    assert found.get_column("vote_attempts").to_list() == [8, 8, 0]
    changed = table.head(2).with_columns(prompt="Now: " + table.head(2)["prompt"])
    with pytest.raises(RunError, match="16 were answered for another wording"):
        made(tmp_path / "out2", changed, replay)
