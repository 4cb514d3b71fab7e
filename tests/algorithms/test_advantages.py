"""Equation (2) on numbers worked by hand."""

import numpy as np
import pytest

from acereason.algorithms.advantages import group_advantages, zero_std_groups


def test_four_numbers_worked_by_hand() -> None:
    # Rewards 1, 0, 0, 0: mean 1/4; deviations 3/4, -1/4, -1/4, -1/4; sum of squares 9/16 + 3/16 = 3/4;
    # unbiased variance (3/4) / 3 = 1/4, standard deviation 1/2. Advantages 3/2 and three times -1/2.
    np.testing.assert_allclose(group_advantages([[1, 0, 0, 0]], eps=0.0), [[1.5, -0.5, -0.5, -0.5]], rtol=1e-15)


def test_eps_is_added_to_the_standard_deviation() -> None:
    # Rewards 1, 0: mean 1/2, deviations 1/2 and -1/2, variance (1/4 + 1/4) / 1 = 1/2.
    # With eps = 1/2 the divisor is sqrt(1/2) + 1/2.
    expected = 0.5 / (np.sqrt(0.5) + 0.5)
    np.testing.assert_allclose(group_advantages([[1, 0]], eps=0.5), [[expected, -expected]], rtol=1e-15)


def test_groups_do_not_see_each_other() -> None:
    both = group_advantages([[1, 0, 1, 0], [0, 0, 0, 1]], eps=1e-6)
    np.testing.assert_array_equal(both[0], group_advantages([[1, 0, 1, 0]], eps=1e-6)[0])
    np.testing.assert_array_equal(both[1], group_advantages([[0, 0, 0, 1]], eps=1e-6)[0])


@pytest.mark.parametrize("reward", [0.0, 1.0, 0.1])
@pytest.mark.parametrize("eps", [0.0, 1e-6])
def test_equal_rewards_give_exactly_zero(reward: float, eps: float) -> None:
    # 0.1 + 0.1 + 0.1 is not 3 * 0.1 in floating point: the mean may differ from the members.
    rewards = np.full((1, 3), reward)
    assert not group_advantages(rewards, eps).any()
    assert zero_std_groups(rewards).all()


def test_a_group_of_one_has_no_advantage() -> None:
    assert not group_advantages([[1.0], [0.0]], eps=0.0).any()


def test_zero_std_groups_are_counted_per_group() -> None:
    np.testing.assert_array_equal(zero_std_groups([[1, 1], [0, 1], [0, 0]]), [True, False, True])


@pytest.mark.parametrize("rewards", [[1.0, 0.0], [[1.0, np.nan]], [[]]])
def test_refuses_what_has_no_groups_or_no_reward(rewards: object) -> None:
    with pytest.raises(ValueError, match="rewards must"):
        group_advantages(rewards, eps=0.0)  # type: ignore[arg-type]
