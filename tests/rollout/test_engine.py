"""The vLLM engine in an actor: what it samples, that it does so exactly again, and that it takes weights."""

import dataclasses

import numpy as np
import pytest

from acereason.config.schema import ClusterConfig, EngineLayout, RolloutConfig, TrainerLayout
from acereason.errors import RunError
from acereason.rollout.client import RolloutEngines
from acereason.rollout.requests import Request
from acereason.rollout.sync import check_probe, probe_tokens
from acereason.runtime.cluster import Cluster, put
from tests.rollout.models import export, random_weights, reference_logprobs, reference_table, small_model

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

CONTEXT = 96
STOP = 111
TOLERANCE = 1e-4  # as in conf/rollout/vllm.yaml
CONFIG = ClusterConfig(
    name="test",
    device="cpu",
    ray_address=None,
    trainer=TrainerLayout(1, 1, 1, False, 1, 1024),
    engine=EngineLayout(engines=2, tensor_parallel=1, threads=1, max_num_seqs=16, kv_cache_gib=0.1),
    start_timeout_s=300,
    step_timeout_s=300,
)
ROLLOUT = RolloutConfig(
    "vllm", enforce_eager=True, probe_tokens=112, probe_tolerance=TOLERANCE, sync_tolerance=TOLERANCE
)
MODEL = small_model(tied=True)
UNTIED = small_model(tied=False)
WEIGHTS = random_weights(MODEL, seed=1)
PROBE = probe_tokens(MODEL.vocab_size, ROLLOUT.probe_tokens, seed=0)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(CONFIG, tmp_path_factory.mktemp("run")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def engines(cluster):
    """Two engines of the tied model; what they start with is asserted here, while they have no weights."""
    engines = RolloutEngines(cluster, MODEL, CONFIG, ROLLOUT, CONTEXT, seed=0)
    engines.wait_started()
    with pytest.raises(RunError, match="engine 0: the engine has no weights yet"):
        list(engines.generate(requests(1)))
    return engines


@pytest.fixture
def loaded(engines):
    engines.load_weights([put(export(WEIGHTS))])
    return engines


def requests(count, temperature=1.0, seed=0, top_p=1.0, max_tokens=24, stop_token=STOP):
    draw = np.random.default_rng(count)
    prompts = [draw.integers(5, 100, int(length)).astype(np.int32) for length in draw.integers(3, 30, count)]
    return [
        Request(f"r{i}", prompts[i // 4], seed * 1000 + i, max_tokens - i % 5, temperature, top_p, stop_token)
        for i in range(count)
    ]


def sample(engines, wanted):
    completions = {done.id: done for done in engines.generate(wanted) if done is not None}
    assert completions.keys() == {request.id for request in wanted}
    return [completions[request.id] for request in wanted]


def assert_same(ones, others):
    for one, other in zip(ones, others, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.logprobs.tobytes() == other.logprobs.tobytes()


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_logprobs_are_those_of_the_model_at_the_temperature(loaded, temperature):
    wanted = requests(8, temperature)
    for request, completion in zip(wanted, sample(loaded, wanted), strict=True):
        assert completion.tokens.dtype == np.int32 and completion.logprobs.dtype == np.float32
        whole = np.concatenate([request.prompt, completion.tokens])
        expected = reference_logprobs(MODEL, WEIGHTS, whole, temperature)[len(request.prompt) - 1 :]
        np.testing.assert_allclose(completion.logprobs, expected, atol=5e-5)


def test_without_logprobs_the_tokens_are_the_same(loaded):
    wanted = requests(8)
    bare = sample(loaded, [dataclasses.replace(request, logprobs=False) for request in wanted])
    for with_them, without in zip(sample(loaded, wanted), bare, strict=True):
        assert without.tokens.tolist() == with_them.tokens.tolist()
        assert len(without.logprobs) == 0 < len(with_them.logprobs)


def test_temperature_zero_takes_the_likeliest_token(loaded):
    wanted = requests(4, temperature=0.0)
    for request, completion in zip(wanted, sample(loaded, wanted), strict=True):
        whole = np.concatenate([request.prompt, completion.tokens])
        table = reference_table(MODEL, WEIGHTS, whole)[len(request.prompt) - 1 : -1]
        assert completion.tokens.tolist() == table.argmax(-1).tolist()
        np.testing.assert_allclose(completion.logprobs, table.max(-1), atol=5e-5)


def test_responses_end_at_the_stop_token_or_at_their_length(loaded):
    plain = sample(loaded, requests(24))
    stop = int(plain[0].tokens[3])  # a token that occurs
    for request, before, after in zip(requests(24), plain, sample(loaded, requests(24, stop_token=stop)), strict=True):
        tokens = before.tokens.tolist()
        if stop in tokens:
            assert after.finish_reason == "stop"
            assert after.tokens.tolist() == tokens[: tokens.index(stop) + 1]
        elif STOP not in tokens:
            assert after.finish_reason == "length"
            assert len(after.tokens) == request.max_tokens
        assert len(after.logprobs) == len(after.tokens)
    assert len(sample(loaded, requests(1, max_tokens=1))[0].tokens) == 1


def test_the_same_requests_give_the_same_bits_from_used_and_from_fresh_engines(loaded, cluster):
    wanted = requests(50)  # more than the 2 x 16 slots, of several lengths
    first = sample(loaded, wanted)
    sample(loaded, requests(20, seed=7))
    assert_same(first, sample(loaded, wanted))
    loaded.load_weights([put(export(random_weights(MODEL, seed=2)))])
    assert any(a.tokens.tolist() != b.tokens.tolist() for a, b in zip(first, sample(loaded, wanted), strict=True))
    loaded.load_weights([put(export(WEIGHTS))])
    assert_same(first, sample(loaded, wanted))
    alone = dataclasses.replace(CONFIG, engine=dataclasses.replace(CONFIG.engine, engines=1))
    fresh = cluster.actor(
        "acereason.rollout.engine:Engine", MODEL, alone.engine, ROLLOUT, CONTEXT, "cpu", 99, name="fresh engine"
    )
    fresh.started.result(300, "a fresh engine")
    fresh.call("load_weights", [export(WEIGHTS)]).result(60, "weights")
    one = RolloutEngines.__new__(RolloutEngines)
    one._engines, one._config, one._cluster = [fresh], alone, cluster
    assert_same(first[0::2], sample(one, wanted[0::2]))  # the part that engine 0 of two had
    fresh.stop()


def test_every_response_has_its_own_seed(loaded):
    same, other = (sample(loaded, requests(8, seed=seed)) for seed in (0, 1))
    assert len({tuple(c.tokens) for c in same}) == 8  # four responses to each prompt, all different
    assert all(a.tokens.tolist() != b.tokens.tolist() for a, b in zip(same, other, strict=True))


def test_many_prompts_at_once_do_not_disturb_seeds(loaded):
    # more prompt tokens than vLLM takes in one step
    wanted = [dataclasses.replace(r, prompt=np.resize(r.prompt, 72)) for r in requests(140, max_tokens=8)]
    assert_same(sample(loaded, wanted), sample(loaded, wanted))


def test_a_reader_that_leaves_early_leaves_a_usable_engine(loaded):
    first = sample(loaded, requests(12))
    next(iter(loaded.generate(requests(12))))
    assert_same(first, sample(loaded, requests(12)))


def test_a_request_beyond_the_context_is_refused_by_name(loaded):
    with pytest.raises(RunError, match="request 'r0' has .* more than the engine's context of"):
        sample(loaded, requests(1, max_tokens=500))


def test_score_is_the_models_logprob(loaded):
    expected = reference_logprobs(MODEL, WEIGHTS, PROBE)
    for scored in loaded.score(PROBE):
        assert scored.shape == (len(PROBE) - 1,)
        assert check_probe(scored, expected, TOLERANCE) < TOLERANCE


def test_weights_may_come_in_parts_and_a_bad_transfer_names_its_tensor(loaded):
    tensors, sums = export(random_weights(MODEL, seed=3))
    names = sorted(tensors)
    halves = [({n: tensors[n] for n in part}, {n: sums[n] for n in part}) for part in (names[:9], names[9:], [])]
    loaded.load_weights([put(half) for half in halves])
    expected = reference_logprobs(MODEL, tensors, PROBE)
    assert all(check_probe(scored, expected, TOLERANCE) < TOLERANCE for scored in loaded.score(PROBE))

    damaged = dict(tensors)
    name = "model.layers.1.mlp.up_proj.weight"
    damaged[name] = tensors[name].copy()
    damaged[name].view(np.uint8)[17, 5] ^= 1  # one bit
    with pytest.raises(RunError, match=f"engine [01]: .*'{name}' arrived with other bytes"):
        loaded.load_weights([put((damaged, sums))])
    del damaged[name]
    with pytest.raises(RunError, match=f"'{name}' did not arrive"):
        loaded.load_weights([put((damaged, sums))])
    # a refused transfer changes nothing
    assert all(check_probe(scored, expected, TOLERANCE) < TOLERANCE for scored in loaded.score(PROBE))


def kinds(weights):
    """One tensor of each kind: those outside the layers, and those of the last layer."""
    return [name for name in weights if "layers.0." not in name]


def damage(weights, name, share):
    """`weights` with noise added to one tensor, `share` times as large as the tensor's own spread."""
    array = weights[name]
    noise = np.random.default_rng(5).standard_normal(array.shape) * (array.std() * share)
    return {**weights, name: (array + noise).astype(np.float32)}


def damage_seen(engines, model, weights):
    """For each kind of tensor the probe difference after 1 % noise in that tensor inside the engines."""
    expected = reference_logprobs(model, weights, PROBE)
    seen = {}
    for name in kinds(weights):
        engines.load_weights([put(export(damage(weights, name, 0.01)))])
        seen[name] = float(np.abs(engines.score(PROBE)[0] - expected).max())
        with pytest.raises(RunError, match="does not compute with the trainer's weights"):
            check_probe(engines.score(PROBE)[0], expected, TOLERANCE)
    engines.load_weights([put(export(weights))])
    assert check_probe(engines.score(PROBE)[0], expected, TOLERANCE) < TOLERANCE
    return seen


def test_the_probe_notices_one_percent_of_noise_in_any_tensor(engines):
    seen = damage_seen(engines, MODEL, WEIGHTS)
    assert len(seen) == 14  # embedding, final norm, q k v with biases, o, gate, up, down, two norms


def test_the_probe_notices_noise_in_an_untied_head_too(cluster):
    weights = random_weights(UNTIED, seed=4)
    one = dataclasses.replace(CONFIG, engine=dataclasses.replace(CONFIG.engine, engines=1))
    untied = cluster.actor(
        "acereason.rollout.engine:Engine", UNTIED, one.engine, ROLLOUT, CONTEXT, "cpu", 0, name="untied engine"
    )
    untied.started.result(300, "the untied engine")
    engines = RolloutEngines.__new__(RolloutEngines)
    engines._engines, engines._config, engines._cluster = [untied], one, cluster
    seen = damage_seen(engines, UNTIED, weights)
    assert "lm_head.weight" in seen and len(seen) == 15
