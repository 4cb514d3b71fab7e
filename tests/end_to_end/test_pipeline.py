"""From problem rows through the data pipeline into training, with no step by hand between the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acereason.problems import read_problems, write_jsonl
from data_pipeline.folders import alone
from data_pipeline.teacher.standin import main as stand_in
from tests import shared_data
from tests.data_pipeline.code.test_code_command import rows as programs
from tests.end_to_end import command


@pytest.mark.slow
@shared_data.needs_shared
def test_training_runs_on_what_the_pipelines_wrote(tmp_path: Path) -> None:
    """Mathematics with a teacher's attempts (a stand-in's), code with curated tests, both in one set and one run."""
    write_jsonl(tmp_path / "math.jsonl", shared_data.math_rows(0, 60))
    curate = [
        "data", "math", "sources=local", "sources.local.files=[math.jsonl]", "out=curated", "split.heldout=4",
        f"files={shared_data.SHARED / 'benchmarks'}", "teacher=replay", "teacher.ledger=ledger",
    ]  # fmt: skip
    command.run(*curate, "until=unique", cwd=tmp_path)
    (table,) = (tmp_path / "curated").glob("0*_unique/table.parquet")
    assert stand_in([str(table), str(tmp_path / "ledger"), "seed=2"]) == 0
    command.run(*curate, "policy.vote.thin_keep=1.0", cwd=tmp_path)

    write_jsonl(tmp_path / "code.jsonl", programs())
    command.run(
        "data", "code", "sources=code_local", "sources.local.files=[code.jsonl]", "out=programs", "split.heldout=1",
        "benchmarks=none", "decontamination.policy=none", "curation.mutants=4", "curation.made_inputs=12",
        "curation.added_cases=6", "curation.probe_inputs=6", "policy.tests.least_strength=0.5", cwd=tmp_path,
    )  # fmt: skip
    command.run("data", "join", "curated", "programs", "out=both", cwd=tmp_path)

    curated = {problem.id: problem for problem in read_problems(tmp_path / "both" / "dataset" / "problems.jsonl")}
    assert {problem.domain for problem in curated.values()} == {"math", "code"}
    teachers = {name for problem in curated.values() for name in problem.difficulty or {}}
    assert teachers == {"stand-in"}, "no figure of the stand-in goes under a model's name"
    command.run(
        "train", "data=pipeline", "data.folder=both", "curriculum=two_steps", "model=random_small",
        f"model.tokenizer={shared_data.TOKENIZER}", "eval.samples_per_problem=1", "run_dir=run", *command.ONE_EACH,
        "curriculum.stages.math_1.max_response_length=32", "curriculum.stages.math_1.steps=1",
        "curriculum.stages.code_1.max_response_length=32", "curriculum.stages.code_1.steps=1",
        "curriculum.stages.code_1.prompts_per_step=1", cwd=tmp_path,
    )  # fmt: skip
    assert command.summary(tmp_path / "run")["status"] == "completed"
    trained = {row["problem_id"] for rows in command.rollouts(tmp_path / "run").values() for row in rows}
    assert {curated[name].domain for name in trained} == {"math", "code"}


def test_sets_are_joined_without_what_another_one_holds_out(tmp_path: Path) -> None:
    def written(name: str, train: list[str], heldout: list[str]) -> None:
        for file, prompts in (("problems.jsonl", train), ("heldout.jsonl", heldout)):
            rows = [
                {"id": f"{name}-{p}", "domain": "math", "prompt": f"What is {p}?", "source": name, "answer": "1"}
                for p in prompts
            ]
            write_jsonl(tmp_path / name / "dataset" / file, rows)

    written("a", ["1", "2", "3"], ["4"])
    written("b", ["3", "4", "5"], ["2", "6"])
    said = command.run("data", "join", "a", "b", "out=both", cwd=tmp_path)
    ids = {name: [row.id for row in read_problems(tmp_path / "both" / "dataset" / f"{name}.jsonl")]
           for name in ("problems", "heldout")}  # fmt: skip
    assert ids == {"problems": ["a-1", "a-3", "b-5"], "heldout": ["a-4", "b-2", "b-6"]}
    drops = [json.loads(line) for line in (tmp_path / "both" / "dataset" / "drops.jsonl").read_text().splitlines()]
    assert [(d["reason"], d["file"], d["line"], d["row"]["id"]) for d in drops] == [
        ("held_out", "a/problems.jsonl", 2, "a-2"), ("same_statement", "b/problems.jsonl", 1, "b-3"),
        ("held_out", "b/problems.jsonl", 2, "b-4"),
    ]  # fmt: skip
    made = (tmp_path / "both" / "dataset" / "problems.jsonl").stat().st_ino
    assert command.run("data", "join", "a", "b", "out=both", cwd=tmp_path) == said
    assert (tmp_path / "both" / "dataset" / "problems.jsonl").stat().st_ino == made, "what is there is kept"
    for words, why in ((["a", "out=x"], "two or more"), (["a", "nowhere", "out=x"], "no such file"),
                       (["a", "b"], "out="), (["a", "b", "out=a"], "choose another"),
                       (["a", "b", "out=a/dataset"], "lies in"),
                       (["a", "b", "foo=bar", "out=x"], "foo=bar")):  # fmt: skip
        failed = command.run("data", "join", *words, cwd=tmp_path, expect=2)
        assert why in failed and "Traceback" not in failed


def test_a_join_is_whole_or_not_there(tmp_path: Path) -> None:
    """Bad rows are named; a set that a kill left half replaced is put back; another command is refused."""
    row = {"id": "x", "domain": "math", "prompt": "What is x?", "source": "s", "answer": "1"}
    for name in "ab":
        write_jsonl(tmp_path / name / "dataset" / "problems.jsonl", [{**row, "id": name, "prompt": f"What is {name}?"}])
        write_jsonl(tmp_path / name / "dataset" / "heldout.jsonl", [])
    bad = tmp_path / "b" / "dataset" / "problems.jsonl"
    sound = bad.read_text()
    for metadata in ('{"m": NaN}', '{"m": 1e999}', '{"m": "\\ud800"}'):
        bad.write_text(sound + json.dumps({**row, "metadata": {}}).replace("{}", metadata) + "\n")
        said = command.run("data", "join", "a", "b", "out=both", cwd=tmp_path, expect=2)
        assert "problems.jsonl:2" in said and "Traceback" not in said
        assert not (tmp_path / "both" / "dataset").exists()
    bad.write_text(sound)
    command.run("data", "join", "a", "b", "out=both", cwd=tmp_path)
    target = tmp_path / "both" / "dataset"
    before = target.stat().st_ino
    target.rename(target.with_name(".dataset.old"))
    command.run("data", "join", "a", "b", "out=both", cwd=tmp_path)
    assert target.stat().st_ino == before
    with alone(tmp_path / "both"):
        said = command.run("data", "join", "a", "b", "out=both", cwd=tmp_path, expect=2)
    assert "another command is writing there" in said
