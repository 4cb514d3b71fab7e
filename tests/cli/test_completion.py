"""Tab completion: verbs, then Hydra's groups, keys and values; and what a real bash makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import acereason
from acereason.cli import COMPLETED_WORDS, VERBS
from acereason.config.compose import compose_train, to_yaml
from acereason.errors import InputError
from acereason.shell import SHELLS, answer, install_script

SIZES = ("1_5b", "7b", "14b", "32b")
ROOT = Path(acereason.__file__).parent.parent


def completed(line: str) -> list[str]:
    return answer(COMPLETED_WORDS, {"COMP_LINE": line, "COMP_POINT": str(len(line))})


def test_verbs() -> None:
    assert completed("acereason ") == list(VERBS)  # and none of two words
    assert completed("acereason re") == ["resume", "report"]
    assert completed("acereason nope ") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("acereason train model=r", {"model=random_small", *(f"model=r1_distill_qwen_{n}" for n in SIZES)}),
        ("acereason train model=ti", {"model=tiny"}),
        ("acereason train se", {"seed="}),
        ("acereason train curr", {"curriculum=", "curriculum."}),
        ("acereason train cluster.trainer.te", {"cluster.trainer.tensor_parallel="}),
        ("acereason train seed=2 curriculum.stages.ma", {f"curriculum.stages.math_{i}." for i in (1, 2, 3, 4)}),
        ("acereason train curriculum=two_steps curriculum.stages.m", {"curriculum.stages.math_1."}),
        ("acereason train tracking.wandb.mode=o", {"tracking.wandb.mode=offline", "tracking.wandb.mode=online"}),
        ("acereason train resume.exact=", {"resume.exact=true", "resume.exact=false"}),
        ("acereason train --mul", {"--multirun"}),
        ("acereason train -m model=ti", {"model=tiny"}),
        ("acereason train model=nope model.", set()),
        ("acereason train sead=3 'x", set()),
        ("acereason resume runs/a cluster.trainer.th", {"cluster.trainer.threads="}),
        ("acereason resume ", set()),
        ("acereason plan model=ti", {"model=tiny"}),
        ("acereason plan --sug", {"--suggest"}),
        ("acereason plan experiment=acereason_1_", {"experiment=acereason_1_1_7b", "experiment=acereason_1_5b"}),
        ("acereason train stage@curriculum.stages.sft=s", {"stage@curriculum.stages.sft=sft"}),
        (
            "acereason train curriculum=code_only filter@",
            {f"filter@curriculum.stages.code_{i}.filter=" for i in (1, 2)},
        ),
        (
            "acereason train filter@curriculum.stages.math_3.filter=teacher",
            {f"filter@curriculum.stages.math_3.filter=teacher_{i}" for i in (5, 7)},
        ),
        ("acereason fork runs/nope st", set()),
        ("acereason fork runs/a stage=b cluster.trainer.th", {"cluster.trainer.threads="}),
        ("acereason data ", {"tiny", "math", "code", "join", "ledger"}),
        ("acereason data tiny data.sft_r", {"data.sft_rows="}),
        ("acereason verify m", {"math"}),
        ("acereason eval comp", {"compare"}),
        ("acereason eval benchmark=aime", {"benchmark=aime24", "benchmark=aime25"}),
        ("acereason eval benchmark=gsm8k,aime", {"benchmark=gsm8k,aime24", "benchmark=gsm8k,aime25"}),
        ("acereason eval benchmark=aime24,aime", {"benchmark=aime24,aime25"}),
        ("acereason eval benchmark=aime24,gsm8k protocol.tem", {"protocol.temperature="}),
        ("acereason eval rat", {"rating"}),
        ("acereason eval rep", {"report"}),
        ("acereason eval score x.jsonl benchmark=aime", {"benchmark=aime24", "benchmark=aime25"}),
        ("acereason eval score x.jsonl y.jsonl --", {"--help", "--by-position", "--out"}),
        ("acereason eval compare --", {"--help", "--html", "--json", "--markdown"}),
        ("acereason eval compare a.json ", set()),
        ("acereason eval report a --o", {"--out"}),
        ("acereason eval rating --", {"--help", "--out", "--markdown"}),
    ],
)
def test_words_behind_a_verb(line: str, expected: set[str]) -> None:
    assert set(completed(line)) == expected


def test_another_benchmark_may_be_any_that_is_not_named_yet() -> None:
    offered = completed("acereason eval benchmark=aime24,math500,")
    assert "benchmark=aime24,math500,gsm8k" in offered
    assert not [word for word in offered if word.split(",")[-1] in ("aime24", "math500")]


def test_stages_of_the_run_that_is_forked(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(to_yaml(compose_train(["curriculum=two_steps"])))
    assert completed(f"acereason fork {tmp_path} ") == ["stage=math_1", "stage=code_1"]
    assert completed(f"acereason fork {tmp_path} stage=c") == ["stage=code_1"]


def test_nothing_typed_offers_groups_and_keys_but_not_hydras_own() -> None:
    offered = completed("acereason train ")
    assert {"model=", "curriculum=", "seed=", "name="} <= set(offered)
    assert not [word for word in offered if word.startswith(("hydra", "stage", "train_schema"))]


def test_the_cursor_may_stand_inside_the_line() -> None:
    assert answer(COMPLETED_WORDS, {"COMP_LINE": "acereason tra seed=1", "COMP_POINT": "13"}) == ["train"]


def test_shells() -> None:
    for shell in SHELLS:
        assert "acereason -sc query=" in install_script(shell)
    with pytest.raises(InputError, match="bash, zsh, fish"):
        install_script("tcsh")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "replies"),
    [
        ("acereason tra", "<train >"),
        ("acereason train data=", "<acereason><jsonl><pipeline><tiny>"),
        ("acereason train se", "<seed=>"),
    ],
)
def test_bash_replaces_what_stands_behind_the_last_word_break(tmp_path: Path, typed: str, replies: str) -> None:
    program = tmp_path / "acereason"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m acereason.cli "$@"\n')
    program.chmod(0o755)
    script = (
        f'eval "$(acereason -sc install=bash)"\nCOMP_LINE="{typed}"\nCOMP_POINT=${{#COMP_LINE}}\n'
        "_acereason_complete\nprintf '<%s>' \"${COMPREPLY[@]}\"\n"
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=300)
    assert done.stdout == replies, done.stderr
