"""Wrong configurations that are easily written in a hurry, given to the command itself.

Each ends in exit code 2 with a line that names the key and the remedy, and leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acereason import cli
from tests.config.weight_folder import write_model

ROOT = Path(__file__).resolve().parents[2]
MATH = "curriculum.stages.math_1"
CARDS = ["cluster.device=cuda", "cluster.devices_per_node=8"]

HURRIED: list[tuple[str, list[str], list[str]]] = [
    ("a length above the model's context", [f"{MATH}.max_response_length=8192"], ["=8192", "at most 384"]),
    ("a paper's curriculum on the tiny model", ["curriculum=acereason_1_0"], ["max_prompt_length=4096", "lower it"]),
    ("a group of one", [f"{MATH}.group_size=1"], [f"{MATH}.group_size=1", "at least 2"]),
    ("a group of one in a later epoch", [f"{MATH}.by_epoch.group_size=[8,1]"], ["by_epoch.group_size", "at least 2"]),
    (
        "a batch that data parallelism cannot split",
        ["cluster.trainer.data_parallel=16"],
        ["prompts_per_step=8", "data_parallel=16", "raise it or lower"],
    ),
    ("tensor parallelism that does not divide the heads", ["cluster.trainer.tensor_parallel=3"], ["=3", "1, 2"]),
    ("pipeline stages that do not divide the layers", ["cluster.trainer.pipeline_parallel=3"], ["=3", "num_layers=4"]),
    ("an unknown stage", ["curriculum.stages.math_5.steps=3"], ["math_5", "did you mean 'math_"]),
    ("a stage that is not there to be removed", ["~curriculum.stages.code_2"], ["code_2", "did you mean 'code_1'"]),
    ("a missing data file", ["data=jsonl", "data.train=no.jsonl", "data.heldout=no.jsonl"], ["no.jsonl: no such file"]),
    ("no data file given", ["data=jsonl"], ["data.train", "data.train=VALUE"]),
    (
        "two engines on one GPU",
        [*CARDS, "cluster.engine.engines=9"],
        ["engines=9", "no two engines share", "at most 8"],
    ),
    (
        "more ranks than GPUs",
        [*CARDS, "cluster.trainer.data_parallel=16", "curriculum=two_steps"],
        ["data_parallel=16", "gives 8", "at most 8"],
    ),
    (
        "ranks and engines on the same GPUs by mistake",
        [*CARDS, "cluster.placement=split", "cluster.trainer.data_parallel=8"],
        ["placement=split", "colocated"],
    ),
    ("a misspelt key", [f"{MATH}.optimizer.learning_rate=1e-6"], ["learning_rate", "optimizer"]),
    ("a learning rate at the wrong place", [f"{MATH}.lr=1e-6"], [f"{MATH}.lr", "optimizer.lr"]),
    ("an unknown group file", ["curriculum=acereason_10"], ["acereason_10", "did you mean 'acereason_1"]),
    ("an unknown experiment", ["experiment=acereason_8b"], ["acereason_8b", "did you mean 'acereason_7b'"]),
    ("a filter without a stage", ["filter=hard"], ["filter@curriculum.stages.NAME.filter=hard"]),
    ("top-p in training", [f"{MATH}.top_p=0.95"], ["top_p=0.95", "must be 1"]),
    ("epochs without the rule", [f"{MATH}.stop.epochs=3"], ["stop.epochs=3", "stop.rule=epochs"]),
    (
        "a soft penalty without its buffer",
        [f"{MATH}.overlong.policy=soft"],
        ["overlong.buffer=0", "at least 1", f"{MATH}.max_response_length"],
    ),
    ("a teacher's limit without the teacher", [f"{MATH}.filter.max_failures=5"], ["max_failures=5", "teacher=NAME"]),
    ("more passed than tried", [f"{MATH}.filter.pass_rate.max_passed=6"], ["attempts=0", "raise it"]),
    ("clip-higher the wrong way round", ["algorithm.clip_high=0.1"], ["clip_high=0.1", "at least algorithm.clip_low"]),
    ("more updates than prompts", [f"{MATH}.updates_per_step=32"], ["updates_per_step=32", "prompts_per_step=16"]),
    ("bfloat16 on the CPU", ["model.dtype=bfloat16"], ["dtype=bfloat16", "float32"]),
    ("weights of another shape", ["model.path=weights", "model.ffn_hidden_size=96"], ["ffn_hidden_size=96", "192"]),
    ("a model that is nowhere", ["model.path=/no/model"], ["model.path=/no/model", "Hugging Face folder"]),
    ("several values at once", ["seed=1,2"], ["seed=1,2", "train -m"]),
    ("a scale's key without a scale", ["scale.steps=0.1"], ["scale.steps=0.1", "scale=NAME", "tiny"]),
    ("a share that cannot be", ["train.share=/proc/share"], ["train.share=/proc/share", "choose another place"]),
    (
        "a launcher's folder that is a file",
        ["launcher=submitit", "launcher.system=local", f"launcher.folder={__file__}"],
        ["launcher.folder=", "is not a folder"],
    ),
    ("a name that is a path", ["name=a/b"], ["name=a/b", "run_dir"]),
]


@pytest.mark.parametrize(("words", "said"), [case[1:] for case in HURRIED], ids=[case[0] for case in HURRIED])
def test_exit_2_with_the_key_and_the_remedy(
    words: list[str],
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "model.path=weights" in words:
        from acereason.config.compose import compose_train

        write_model(tmp_path / "weights", compose_train().model)
    before = sorted(tmp_path.iterdir())
    assert cli.main(["train", *words]) == 2
    captured = capfd.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == "" and all(line.startswith("acereason: ") for line in lines)
    assert any(all(part in line for part in said) for line in lines), lines
    assert sorted(tmp_path.iterdir()) == before


def test_a_wrong_configuration_never_loads_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from acereason import cli\n"
        f"code = cli.main(['train', '{MATH}.group_size=1'])\n"
        "heavy = {'torch', 'ray', 'vllm', 'megatron', 'transformers', 'wandb'} & set(sys.modules)\n"
        "print(code, sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == "2 []"
    assert f"{MATH}.group_size=1" in done.stderr
