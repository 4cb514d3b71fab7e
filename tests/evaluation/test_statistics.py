"""avg@k and its standard error against numbers worked by hand and a simulation."""

import math

import numpy as np
import pytest

from acereason.evaluation.statistics import avg_at_k


def test_by_hand() -> None:
    # per-problem means 1, 1/2, 0, 1/2: mean 1/2; squared deviations 1/4 + 0 + 1/4 + 0 = 1/2;
    # unbiased variance 1/6; standard error sqrt(1/6 / 4) = sqrt(1/24)
    accuracy = avg_at_k([[1, 1], [1, 0], [0, 0], [0, 1]])
    assert accuracy.mean == 0.5
    assert accuracy.standard_error == pytest.approx(math.sqrt(1 / 24))
    assert accuracy.problems == 4


def test_problems_without_samples_are_left_out() -> None:
    assert avg_at_k([[1.0], [], [0.0]]).problems == 2
    assert math.isnan(avg_at_k([[]]).mean)
    assert math.isnan(avg_at_k([[1.0]]).standard_error)


def test_standard_error_is_the_spread_of_the_estimate() -> None:
    # 64 problems drawn from a Beta(2, 2), 4 samples each: the spread of the mean over 4,000 repeats, against the
    # mean reported error. Beta(2,2): variance of p is 1/20, E[p(1-p)] = 1/5, so the error is sqrt((1/20 + 1/20) / 64).
    rng = np.random.default_rng(0)
    p = rng.beta(2, 2, size=(4000, 64, 1))
    draws = (rng.random((4000, 64, 4)) < p).astype(float)
    reported = np.mean([avg_at_k(run.tolist()).standard_error for run in draws[:400]])
    assert reported == pytest.approx(math.sqrt(0.1 / 64), rel=0.03)
    assert draws.mean(axis=(1, 2)).std() == pytest.approx(math.sqrt(0.1 / 64), rel=0.05)
