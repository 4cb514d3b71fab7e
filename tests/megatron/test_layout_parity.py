"""Every layout against Hugging Face's Qwen2 and torch's AdamW: log-probabilities, loss, gradient norm, one step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from megatron_ranks import (
    LAYOUTS,
    OPTIMIZER,
    make_sequences,
    merged,
    model_config,
    name_of,
    on_ranks,
    write_random_folder,
)

from acereason.algorithms.batch import TrainSequence, UpdateStats

TEMPERATURE = 0.8
RATES = [1e-2, 5e-3]


@dataclass
class Reference:
    """What Hugging Face and torch make of two updates."""

    folder: Path
    updates: list[list[TrainSequence]]
    initial: dict[str, np.ndarray]
    logprobs: list[np.ndarray]
    losses: list[float]
    grad_norms: list[float]
    entropies: list[float]
    after: list[dict[str, np.ndarray]]


def response_logits(model: Any, sequence: TrainSequence) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.from_numpy(sequence.tokens).long()
    logits = model(tokens[None]).logits[0, sequence.prompt_length - 1 : -1] / TEMPERATURE
    return logits, tokens[sequence.prompt_length :]


def arrays(model: Any) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def make_reference(folder: Path, *, tied: bool) -> Reference:
    from transformers import AutoModelForCausalLM

    write_random_folder(folder, tied=tied)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    updates = [make_sequences(11, 1, zero_advantages=(2, 7)), make_sequences(6, 2)]
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": OPTIMIZER.weight_decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ],
        betas=(OPTIMIZER.beta1, OPTIMIZER.beta2),
        eps=OPTIMIZER.eps,
    )
    reference = Reference(folder, updates, arrays(model), [], [], [], [], [])
    for number, (update, rate) in enumerate(zip(updates, RATES, strict=True)):
        loss, entropies = torch.zeros(()), []
        for sequence in update:
            logits, targets = response_logits(model, sequence)
            table = logits.log_softmax(-1)
            logprobs = table.gather(1, targets[:, None])[:, 0]
            entropies.append(-(table.exp() * table).sum(-1).detach())
            loss = loss - sequence.token_weight * sequence.advantage * logprobs.sum()
            if number == 0:
                reference.logprobs.append(logprobs.detach().numpy())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER.clip_grad)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        reference.losses.append(loss.item())
        reference.grad_norms.append(float(norm))
        reference.entropies.append(float(torch.cat(entropies).mean()))
        reference.after.append(arrays(model))
    return reference


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Reference]:
    folder = tmp_path_factory.mktemp("parity")
    return {tied: make_reference(folder / f"tied-{tied}", tied=tied) for tied in (True, False)}


def two_updates(rank: Any, folder: Path, updates: list[list[TrainSequence]], out: Path) -> dict[str, Any]:
    rank.load_hf(folder)
    answers = {"initial": rank.export_weights()[0], "logprobs": rank.logprobs(updates[0], TEMPERATURE)}
    answers["stats"] = []
    for number, (update, rate) in enumerate(zip(updates, RATES, strict=True)):
        answers["stats"] += rank.train([update], [rate], TEMPERATURE)
        answers[f"after {number}"] = rank.export_weights()[0]
    rank.save_hf(out)
    return answers


CASES = [(layout, tied) for layout in LAYOUTS for tied in (True, False)] + [
    (dataclasses.replace(layout, sequence_parallel=True), False) for layout in LAYOUTS if layout.tensor_parallel > 1
]


@pytest.mark.parametrize(
    ("layout", "tied"), CASES, ids=[f"{name_of(layout)}-{'tied' if tied else 'untied'}" for layout, tied in CASES]
)
def test_layout_equals_hugging_face(layout: Any, tied: bool, references: dict[bool, Reference], tmp_path: Path) -> None:
    reference = references[tied]
    answers = on_ranks(
        two_updates, model_config(tied=tied), layout, reference.folder, reference.updates, tmp_path / "out"
    )

    initial = merged([answer["initial"] for answer in answers])
    assert initial.keys() == reference.initial.keys()
    for name, array in reference.initial.items():
        np.testing.assert_array_equal(initial[name], array, err_msg=f"round trip of {name}")

    logprobs = merged([answer["logprobs"] for answer in answers])
    assert sorted(logprobs) == list(range(len(reference.logprobs)))
    for index, expected in enumerate(reference.logprobs):
        np.testing.assert_allclose(logprobs[index], expected, rtol=0, atol=2e-5)

    for answer in answers:
        assert answer["stats"] == answers[0]["stats"], "all ranks report the same"
    for stats, loss, norm, entropy in zip(
        answers[0]["stats"], reference.losses, reference.grad_norms, reference.entropies, strict=True
    ):
        assert isinstance(stats, UpdateStats) and not stats.skipped
        assert stats.loss == pytest.approx(loss, rel=1e-5, abs=1e-6)
        assert stats.grad_norm == pytest.approx(norm, rel=1e-4)
        assert stats.entropy == pytest.approx(entropy, rel=1e-5)
        assert norm > OPTIMIZER.clip_grad, "the clipping is part of what is tested"
    diffs = np.concatenate(
        [np.abs(e - s.sampled_logprobs) for e, s in zip(reference.logprobs, reference.updates[0], strict=True)]
    )
    assert answers[0]["stats"][0].logprob_abs_diff_mean == pytest.approx(float(diffs.mean()), abs=2e-5)
    assert answers[0]["stats"][0].logprob_abs_diff_max == pytest.approx(float(diffs.max()), abs=2e-5)
    assert answers[0]["stats"][0].tokens == sum(len(s.tokens) for s in reference.updates[0])
    assert answers[0]["stats"][0].response_tokens == len(diffs)

    # A step of Adam moves a weight by about the learning rate, 1e-2: 1e-5 is a thousandth of that.
    for number in range(2):
        weights = merged([answer[f"after {number}"] for answer in answers])
        for name, array in reference.after[number].items():
            np.testing.assert_allclose(weights[name], array, rtol=0, atol=1e-5, err_msg=f"{name} after {number + 1}")
            assert number or np.abs(array - reference.initial[name]).max() > 1e-3

    from transformers import AutoModelForCausalLM

    written = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    for name, parameter in written.named_parameters():
        np.testing.assert_array_equal(parameter.detach().numpy(), weights[name], err_msg=f"written {name}")
