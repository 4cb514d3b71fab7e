"""`acereason eval`: samples are kept, only what is missing is sampled, results come without sampling again."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from acereason import cli
from acereason.config.compose import compose_eval
from acereason.errors import InputError, RowError
from acereason.evaluation.draws import sample_seed
from acereason.tokenizer import load_tokenizer
from eval.samples import Sample, SampleFile
from eval.task import Task, placed, prepare
from tests.end_to_end import command
from tests.shared_data import SHARED, TOKENIZER, needs_shared

MODEL = ["model=random_small", f"model.tokenizer={TOKENIZER}", "protocol.max_tokens=16"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the files of the benchmarks that are used here, under the names that are looked for."""
    folder = tmp_path / "files"
    folder.mkdir()
    names = ("aime24.jsonl", "math500.jsonl", "minerva.json")
    for file in (*(f"benchmarks/{name}" for name in names), "code/HumanEval.jsonl.gz"):
        (folder / Path(file).name).symlink_to(SHARED / file)
    return folder


def tasks_of(words: list[str], folder: Path) -> list[Task]:
    configs = [placed(config, folder) for config in compose_eval(words)]
    return prepare(configs, load_tokenizer(configs[0].model.tokenizer))


def sample(task: Task, problem: int, number: int, text: str, reason: str = "stop") -> Sample:
    name = task.benchmark.problems[problem].id
    return Sample(task.settings_hash, task.benchmark.name, name, number, 5, reason, 7, text)


@needs_shared
@pytest.mark.slow
def test_samples_that_are_there_are_judged_without_an_engine(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eval.run._generate", None)  # anything to sample would be a TypeError
    words = ["benchmark=aime24,minerva", "files=files", *MODEL, "samples=2", "benchmark.limit=2", "out=there"]
    aime, minerva = tasks_of(words, tmp_path)
    gold = [str(problem.answer) for problem in aime.benchmark.problems]
    with SampleFile(tmp_path / "there" / "samples.jsonl") as file:
        file.append(sample(aime, 0, 1, f"\\boxed{{1}}</think>so \\boxed{{{gold[0]}}}"))
        file.append(sample(aime, 0, 0, f"\\boxed{{{gold[0]}}} but</think>so \\boxed{{1000}}"))
        file.append(sample(aime, 1, 0, f"it is \\boxed{{{gold[1]}}}"))  # never ended its thinking
        file.append(sample(aime, 1, 1, f"</think>\\boxed{{{gold[1]}}} and", "length"))
        file.append(Sample("other settings", "aime24", aime.benchmark.problems[0].id, 0, 5, "stop", 1, "</think>"))
        for problem in range(2):
            for number in range(2):
                file.append(sample(minerva, problem, number, "</think>no"))
    assert cli.main(["eval", *words]) == 0
    printed = capsys.readouterr().out
    assert "8 of 8 samples are in" in printed and "0 are to be sampled" in printed
    result = json.loads((tmp_path / "there" / "aime24.json").read_text())
    assert {name: result[name] for name in ("model", "protocol", "benchmark", "k", "answer_rule")} == {
        "model": "random_small", "protocol": "acereason_1_0", "benchmark": "aime24", "k": 2,
        "answer_rule": "after_thinking",
    }  # fmt: skip
    assert [problem["id"] for problem in result["problems"]] == ["aime24-0", "aime24-1"]
    first, second = (problem["samples"] for problem in result["problems"])
    assert [(one["verdict"], one["reward"], one["answer"]) for one in first] == [
        ("wrong", 0.0, "1000"), ("correct", 1.0, gold[0]),
    ]  # fmt: skip
    assert [(one["verdict"], one["truncated"], one["tokens"]) for one in second] == [
        ("no_answer", False, 7), ("no_answer", True, 7),
    ]  # fmt: skip
    figures = result["summary"]["by_answer_rule"]
    assert figures["after_thinking"]["avg_at_k"] == result["summary"]["avg_at_k"] == 0.25
    assert figures["last_box"]["avg_at_k"] == 0.75  # the toolkit's rule takes the last box, cut or not
    assert result["summary"]["standard_error"] == 0.25  # means 1/2 and 0: s = sqrt(1/8), s / sqrt(2) = 1/4
    assert result["settings"]["hash"] == aime.settings_hash
    assert result["coverage"] == {"problems": 2, "of": 30, "limit": 2} and "2 of 30" in printed

    assert cli.main(["eval", *words, "protocol.answer_rule=last_box"]) == 0  # another rule needs no other samples
    rescored = json.loads((tmp_path / "there" / "aime24.json").read_text())
    assert rescored["answer_rule"] == "last_box" and rescored["summary"]["avg_at_k"] == 0.75
    assert rescored["problems"][1]["samples"][1]["verdict"] == "correct"
    assert json.loads((tmp_path / "there" / f"aime24.{aime.settings_hash}.json").read_text()) == result

    capsys.readouterr()
    smaller = ["benchmark=aime24", *words[1:], "samples=1", "benchmark.limit=1", "protocol.answer_rule=last_box"]
    assert cli.main(["eval", *smaller]) == 0  # does not take the place of the bigger one unnoticed
    assert f"is now in aime24.{aime.settings_hash}-2.json" in capsys.readouterr().out
    assert json.loads((tmp_path / "there" / f"aime24.{aime.settings_hash}-2.json").read_text()) == rescored


@needs_shared
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "benchmark: none is named; give benchmark=NAME or benchmark=NAME,NAME of aime24, aime25,"),
        (["benchmark=aime24,aime42"], "no benchmark is called 'aime42'; did you mean 'aime25'?"),
        (["benchmark=aime24,aime24"], "benchmark=aime24,aime24: aime24 is named twice"),
        (["benchmark=aime24", "protocol=acereason"], "no protocol is called 'acereason'; did you mean 'acereason_1_"),
        (["benchmark=aime24", "protocol.temprature=1"], "no key 'temprature' in protocol; did you mean 'temperature'?"),
        (["benchmark=aime24", "curriculum=tiny"], "curriculum is not read here; known: benchmark, cluster,"),
        (["benchmark=aime24", "protocol.temperature=0"], "protocol.temperature=0.0: must be at least 0.01"),
        (["benchmark=aime24", "protocol.max_tokens=4096"], "protocol.max_tokens=4096: with the longest prompt"),
        (["benchmark=aime24", "protocol.seeds=[]"], "protocol.seeds=[]: needs at least one base seed"),
        (["benchmark=aime24", "protocol.samples_by_benchmark.aime24=0"], "samples_by_benchmark.aime24=0: must be at l"),
        (["benchmark=aime24", "cluster.engine.tensor_parallel=2"], "cluster.engine.tensor_parallel=2: only 1 is built"),
        (["benchmark=aime24", "model.num_key_value_heads=3"], "must divide model.num_attention_heads=2"),
        (["benchmark=aime24", "model.path=nowhere"], "must be a Hugging Face folder"),
        (["benchmark=aime24", "files=nowhere"], "no such file; aime24 is to be had so"),
        (["benchmark=aime24", "out=files/aime24.jsonl"], "aime24.jsonl is not a folder; choose another place"),
        (["benchmark=aime24", "--resolve"], "eval: --resolve goes with --cfg job"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left_behind(
    words: list[str],
    said: str,
    tmp_path: Path,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert cli.main(["eval", "files=files", *MODEL, *words]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_benchmarks_are_no_key_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "benchmark=aime24"]) == 2
    assert "benchmark is not read here" in capsys.readouterr().err


def test_the_configuration_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", "benchmark=math500", "--cfg", "job", "--resolve"]) == 0
    assert "path: data/benchmarks/math500.jsonl" in capsys.readouterr().out


ROW = Sample("s", "b", "p", 0, 1, "stop", 2, "text \ud800 ü")


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    with SampleFile(path) as file:
        file.append(ROW)
    whole = path.read_bytes()
    for end in (1, len(whole) // 2, len(whole) - 1):  # a kill can leave any part of a line
        path.write_bytes(whole + whole[:end])
        with SampleFile(path) as file:
            assert list(file.read("s")) == [("p", 0)]
        assert path.read_bytes() == whole
    with SampleFile(path) as file:
        assert file.read("t") == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"{]", "not valid JSON"), (b"{}", "expected the fields settings"), (b"[]", "expected the fields settings")],
)
def test_a_damaged_line_is_named(line: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    with SampleFile(path) as file:
        file.append(ROW)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with SampleFile(path) as file, pytest.raises(RowError, match=f"samples.jsonl:2: .*{said}"):
        file.read("s")


def test_two_evaluations_do_not_write_to_one_file(tmp_path: Path) -> None:
    with (
        SampleFile(tmp_path / "samples.jsonl"),
        pytest.raises(InputError, match="another evaluation writes to it"),
        SampleFile(tmp_path / "samples.jsonl"),
    ):
        raise AssertionError("the file was opened twice")


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def key_of(line: bytes) -> tuple[Any, ...]:
    row = json.loads(line)
    return row["benchmark"], row["problem"], row["sample"]


@needs_shared
@pytest.mark.slow
def test_after_kill_9_exactly_what_is_missing_is_sampled(tmp_path: Path, files: Path) -> None:
    """One request at a time, so that what a request gets does not depend on its company, and a kill meets some done."""
    words = [
        "eval", "benchmark=aime24,math500,humaneval", "files=files", *MODEL, "protocol.max_tokens=12", "samples=4",
        "benchmark.limit=2", "out=there", "cluster.engine.engines=1", "cluster.engine.max_num_seqs=1",
        "cluster.engine.kv_cache_gib=0.1", "verifier.workers=1",
    ]  # fmt: skip
    path = tmp_path / "there" / "samples.jsonl"
    process = command.start(*words, cwd=tmp_path)
    command.wait_for(lambda: len(lines_of(path)) >= 6, process, "six samples")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(180)
    deadline = time.monotonic() + 60
    while command.processes_naming(str(tmp_path)):
        assert time.monotonic() < deadline, command.processes_naming(str(tmp_path))
        time.sleep(0.2)

    first = [line for line in lines_of(path) if line.endswith(b"\n")]
    assert 6 <= len(first) < 24
    taken_out = first[4]
    kept = [line for line in first if line != taken_out]
    path.write_bytes(b"".join(kept) + b'{"settings": "to')

    printed = command.run(*words, cwd=tmp_path)
    assert f"{len(kept)} of 24 samples are in" in printed and f"; {24 - len(kept)} are to be sampled" in printed
    after = lines_of(path)
    assert after[: len(kept)] == kept  # nothing that was there is written or sampled again
    keys = [key_of(line) for line in after]
    assert len(keys) == len(set(keys)) == 24
    assert [line for line in after if key_of(line) == key_of(taken_out)] == [taken_out]  # the same seed, the same text
    for row in map(json.loads, after):
        seeds = (
            (121, 131, 141, 151, 161, 171, 181, 191) if row["benchmark"] == "aime24" else tuple(range(111, 889, 111))
        )
        assert row["seed"] == sample_seed(seeds, 8, row["problem"], row["sample"])
        assert 1 <= row["tokens"] <= 12 and row["finish_reason"] == ("length" if row["tokens"] == 12 else "stop")
    assert {row["benchmark"] for row in map(json.loads, first)} != {"humaneval"}  # benchmarks are one stream, in order
    for name in ("aime24", "math500", "humaneval"):
        result = json.loads((tmp_path / "there" / f"{name}.json").read_text())
        assert [len(problem["samples"]) for problem in result["problems"]] == [4, 4]
