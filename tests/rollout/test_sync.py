"""The checks of a weight transfer that need no engine."""

import numpy as np
import pytest

from acereason.algorithms.checksums import tensor_checksum
from acereason.errors import RunError
from acereason.rollout.sync import check_checksums, check_probe, probe_tokens


def sums(**arrays):
    return {name: tensor_checksum(name, array) for name, array in arrays.items()}


def test_equal_tensors_pass_and_every_difference_is_named():
    a, b = np.arange(6, dtype=np.float32), np.ones((2, 3), np.float32)
    sent = sums(a=a, b=b)
    check_checksums(sent, sums(a=a.copy(), b=b.copy()))
    flipped = b.copy()
    flipped.view(np.uint8)[1, 5] ^= 1
    for received, message in (
        (sums(a=a, b=flipped), "'b' arrived with other bytes"),
        (sums(a=a, b=b.reshape(3, 2)), "'b' arrived with other bytes"),
        (sums(a=a.astype(np.float64), b=b), "'a' arrived with other bytes"),
        (sums(b=b), "'a' did not arrive"),
        (sums(a=a, b=b, c=a), "'c' arrived without a checksum"),
    ):
        with pytest.raises(RunError, match=message):
            check_checksums(sent, received)
    with pytest.raises(RunError, match="exported nothing"):
        check_checksums({}, {})


def test_swapped_tensors_of_one_shape_are_noticed():
    a, b = np.zeros(3, np.float32), np.ones(3, np.float32)
    with pytest.raises(RunError, match="'a' .and 1 more. arrived with other bytes"):
        check_checksums(sums(a=a, b=b), sums(a=b, b=a))


def test_probe_covers_the_vocabulary_before_it_repeats():
    tokens = probe_tokens(112, 300, seed=0)
    assert tokens.dtype == np.int32 and len(tokens) == 300
    for start in (0, 112):
        assert sorted(tokens[start : start + 112]) == list(range(112))
    assert len(set(tokens[224:].tolist())) == 76
    assert (tokens == probe_tokens(112, 300, seed=0)).all()
    assert (tokens[:64] == probe_tokens(112, 64, seed=0)).all()
    assert (tokens != probe_tokens(112, 300, seed=1)).any()
    large = probe_tokens(152_064, 64, seed=0)
    assert len(set(large.tolist())) == 64 and large.max() < 152_064


def test_probe_check_measures_the_largest_difference():
    ours = np.array([-1.0, -2.0, -3.0], np.float32)
    theirs = np.array([-1.0, -2.25, -3.125], np.float32)
    assert check_probe(theirs, ours, tolerance=0.25) == 0.25
    with pytest.raises(RunError, match=r"differ by 0.25 .* rollout.probe_tolerance=0.2:"):
        check_probe(theirs, ours, tolerance=0.2)
    with pytest.raises(RunError, match="differ by nan"):
        check_probe(np.array([-1.0, np.nan, -3.0], np.float32), ours, tolerance=1.0)
    with pytest.raises(RunError, match="scored 2 tokens of the probe, the trainer 3"):
        check_probe(theirs[:2], ours, tolerance=1.0)
