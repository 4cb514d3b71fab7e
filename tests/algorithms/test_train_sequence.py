import numpy as np
import pytest

from acereason.algorithms.batch import TrainSequence
from acereason.algorithms.checksums import tensor_checksum

TOKENS = np.arange(5, dtype=np.int32)


@pytest.mark.parametrize(
    ("prompt", "sampled", "message"),
    [(0, None, "prompt_length 0"), (6, None, "prompt_length 6"), (2, np.zeros(2, np.float32), r"expected \(3,\)")],
)
def test_refuses_what_does_not_fit(prompt: int, sampled: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainSequence(TOKENS, prompt, 1.0, 1.0, sampled)


def test_in_loss_needs_advantage_weight_and_response() -> None:
    assert TrainSequence(TOKENS, 2, -1.0, 0.5).in_loss
    assert not TrainSequence(TOKENS, 2, 0.0, 0.5).in_loss
    assert not TrainSequence(TOKENS, 2, -1.0, 0.0).in_loss
    assert not TrainSequence(TOKENS, 5, -1.0, 0.5).in_loss


def test_checksum_sees_name_type_shape_and_every_byte() -> None:
    array = np.arange(6, dtype=np.float32)
    changed = array.copy()
    changed[3] = np.nextafter(changed[3], np.float32(9))
    sums = {
        tensor_checksum("a", array),
        tensor_checksum("b", array),
        tensor_checksum("a", array.astype(np.float64)),
        tensor_checksum("a", array.reshape(2, 3)),
        tensor_checksum("a", changed),
    }
    assert len(sums) == 5
    assert tensor_checksum("a", array.copy()) in sums
    assert tensor_checksum("a", array.reshape(2, 3).T) == tensor_checksum("a", array.reshape(2, 3).T.copy())
