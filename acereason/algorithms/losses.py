"""The token-level policy-gradient loss: paper equations (1), (3) and (4).

With one update a rollout batch the ratio r_it is 1 and, with beta = 0, the gradient of equation (1) is equation (4),
so the loss whose gradient is taken is  - sum_i sum_t w_i A_i log p(o_it | q, o_i<t)  with the weight w_i from the
aggregation. No ratio, no clipping and no second log-probability pass are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch


def token_weights(lengths: ArrayLike, groups: ArrayLike, aggregation: str) -> NDArray[np.float64]:
    """[N] the weight of each token of response i.

    Args:
        lengths: [N] response tokens.
        groups: [N] the group (prompt) each response belongs to; any labels.
        aggregation: `batch`: 1 / (all response tokens of the batch, those of groups with zero advantage included), as
            the paper's framework computes it. `group`: 1 / (groups * tokens of the own group), the mean over
            groups of the printed equation (1).

    A batch or group without any token has weight 0.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    labels = np.asarray(groups)
    if counts.ndim != 1 or labels.shape != counts.shape:
        raise ValueError(f"lengths and groups must be flat and equally long, got {counts.shape} and {labels.shape}")
    if aggregation == "batch":
        return np.full(counts.shape, _inverse(np.asarray(counts.sum(dtype=np.int64))))
    if aggregation == "group":
        names, members = np.unique(labels, return_inverse=True)
        totals = np.bincount(members, weights=counts, minlength=len(names))
        weights: NDArray[np.float64] = _inverse(totals)[members] / max(len(names), 1)
        return weights
    raise ValueError(f"aggregation '{aggregation}' is not one of: batch, group")


def policy_loss(logprobs: torch.Tensor, advantages: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """- sum_t weights_t * advantages_t * logprobs_t, a scalar; all three [T] over response tokens, in float32."""
    return -(weights * advantages * logprobs).sum()


def _inverse(totals: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / totals, and 0 where a total is 0."""
    counts = np.asarray(totals, dtype=np.float64)
    return np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
