"""Hugging Face checkpoint folders of Qwen2 models: `config.json` and safetensors, one file or several."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from acereason.config.huggingface import hf_config
from acereason.config.schema import ModelConfig
from acereason.errors import InputError
from acereason.megatron.weights import EMBEDDING, HEAD, tensor_shapes

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def tensor_reader(folder: Path, model: ModelConfig) -> Callable[[str], Tensor]:
    """A reader of the folder's tensors by name, each from its file when asked for, after all shapes were checked.

    A missing head is read from the embedding: a checkpoint with tied weights serves an untied model.

    Raises InputError where the folder, a tensor or a shape is not what the model needs.
    """
    files = _files_by_tensor(folder)
    if HEAD not in files and EMBEDDING in files:
        files[HEAD] = files[EMBEDDING]
        alias = {HEAD: EMBEDDING}
    else:
        alias = {}
    opened = {path: _open(path) for path in sorted(set(files.values()))}
    for name, shape in tensor_shapes(model).items():
        if name not in files:
            raise InputError(f"{folder} has no tensor '{name}', which model={model.name} needs: is it a Qwen2 model?")
        found = tuple(opened[files[name]].get_slice(alias.get(name, name)).get_shape())
        if found != shape:
            raise InputError(f"{folder}: tensor '{name}' has shape {found}, model={model.name} needs {shape}")

    def read(name: str) -> Tensor:
        tensor: Tensor = opened[files[name]].get_tensor(alias.get(name, name))
        return tensor

    return read


def write_stage(folder: Path, tensors: Mapping[str, Tensor], stage: int, stages: int) -> None:
    """Writes the tensors of one pipeline stage: `model.safetensors`, or one of several files where there are stages."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / _file_of(stage, stages), metadata={"format": "pt"})


def write_config(folder: Path, model: ModelConfig, extra: Mapping[str, Any] | None = None) -> None:
    """Writes `config.json`, and the index of the files where all stages' files are there and are several.

    `extra` adds keys to config.json, such as `eos_token_id`.
    """
    files = sorted(folder.glob("model-*-of-*.safetensors"))
    if files:
        weight_map, size = {}, 0
        for path in files:
            with safe_open(path, framework="pt") as opened:
                weight_map.update(dict.fromkeys(opened.keys(), path.name))
            size += path.stat().st_size
        listed = {"metadata": {"total_size": size}, "weight_map": weight_map}
        (folder / INDEX).write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    config = {**hf_config(model), **(extra or {})}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _file_of(stage: int, stages: int) -> str:
    return SINGLE if stages == 1 else f"model-{stage + 1:05d}-of-{stages:05d}.safetensors"


def _files_by_tensor(folder: Path) -> dict[str, Path]:
    """For each tensor of the folder the file that holds it."""
    if not folder.is_dir():
        raise InputError(f"model folder {folder} does not exist")
    index, single = folder / INDEX, folder / SINGLE
    if index.is_file():
        try:
            listed = {name: folder / file for name, file in json.loads(index.read_bytes())["weight_map"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{index} cannot be read: {error}") from error
        missing = sorted({file.name for file in listed.values() if not file.is_file()})
        if missing:
            raise InputError(f"{index} names files that are not there: {', '.join(missing)}")
        return listed
    if single.is_file():
        return dict.fromkeys(_open(single).keys(), single)
    raise InputError(f"{folder} holds neither {SINGLE} nor {INDEX}: expected a Hugging Face folder with safetensors")


def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
