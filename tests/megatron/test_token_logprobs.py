"""Log-probabilities and entropy by chunks against torch's log_softmax, values and gradients."""

import pytest
import torch

from acereason.megatron.logprobs import token_logprobs


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("chunk_elements", [1, 3 * 50, 10**6], ids=["row by row", "3 rows", "at once"])
def test_equals_log_softmax(chunk_elements: int, temperature: float) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(10, 8, requires_grad=True)
    weight = torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (10,))
    upstream = torch.randn(10)

    table = (hidden @ weight.t() / temperature).log_softmax(-1)
    expected = table.gather(1, targets[:, None])[:, 0]
    entropy = -(table.exp() * table).sum(-1)
    gradients = torch.autograd.grad(expected, (hidden, weight), upstream)

    found, found_entropy = token_logprobs(hidden, weight, targets, temperature, chunk_elements=chunk_elements)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found_entropy, entropy, rtol=1e-5, atol=1e-5)
    assert not found_entropy.requires_grad
    for one, other in zip(torch.autograd.grad(found, (hidden, weight), upstream), gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_large_logits_stay_finite() -> None:
    hidden = torch.tensor([[1e4, 0.0], [-1e4, 0.0]])
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    logprobs, entropy = token_logprobs(hidden, weight, torch.tensor([0, 0]), 1.0)
    assert logprobs.tolist() == [0.0, -2e4]
    assert entropy.tolist() == [0.0, 0.0]


def test_no_response_token_at_all() -> None:
    hidden = torch.zeros(0, 4, requires_grad=True)
    weight = torch.zeros(6, 4, requires_grad=True)
    logprobs, entropy = token_logprobs(hidden, weight, torch.zeros(0, dtype=torch.int64), 1.0)
    assert logprobs.shape == entropy.shape == (0,)
    logprobs.sum().backward()
    assert not weight.grad.any()


def test_inputs_are_left_alone() -> None:
    hidden, weight = torch.randn(4, 8), torch.randn(20, 8)
    before = hidden.clone(), weight.clone()
    first, _ = token_logprobs(hidden, weight, torch.arange(4), 0.7)
    second, _ = token_logprobs(hidden, weight, torch.arange(4), 0.7)
    assert torch.equal(hidden, before[0]) and torch.equal(weight, before[1]) and torch.equal(first, second)
