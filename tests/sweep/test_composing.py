"""Fast composition gives what Hydra's own gives, and a preview of many cells needs neither torch nor much time."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from acereason.config.compose import compose_train
from acereason.errors import ConfigError
from acereason.sweep.asked import grid_of
from acereason.sweep.composing import composer
from tests.end_to_end.command import ROOT

GRID = [
    "seed=range(1,11)", "curriculum=acereason_1_0,code_first", "scale=tiny", "algorithm.clip_high=0.2,0.25,0.3,0.4,0.5",
    "curriculum.stages.code_2.by_epoch.temperature=[0.6,0.9],[1.0]", "~curriculum.stages.math_4",
    "filter@curriculum.stages.math_3.filter=easy", "curriculum.stages.math_1.overlong.policy=mask",
    "data.seed=null", "cluster.nodes=1", "tracking.wandb.group=${name}-x",
]  # fmt: skip


def test_twenty_of_two_hundred_cells_equal_full_composition() -> None:
    with composer() as composes:
        points = grid_of(GRID, composes).points
        assert len(points) == 200
        fast = [composes.compose(point.words) for point in points]
        assert fast[7] == composes.compose(points[7].words)  # what was set for others is gone again
    for place in random.Random(5).sample(range(200), 20):
        assert fast[place] == compose_train(points[place].words)
    assert len({repr(config) for config in fast}) == 200


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=acereason_7b", "cluster.nodes=2", "cluster.devices_per_node=4"],  # values that follow others
        ["curriculum.stages.math_1.steps=3", "~curriculum.stages.math_1", "curriculum.stages.math_2.steps=4"],
        ["+stage@curriculum.stages.code_2=code", "curriculum.stages.code_2.steps=9"],
        ["curriculum.stages.math_1={steps:5,temperature:0.5}", "curriculum.stages.math_1.steps=6"],
        ["experiment=acereason_1_1_7b", "scale=tiny", "model=tiny", "data=tiny", "cluster=laptop"],
    ],
)  # fmt: skip
def test_order_and_interpolation_are_hydras(words: list[str]) -> None:
    with composer() as composes:
        first = composes.compose(words)
        again = composes.compose([*words, "seed=2"]), composes.compose(words)
    assert first == again[1] == compose_train(words)
    assert again[0] == compose_train([*words, "seed=2"])


@pytest.mark.parametrize(
    "words",
    [["sed=1"], ["seed=one"], ["curriculum=tinny"], ["curriculum.stages.math_9.steps=1"], ["~curriculum.stages.math_9"],
     ["scale.steps=0.1"], ["seed=1,2"], ["model.name=${nowhere}"]],
)  # fmt: skip
def test_faults_are_said_as_they_always_are(words: list[str]) -> None:
    with pytest.raises(ConfigError) as expected:
        compose_train(words, sweep=None)
    with composer() as composes:
        with pytest.raises(ConfigError) as said:
            composes.compose(words)
        assert composes.compose(["seed=3"]).seed == 3  # and the fault leaves nothing behind
    assert str(said.value).split(";")[0] == str(expected.value).split(";")[0]


def test_a_preview_loads_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from acereason.sweep.run import run\n"
        "run(['ablation=on_policy', 'sweep.preview=true'], Path.cwd())\n"
        "heavy = {'torch', 'ray', 'vllm', 'wandb', 'optuna', 'polars'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "9 cells: 9 new" in done.stdout
