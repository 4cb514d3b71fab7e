"""Accuracy over problems and samples, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Accuracy:
    """Mean over problems of the mean over samples (avg@k), and the standard error of that mean over problems."""

    mean: float
    standard_error: float
    problems: int


def avg_at_k(rewards: Sequence[Sequence[float]]) -> Accuracy:
    """avg@k of `rewards[problem][sample]` (0 or 1).

    Problems are the unit that is drawn: the standard error is s / sqrt(n) with s the unbiased standard deviation of
    the n per-problem means. It covers which problems were taken and which samples were drawn, at once. Problems
    without any sample are left out. With one problem the standard error is unknown (nan).
    """
    means = [sum(samples) / len(samples) for samples in rewards if len(samples)]
    n = len(means)
    if n == 0:
        return Accuracy(math.nan, math.nan, 0)
    mean = sum(means) / n
    if n == 1:
        return Accuracy(mean, math.nan, 1)
    variance = sum((m - mean) ** 2 for m in means) / (n - 1)
    return Accuracy(mean, math.sqrt(variance / n), n)
