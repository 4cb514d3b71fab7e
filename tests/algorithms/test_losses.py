"""The loss of equations (1), (3) and (4) on numbers worked by hand."""

import numpy as np
import pytest
import torch

from acereason.algorithms.advantages import group_advantages
from acereason.algorithms.losses import policy_loss, token_weights

# Two prompts with two responses each, of 1, 3 and 2, 2 tokens: 8 tokens, 4 in each group.
LENGTHS, GROUPS = [1, 3, 2, 2], [0, 0, 1, 1]


def test_batch_weights_by_hand() -> None:
    np.testing.assert_array_equal(token_weights(LENGTHS, GROUPS, "batch"), [1 / 8] * 4)


def test_group_weights_by_hand() -> None:
    # Lengths 1, 1 and 2, 4: groups of 2 and 6 tokens, so 1/(2 groups * 2) = 1/4 and 1/(2 * 6) = 1/12.
    weights = token_weights([1, 1, 2, 4], ["a", "a", "b", "b"], "group")
    np.testing.assert_allclose(weights, [1 / 4, 1 / 4, 1 / 12, 1 / 12], rtol=1e-15)


def test_weights_sum_to_one_over_tokens() -> None:
    for aggregation in ("batch", "group"):
        assert np.dot(token_weights([3, 5, 1, 7, 2, 2], [4, 4, 9, 9, 1, 1], aggregation), [3, 5, 1, 7, 2, 2]) == (
            pytest.approx(1.0)
        )


def test_empty_groups_have_weight_zero() -> None:
    np.testing.assert_array_equal(token_weights([0, 0, 2, 2], [0, 0, 1, 1], "group"), [0, 0, 1 / 8, 1 / 8])
    np.testing.assert_array_equal(token_weights([0, 0], [0, 0], "batch"), [0, 0])


def test_unknown_aggregation_names_the_choices() -> None:
    with pytest.raises(ValueError, match="'mean' is not one of: batch, group"):
        token_weights([1], [0], "mean")


def test_policy_loss_on_four_numbers_worked_by_hand() -> None:
    # One group, rewards 1 and 0: mean 1/2, unbiased standard deviation sqrt(1/2), advantages a and -a with
    # a = (1/2) / sqrt(1/2) = sqrt(1/2).
    # Response 1 has the tokens with log p = -1 and -2, response 2 those with -3 and -4; four tokens, weight 1/4.
    # J = 1/4 * (a * (-1 - 2) - a * (-3 - 4)) = 1/4 * a * 4 = a, and the loss is -J = -sqrt(1/2).
    advantages = group_advantages([[1.0, 0.0]], eps=0.0)[0]
    weights = token_weights([2, 2], [0, 0], "batch")
    logprobs = torch.tensor([-1.0, -2.0, -3.0, -4.0], dtype=torch.float64, requires_grad=True)
    per_token = torch.from_numpy(np.repeat(advantages, 2)), torch.from_numpy(np.repeat(weights, 2))
    loss = policy_loss(logprobs, *per_token)
    assert loss.item() == pytest.approx(-np.sqrt(0.5), rel=1e-15)
    # Equation (4): the gradient of J with respect to each log p is A / 4.
    loss.backward()
    np.testing.assert_allclose(logprobs.grad.numpy(), np.sqrt(0.5) / 4 * np.array([-1, -1, 1, 1]), rtol=1e-15)


def test_zero_advantage_groups_count_in_the_denominator_only() -> None:
    # Group 1 as above with 4 tokens, group 2 with equal rewards and 4 tokens: half the loss of group 1 alone.
    advantages = group_advantages([[1.0, 0.0], [1.0, 1.0]], eps=0.0).reshape(-1)
    weights = token_weights([2, 2, 1, 3], [0, 0, 1, 1], "batch")
    lengths = [2, 2, 1, 3]
    logprobs = torch.tensor([-1.0, -2.0, -3.0, -4.0, -9.0, -9.0, -9.0, -9.0], dtype=torch.float64)
    loss = policy_loss(
        logprobs, torch.from_numpy(np.repeat(advantages, lengths)), torch.from_numpy(np.repeat(weights, lengths))
    )
    assert loss.item() == pytest.approx(-np.sqrt(0.5) / 2, rel=1e-15)
