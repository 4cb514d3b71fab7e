"""Hugging Face tensors to tensor-parallel parts and back, and the folders they are read from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from megatron_ranks import model_config, write_random_folder
from safetensors.torch import load_file, save_file

from acereason.errors import ConfigError, InputError
from acereason.megatron.hf_folder import tensor_reader, write_config, write_stage
from acereason.megatron.weights import merge, random_tensors, shard, source_of, tensor_shapes

MODEL = dataclasses.replace(model_config(tied=False), num_attention_heads=8, num_key_value_heads=4, head_dim=6)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("rule", ["whole", "rows", "columns", "gate_up", "qkv"])
def test_merge_undoes_shard(rule: str, ranks: int) -> None:
    queries, keys = MODEL.num_attention_heads * MODEL.head_dim, MODEL.num_key_value_heads * MODEL.head_dim
    shapes = {
        "qkv": [(queries, 48), (keys, 48), (keys, 48)],
        "gate_up": [(80, 48), (80, 48)],
        "whole": [(48,)],
    }.get(rule, [(96, 48)])
    full = [torch.randn(shape) for shape in shapes]
    back = merge(rule, [shard(rule, full, MODEL, rank, ranks) for rank in range(ranks)], MODEL)
    assert len(back) == len(full)
    assert all(torch.equal(one, other) for one, other in zip(full, back, strict=True))


def test_qkv_rows_by_hand() -> None:
    # 8 query heads in 4 groups, one row a head: group g holds queries 2g and 2g + 1, then its key and value.
    model = dataclasses.replace(MODEL, head_dim=1)
    q, k, v = torch.arange(8.0), 10 + torch.arange(4.0), 20 + torch.arange(4.0)
    assert shard("qkv", [q, k, v], model, 0, 2).tolist() == [0, 1, 10, 20, 2, 3, 11, 21]
    assert shard("qkv", [q, k, v], model, 1, 2).tolist() == [4, 5, 12, 22, 6, 7, 13, 23]


def test_a_stage_counts_its_layers_from_its_first() -> None:
    source = source_of("decoder.layers.1.mlp.linear_fc1.weight", 2, tied=False)
    assert source.names == ("model.layers.3.mlp.gate_proj.weight", "model.layers.3.mlp.up_proj.weight")
    assert source_of("output_layer.weight", 2, tied=True).names == ("model.embed_tokens.weight",)
    fused = source_of("decoder.layers.0.mlp.linear_fc1.layer_norm_weight", 0, tied=True)
    assert fused == source_of("decoder.layers.0.pre_mlp_layernorm.weight", 0, tied=True)
    with pytest.raises(KeyError, match="router"):
        source_of("decoder.layers.0.mlp.router.weight", 0, tied=True)


def test_random_weights_depend_on_seed_and_name_only() -> None:
    one, same, other = random_tensors(MODEL, 1), random_tensors(MODEL, 1), random_tensors(MODEL, 2)
    names = [name for name in tensor_shapes(MODEL) if not name.endswith(("norm.weight", ".bias"))]
    for name in reversed(names):
        assert torch.equal(one(name), same(name)) and not torch.equal(one(name), other(name))
    flat = torch.cat([one(name).flatten() for name in names])
    assert flat.std().item() == pytest.approx(MODEL.init_std, rel=0.02)
    assert len({tuple(one(name).flatten()[:4].tolist()) for name in names}) == len(names)
    assert not one("model.layers.0.self_attn.q_proj.bias").any()
    assert torch.equal(one("model.norm.weight"), torch.ones(48))


@pytest.mark.parametrize("tied", [True, False])
def test_reads_what_transformers_writes_in_several_files(tied: bool, tmp_path: Path) -> None:
    write_random_folder(tmp_path, tied=tied)
    files = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(files) > 1
    expected = {name: tensor for file in files for name, tensor in load_file(file).items()}
    model = model_config(tied=tied)
    read = tensor_reader(tmp_path, model)
    assert sorted(expected) == sorted(tensor_shapes(model))
    for name in tensor_shapes(model):
        assert torch.equal(read(name), expected[name])


def test_a_tied_checkpoint_serves_an_untied_model(tmp_path: Path) -> None:
    write_random_folder(tmp_path, tied=True)
    read = tensor_reader(tmp_path, model_config(tied=False))
    assert torch.equal(read("lm_head.weight"), read("model.embed_tokens.weight"))


@pytest.mark.parametrize("stages", [1, 2])
def test_written_stages_are_read_back(stages: int, tmp_path: Path) -> None:
    model = model_config(tied=False)
    source = random_tensors(model, 3)
    names = list(tensor_shapes(model))
    for stage in range(stages):
        write_stage(tmp_path, {name: source(name) for name in names[stage::stages]}, stage, stages)
    write_config(tmp_path, model, {"eos_token_id": 2})
    read = tensor_reader(tmp_path, model)
    assert all(torch.equal(read(name), source(name)) for name in names)
    assert json.loads((tmp_path / "config.json").read_text())["eos_token_id"] == 2


def break_nothing_there(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def break_missing_file(folder: Path) -> None:
    sorted(folder.glob("model-*.safetensors"))[1].unlink()


def break_truncated(folder: Path) -> None:
    file = sorted(folder.glob("model-*.safetensors"))[0]
    file.write_bytes(file.read_bytes()[:100])


def break_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": ')


def break_tensor_missing(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    del listed["weight_map"]["model.norm.weight"]
    index.write_text(json.dumps(listed))


def break_shape(folder: Path) -> None:
    file = next(f for f in folder.glob("model-*.safetensors") if "model.norm.weight" in load_file(f))
    tensors = load_file(file)
    tensors["model.norm.weight"] = torch.ones(47)
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_nothing_there, "neither model.safetensors nor"),
        (break_missing_file, "names files that are not there: model-00002"),
        (break_truncated, "model-00001.*cannot be read"),
        (break_index, "index.json cannot be read"),
        (break_tensor_missing, "has no tensor 'model.norm.weight'"),
        (break_shape, r"'model.norm.weight' has shape \(47,\), model=parity needs \(48,\)"),
    ],
)
def test_a_damaged_folder_is_named(damage: object, message: str, tmp_path: Path) -> None:
    write_random_folder(tmp_path, tied=False)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        tensor_reader(tmp_path, model_config(tied=False))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        tensor_reader(tmp_path / "nowhere", MODEL)


@pytest.mark.parametrize(
    ("key", "value", "tensor", "pipeline"),
    [
        ("vocab_size", 97, 2, 1),
        ("num_key_value_heads", 1, 2, 1),
        ("ffn_hidden_size", 81, 2, 1),
        ("num_layers", 3, 1, 2),
    ],
)
def test_a_model_that_cannot_be_cut_is_refused(key: str, value: int, tensor: int, pipeline: int) -> None:
    from acereason.config.schema import TrainerLayout
    from acereason.megatron.spec import check_divides

    layout = TrainerLayout(tensor, pipeline, 1, sequence_parallel=False, threads=1, tokens_per_microbatch=64)
    with pytest.raises(ConfigError, match=f"model.{key}={value} is not divisible"):
        check_divides(dataclasses.replace(MODEL, **{key: value}), layout)
