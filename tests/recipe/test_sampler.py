"""The sampler's promises: no repeats in an epoch, order from seeds, and a state that continues exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acereason.errors import InputError, RunError
from acereason.recipe.sampler import EpochSampler


@given(rows=st.integers(1, 40), batch=st.integers(1, 40), draws=st.integers(1, 30), cut=st.integers(0, 29))
def test_resume_continues_exactly(rows: int, batch: int, draws: int, cut: int) -> None:
    batch = min(batch, rows)
    whole = EpochSampler(rows, 3, "math_1")
    expected = [whole.next(batch) for _ in range(draws)]
    first = EpochSampler(rows, 3, "math_1")
    for _ in range(min(cut, draws)):
        first.next(batch)
    second = EpochSampler(rows, 3, "math_1")
    second.load_state_dict(first.state_dict())
    assert [second.next(batch) for _ in range(draws - min(cut, draws))] == expected[min(cut, draws) :]


@given(rows=st.integers(1, 40), batch=st.integers(1, 40))
def test_an_epoch_has_no_repeats(rows: int, batch: int) -> None:
    batch = min(batch, rows)
    sampler = EpochSampler(rows, 0, "s")
    drawn = [index for _ in range(rows // batch) for index in sampler.next(batch)]
    assert len(set(drawn)) == len(drawn)
    assert sampler.epoch == 0
    sampler.next(batch)
    assert sampler.epoch == 1


def test_orders_differ_by_seed_stage_and_epoch() -> None:
    orders = {tuple(EpochSampler(30, seed, stage).next(30)) for seed in (1, 2) for stage in ("a", "b")}
    sampler = EpochSampler(30, 1, "a")
    epochs = {tuple(sampler.next(30)) for _ in range(3)}
    assert len(orders) == 4
    assert len(epochs) == 3


def test_too_few_rows_names_the_key() -> None:
    with pytest.raises(InputError, match=r"stages\.math_1\.prompts_per_step"):
        EpochSampler(3, 0, "math_1").next(4)


def test_changed_data_and_unknown_state_are_refused() -> None:
    sampler = EpochSampler(3, 0, "a")
    with pytest.raises(RunError, match="data files have changed"):
        sampler.load_state_dict({"rows": 4, "epoch": 0, "position": 0})
    with pytest.raises(RunError, match="unknown fields"):
        sampler.load_state_dict({"rows": 3, "epoch": 0, "position": 0, "extra": 1})
