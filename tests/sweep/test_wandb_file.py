"""W&B's sweep file: what W&B's own agent makes of it is a command line that our schema takes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from acereason.commands.sweeps import sweep
from acereason.config.compose import compose_train, load_train
from acereason.errors import ConfigError
from acereason.sweep.search_run import asked_for
from acereason.sweep.wandb_file import sweep_file
from tests.end_to_end import command
from tests.tracking.wandb_stand_in import StandIn

TEMPERATURE = "curriculum.stages.math_1.temperature"
LR = "curriculum.stages.math_1.optimizer.lr"
SPACE = [
    f"{TEMPERATURE}=interval(0.6,1.0)",
    f"{LR}=tag(log,interval(1e-4,1e-3))",
    "curriculum.stages.math_1.group_size=int(interval(4,8))",
    "curriculum.stages.math_1.prompts_per_step=range(4,17,4)",
    "algorithm.aggregation=batch,group",
    "tracking.live=true,false",
    "eval.problems_per_domain=null,8",
    "curriculum.stages.math_1.by_epoch.temperature=choice([0.6,0.7],[1.0])",
]


def made(tmp_path: Path, *words: str, method: str = "bayes") -> dict[str, Any]:
    text, _ = sweep_file(words, method, "eval/math/avg_at_k", "maximize", 12, tmp_path)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def draws(parameter: dict[str, Any]) -> list[Any]:
    """Values that W&B may choose: all that are listed, or ends and an awkward middle."""
    if "values" in parameter:
        return list(parameter["values"])
    low, high = parameter["min"], parameter["max"]
    if parameter["distribution"] == "int_uniform":
        return [low, high, (low + high) // 2]
    return [low, high, low + (high - low) / 3]


def test_every_draw_makes_a_command_that_the_schema_takes(tmp_path: Path) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    sweep = made(tmp_path, "seed=3", *[word for word in SPACE if not word.startswith("tracking.")])
    assert sweep["method"] == "bayes" and sweep["metric"] == {"name": "eval/math/avg_at_k", "goal": "maximize"}
    assert sweep["run_cap"] == 12 and sweep["project"] == "acereason" and "entity" not in sweep
    for place in range(3):
        chosen = {
            key: draws(parameter)[place % len(draws(parameter))] for key, parameter in sweep["parameters"].items()
        }
        # as wandb's agent does it (wandb/wandb_agent.py): the command of the file with the arguments put in
        given = create_sweep_command_args({"args": {key: {"value": value} for key, value in chosen.items()}})
        words: list[str] = []
        for word in create_sweep_command(sweep["command"]):
            words += given[word[2:-1]] if word == "${args_no_hyphens}" else [word]
        assert words[:3] == ["${env}", "acereason", "train"]
        config = compose_train(words[3:])
        stage = config.curriculum.stages["math_1"]
        assert (config.seed, config.tracking.wandb.mode) == (3, "online")
        assert stage.temperature == chosen[TEMPERATURE] and stage.optimizer.lr == chosen[LR]
        assert stage.group_size == chosen["curriculum.stages.math_1.group_size"]
        wanted = chosen["eval.problems_per_domain"]
        assert config.eval.problems_per_domain == (None if wanted == "null" else wanted)


def test_the_kinds_of_parameters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tracking.live=true,false: is one for the whole search"):
        made(tmp_path, *SPACE)
    parameters = made(tmp_path, *SPACE[:5], "model.tie_word_embeddings=true,false")["parameters"]
    assert parameters == {
        TEMPERATURE: {"distribution": "uniform", "min": 0.6, "max": 1.0},
        LR: {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-3},
        "curriculum.stages.math_1.group_size": {"distribution": "int_uniform", "min": 4, "max": 8},
        "curriculum.stages.math_1.prompts_per_step": {"values": [4, 8, 12, 16]},
        "algorithm.aggregation": {"values": ["batch", "group"]},
        "model.tie_word_embeddings": {"values": ["True", "False"]},
    }
    grid = made(tmp_path, "seed=range(1,4)", f"{TEMPERATURE}=range(0.6,0.95,step=0.1)", method="grid")["parameters"]
    assert grid == {"seed": {"values": [1, 2, 3]}, TEMPERATURE: {"values": [0.6, 0.7, 0.8, 0.9]}}


@pytest.mark.parametrize(
    ("words", "method", "said"),
    [
        (["seed=1"], "bayes", "nothing is searched"),
        ([f"{TEMPERATURE}=interval(0.6,1)"], "grid", "a grid takes choice"),
        (["curriculum.stages.math_1.group_size=tag(log,int(interval(2,8)))"], "bayes", "no whole numbers"),
        (["seed=interval(1,5)"], "bayes", "whole number"),
        (["curiculum=tiny,math_only"], "bayes", "curriculum"),
        (["tracking.wandb.id=a", "seed=1,2"], "bayes", "decided by W&B"),
        (["seed=range(1,100000)"], "grid", "99,999 values"),
    ],
)
def test_what_w_and_b_could_not_start_is_refused(words: list[str], method: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        made(tmp_path, *words, method=method)
    assert said in str(raised.value)


def documented(page: str, beginning: str) -> list[list[str]]:
    """Words of the commands of a page's bash blocks that begin so."""
    text = (command.ROOT / "docs" / page).read_text()
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.S)).replace("\\\n", " ")
    found = [shlex.split(line) for line in blocks.splitlines() if line.startswith(beginning)]
    assert found
    return found


def test_the_documented_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in documented("wandb.md", "acereason sweep wandb-file"):
        assert sweep(words[2:]) == 0
    assert yaml.safe_load((tmp_path / "sweep.yaml").read_text())["command"][1:3] == ["acereason", "train"]
    for words in documented("sweeps.md", "acereason train -m name=look"):
        asked = asked_for(words[3:], tmp_path)
        assert asked.config.sweep.search.trials == 20 and len(asked.space) == 3


TINIEST = [
    *command.ONE_EACH,
    "seed=7", "data.sft_rows=64", "data.train_per_domain=8", "data.heldout_per_domain=1", "eval.samples_per_problem=1",
    "curriculum.stages.sft.steps=2", "tracking.wandb.group=agents",
    *(f"~curriculum.stages.{name}" for name in ("math_1", "math_2", "math_3", "code_1", "math_4")),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_wandbs_agent_runs_the_file_and_the_server_receives_the_run(tmp_path: Path) -> None:
    """The real `wandb agent` and a real run, online; W&B's server alone is a stand-in."""
    rate = "curriculum.stages.sft.optimizer.lr"
    text, _ = sweep_file([*TINIEST, f"{rate}=interval(1e-4,1e-3)"], "bayes", "sft/loss", "minimize", None, tmp_path)
    order = {"type": "run", "run_id": "run7", "program": "acereason", "args": {rate: {"value": 0.00025}}}
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "acereason").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m acereason.cli "$@"\n')
    (folder / "acereason").chmod(0o755)
    with StandIn(commands=[order], sweep=text) as server:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        environment = clean | server.environment(str(tmp_path)) | {"PYTHONPATH": str(command.ROOT)}
        environment["PATH"] = f"{folder}:{environment['PATH']}"
        agent = [sys.executable, "-m", "wandb", "agent", "--count", "1", "me/acereason/s1"]
        done = subprocess.run(agent, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800)
        assert done.returncode == 0, done.stdout + done.stderr
    (run_dir,) = (tmp_path / "runs").iterdir()
    rows = command.metrics(run_dir)
    assert command.summary(run_dir)["status"] == "completed"
    assert load_train(run_dir / "config.yaml").curriculum.stages["sft"].optimizer.lr == 0.00025
    history = server.history("run7")
    for row in rows:
        for key, value in row.items():
            if key != "step" and value is not None:
                assert history[row["step"]][key] == value
    told = server.runs["run7"]
    assert (told["groupName"], told["jobType"], told["sweep"]) == ("agents", "sft", "s1") and server.complete["run7"]
