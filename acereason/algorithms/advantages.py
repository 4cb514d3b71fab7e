"""Group-relative advantages: paper equation (2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def zero_std_groups(rewards: ArrayLike) -> NDArray[np.bool_]:
    """[P] whether all rewards of a group are equal, from rewards [P, G]."""
    scores = _groups(rewards)
    return np.all(scores == scores[:, :1], axis=1)


def group_advantages(rewards: ArrayLike, eps: float) -> NDArray[np.float64]:
    """[P, G] advantages of rewards [P, G]: P prompts with G responses each.

    Equation (2): A_i = (S_i - mean({S})) / std({S}), with the unbiased standard deviation (divisor G - 1) plus
    `eps`, as the paper's framework computes it. A group whose rewards are all equal has advantage exactly 0,
    also where the mean of equal numbers is rounded; so has a group of one.

    Raises ValueError unless rewards are finite and have two dimensions with G >= 1.
    """
    scores = _groups(rewards)
    if scores.shape[1] == 1:
        return np.zeros_like(scores)
    centred = scores - scores.mean(axis=1, keepdims=True)
    scale = scores.std(axis=1, ddof=1, keepdims=True) + eps
    flat = zero_std_groups(scores)
    scale[flat] = 1.0
    advantages: NDArray[np.float64] = centred / scale
    advantages[flat] = 0.0
    return advantages


def _groups(rewards: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(rewards, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 1:
        raise ValueError(f"rewards must have shape [prompts, group size >= 1], got {scores.shape}")
    if not np.all(np.isfinite(scores)):
        raise ValueError("rewards must be finite; a response without a verdict has no reward to train on")
    return scores
