"""Copying a checkpoint's Hugging Face files out of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acereason.errors import InputError
from acereason.export import export


@pytest.fixture()
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "checkpoints" / "math_1" / "step_000015"
    (folder / "hf").mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "rng.json"):
        (folder / "hf" / name).write_text(name)
    (folder / "state.json").write_text("{}")
    return folder


EXPORTED = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def test_copies_weights_config_and_tokenizer_and_nothing_else(checkpoint: Path, tmp_path: Path) -> None:
    for source in (checkpoint, checkpoint / "hf"):
        out = tmp_path / f"out-{source.name}"
        assert export(source, out) == EXPORTED
        assert sorted(file.name for file in out.iterdir()) == EXPORTED
        assert (out / "model.safetensors").read_text() == "model.safetensors"


def test_a_run_stands_for_its_last_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "summary.json").write_text(json.dumps({"checkpoint": "checkpoints/math_1/step_000015"}))
    assert export(run, tmp_path / "out") == EXPORTED
    (run / "summary.json").write_text(json.dumps({"checkpoint": None}))
    with pytest.raises(InputError, match="names no checkpoint"):
        export(run, tmp_path / "out2")


def test_refuses_to_mix_with_what_is_there(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    export(checkpoint, out)  # an empty folder is as good as none
    with pytest.raises(InputError, match="already exists"):
        export(checkpoint, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a checkpoint"):
        export(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        export(tmp_path / "nothing", tmp_path / "out")
