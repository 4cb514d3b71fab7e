"""The command as a user meets it: exit codes, one line on stderr, nothing left behind, light imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import acereason
from acereason import cli
from acereason.commands import evaluating
from acereason.config.compose import compose_train, to_yaml
from acereason.config.places import conf_dir
from acereason.errors import RunError

ROOT = Path(acereason.__file__).parent.parent
HEAVY = ("torch", "ray", "vllm", "megatron", "wandb", "transformers", "numpy", "sympy")


def command(cwd: Path, *words: str, root: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **environ}
    line = [sys.executable, "-m", "acereason.cli", *words]
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "model=tinny"], ["model=tinny", "'tiny'"]),
        (["train", "curriculum.stages.math_2.max_response_length=99999"], ["max_response_length=99999", "at most 384"]),
        (["train", "curriculum.stages.math_2.group_size=-8"], ["group_size=-8", "at least 2"]),
        (["train", "curiculum=tiny"], ["curiculum=tiny", "'curriculum'"]),
        (["train", "--mutlirun"], ["--mutlirun", "acereason train --help"]),
        (["plan", "ablation=on_policy"], ["ablation=on_policy", "sweep.preview=true"]),
        (["train", "-m", "seed=1,2", "model=tiny,tinny"], ["2 of 4 cells", "tinny", "'tiny'"]),
        (["train", "-m", "seed=1,2", "eval.samples_per_problem=4,0"], ["2 of 4 cells", "samples_per_problem=0"]),
        (["trian"], ["'trian'", "'train'"]),
        (["resume", "runs/none"], ["runs/none"]),
        (["report", "runs/none"], ["runs/none"]),
        (["status", "runs/none"], ["runs/none"]),
        (["export", "nothing", "out"], ["nothing", "checkpoint"]),
        (["data", "tiny", "data=jsonl", "data.train=a", "data.heldout=b"], ["data=jsonl"]),
        (["data", "tiny", "data.sft_rows=-1"], ["data.sft_rows=-1", "at least 0"]),
        (["data", "tiny", "data.kind=jsonl"], ["data.kind=jsonl: only data.kind=tiny"]),
        (["data", "tiny", "data.heldout_per_domain=0"], ["data.heldout_per_domain=0", "at least 1"]),
        (["data", "tiny", "data.sft=x"], ["data.sft=x", "not read"]),
        (["data", "tiny", "model=tiny"], ["model is not read here; known: data, out, seed"]),
        (["verify", "math", "in", "out", "verifer.workers=1"], ["verifer.workers=1"]),
        (["verify", "math", "in", "out", "verifier.workers=1,2"], ["give one value"]),
        (["resume"], ["required: RUN_DIR; see"]),
    ],
)
def test_wrong_input_is_exit_2_and_one_line_and_leaves_nothing(
    tmp_path: Path, words: list[str], said: list[str]
) -> None:
    done = command(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 or ("-m" in words and "cells cannot run" in lines[0])  # of a grid: each fault, and its cells
    assert all(line.startswith("acereason: ") for line in lines)
    for part in said:
        assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_typo_in_a_yaml_file_of_an_installation(tmp_path: Path) -> None:
    """The package laid out as in a wheel, whose YAML files lie in acereason/_conf."""
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    shutil.copytree(ROOT / "acereason", site / "acereason", ignore=shutil.ignore_patterns("__pycache__"))
    conf = Path(shutil.copytree(conf_dir(), site / "acereason" / "_conf"))
    assert command(work, "train", "--cfg", "job", root=site).returncode == 0
    file = conf / "algorithm" / "grpo.yaml"
    file.write_text(file.read_text().replace("aggregation:", "agregation:"))
    done = command(work, "train", root=site)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "algorithm/grpo.yaml" in line and "agregation" in line and "'aggregation'" in line
    assert list(work.iterdir()) == []


def test_a_directory_that_holds_a_run_names_resume(tmp_path: Path) -> None:
    run_dir = tmp_path / "runs" / "a"
    run_dir.mkdir(parents=True)
    (run_dir / "config.yaml").write_text(to_yaml(compose_train(["name=a"])))
    done = command(tmp_path, "train", "name=a")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"acereason resume {run_dir}" in done.stderr
    done = command(tmp_path, "resume", str(run_dir), "cluster.trainer.threads=7")
    assert done.returncode == 2 and "resume.exact=false" in done.stderr
    assert command(tmp_path, "resume", str(run_dir), "cluster.trainer.thread=7").returncode == 2
    assert sorted(path.name for path in run_dir.iterdir()) == ["config.yaml"]


def test_bad_rows_stop_the_run_and_take_back_what_was_written(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "a"}\n')
    words = ["data=jsonl", f"data.train={bad}", f"data.heldout={bad}", "curriculum=two_steps", "name=a"]
    done = command(tmp_path, "train", *words, "curriculum.max_prompt_length=100")
    assert done.returncode == 2, done.stderr
    assert "bad.jsonl:1" in done.stderr and "domain" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_taking_back_touches_nothing_that_was_there(tmp_path: Path) -> None:
    mine = tmp_path / "exp" / "data" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep me")
    bad = tmp_path / "exp" / "data" / "bad.jsonl"
    bad.write_text('{"id": "a"}\n')
    words = ["data=jsonl", f"data.train={bad}", f"data.heldout={bad}", "curriculum=two_steps", "run_dir=exp"]
    assert command(tmp_path, "train", *words, "curriculum.max_prompt_length=100").returncode == 2
    assert mine.read_text() == "keep me" and bad.exists()
    done = command(tmp_path, "train", "run_dir=exp")  # data=tiny would write into that folder
    assert done.returncode == 2 and "run_dir=" in done.stderr and "data" in done.stderr
    assert sorted(path.name for path in mine.parent.iterdir()) == ["bad.jsonl", "notes.txt"]


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["train", "--help"], ["train", "--cfg", "job", "--resolve"], ["-sc", "query=bash"]],
)
def test_light_verbs_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    code = (
        "import sys; from acereason.cli import main\n"
        f"try: code = main({words!r})\n"
        "except SystemExit as end: code = end.code\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules]); sys.exit(code)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COMP_LINE": "acereason train model="}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_config_modules_import_no_torch() -> None:
    modules = sorted(f"acereason.config.{file.stem}" for file in (ROOT / "acereason" / "config").glob("[a-z]*.py"))
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n"
    code += f"print([m for m in {HEAVY!r} if m in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "[]", done.stderr


def test_cfg_prints_what_would_run(tmp_path: Path) -> None:
    done = command(tmp_path, "train", "seed=5", "--cfg", "job", "--resolve")
    assert done.returncode == 0 and done.stdout.startswith("seed: 5\n") and "group: tiny-tiny" in done.stdout
    assert "seed: 5" not in command(tmp_path, "train", "--cfg", "job").stdout


def test_generated_files(tmp_path: Path) -> None:
    words = ["data", "tiny", "out=there", "data.train_per_domain=3", "data.heldout_per_domain=2", "data.sft_rows=4"]
    assert command(tmp_path, *words).returncode == 0
    lines = {file.name: len(file.read_text().splitlines()) for file in (tmp_path / "there").glob("*.jsonl")}
    assert lines == {"train.jsonl": 6, "heldout.jsonl": 4, "sft.jsonl": 4}
    done = command(tmp_path, *words)
    assert done.returncode == 2 and "out=there" in done.stderr


def test_messages_and_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(words: object) -> int:
        raise RunError("engine 0 died\nlast line of its log")

    def stopped(words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.VERBS, "report", failing)
    assert cli.main(["report"]) == 1
    assert capsys.readouterr().err == "acereason: engine 0 died\nacereason: last line of its log\n"
    monkeypatch.setitem(cli.VERBS, "report", stopped)
    assert cli.main(["report"]) == 130
    monkeypatch.setitem(cli.VERBS, "report", failing)
    monkeypatch.setenv(cli.TRACEBACK, "1")
    with pytest.raises(RunError):
        cli.main(["report"])


def test_every_verb_is_in_the_help_and_has_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for verb in cli.VERBS:
        assert f"  {verb}" in text and verb in cli.COMPLETED_WORDS
        with pytest.raises(SystemExit) as end:
            cli.main([verb, "--help"])
        assert end.value.code == 0
        assert f"acereason {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["score", "compare", "report", "rating"])
def test_every_word_of_eval_says_what_it_does(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["eval", word, "--help"])
    own = capsys.readouterr().out
    assert f"acereason eval {word}: {evaluating.SUMMARY[word]}" in " ".join(own.split())
    assert "answer benchmarks and judge" not in own
    for option in cli.COMPLETED_WORDS[f"eval {word}"]:
        assert option in own
    with pytest.raises(SystemExit):
        cli.main(["eval", "--help"])
    assert f"acereason eval {word}" in capsys.readouterr().out


def test_a_word_of_eval_that_is_misspelt(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", "scroe", "seed1.jsonl", "benchmark=aime24", "--out", "x.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "eval: 'scroe' is no word of eval" in line and "did you mean 'score'?" in line
