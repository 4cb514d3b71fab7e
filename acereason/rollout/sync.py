"""Proof that an engine computes with the trainer's weights: checksums of what arrived, and a probe that both score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from acereason.errors import RunError
from acereason.seeds import derive_seed


def check_checksums(sent: Mapping[str, str], received: Mapping[str, str]) -> None:
    """Raises RunError where a tensor got lost, was not sent, or arrived with other bytes than were sent.

    Both arguments give a checksum (`acereason.algorithms.checksums`) by Hugging Face tensor name.
    """
    if not sent:
        raise RunError("no tensor was sent: the trainer's ranks exported nothing")
    changed = [name for name in sent if name in received and received[name] != sent[name]]
    for problem, names in (
        ("did not arrive", sorted(sent.keys() - received.keys())),
        ("arrived without a checksum from its sender", sorted(received.keys() - sent.keys())),
        ("arrived with other bytes than were sent", sorted(changed)),
    ):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise RunError(f"weight transfer: tensor '{names[0]}'{more} {problem}")


def probe_tokens(vocab_size: int, length: int, seed: int) -> NDArray[np.int32]:
    """A fixed sequence [length] of token ids: random permutations of the vocabulary, one after another.

    So every token occurs before any occurs twice, and a damaged row of an embedding shows as soon as
    `length` reaches the vocabulary's size.
    """
    random = np.random.default_rng(derive_seed("probe", seed))
    rounds = -(-length // vocab_size)
    return np.concatenate([random.permutation(vocab_size) for _ in range(rounds)])[:length].astype(np.int32)


def check_probe(engine: NDArray[np.float32], trainer: NDArray[np.float32], tolerance: float) -> float:
    """The largest |difference| of two scorings of the probe, both [tokens - 1].

    Raises RunError where it exceeds `tolerance` or is not a number.
    """
    if engine.shape != trainer.shape:
        raise RunError(f"the engine scored {engine.shape[0]} tokens of the probe, the trainer {trainer.shape[0]}")
    gap = float(np.max(np.abs(engine.astype(np.float64) - trainer.astype(np.float64))))
    if not gap <= tolerance:
        raise RunError(
            f"trainer and engine differ by {gap:.3g} in a log-probability of the probe, more than "
            f"rollout.probe_tolerance={tolerance:g}: the engine does not compute with the trainer's weights"
        )
    return gap
