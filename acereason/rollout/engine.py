"""One vLLM engine: samples requests, takes weights, scores tokens. The only importer of vllm.

vLLM runs inside this process and is stepped by hand: all requests are added before the first step, so
what is sampled depends on the requests and their order alone, and each response leaves as it finishes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acereason.algorithms.checksums import tensor_checksum
from acereason.config.huggingface import hf_config
from acereason.config.schema import EngineLayout, ModelConfig, RolloutConfig
from acereason.errors import RunError
from acereason.rollout.environment import engine_environment
from acereason.rollout.prefill import tokens_a_pass
from acereason.rollout.requests import Completion, Request
from acereason.rollout.sync import check_checksums
from acereason.runtime.processes import importing


class Engine:
    """A vLLM engine with weights that come from the trainer alone."""

    def __init__(
        self,
        model: ModelConfig,
        layout: EngineLayout,
        rollout: RolloutConfig,
        context: int,
        device: str,
        seed: int,
        sleeps: bool = False,
        logprobs: bool = True,
    ) -> None:
        """Build the engine with arbitrary weights; `load_weights` must come before anything is sampled.

        context: most tokens of a prompt and its response together.
        logprobs: whether any request will want log-probabilities; those of sampling are worked out for every token of
            every request, so engines that never give any are faster.
        sleeps: `sleep` will be called; on a GPU its memory is then taken in a way that can be given back.
        """
        os.environ.update(engine_environment(layout, rollout, device))
        with importing():
            import torch
            from vllm import LLM

        self._torch = torch
        self._device = device
        self._context = max(context, rollout.probe_tokens + 1)  # scoring samples one token behind the probe
        with tempfile.TemporaryDirectory(prefix="acereason-model-") as folder:
            # Rotary embeddings are computed for any position, so a longer context needs no other weights.
            longest = max(model.max_position_embeddings, self._context)
            described = hf_config(model) | {"max_position_embeddings": longest}
            (Path(folder) / "config.json").write_text(json.dumps(described), encoding="utf-8")
            self._llm = LLM(
                folder,
                load_format="dummy",
                skip_tokenizer_init=True,
                dtype=model.dtype,
                max_model_len=self._context,
                max_num_seqs=layout.max_num_seqs,
                max_num_batched_tokens=tokens_a_pass(self._context, layout.max_num_seqs, device),
                tensor_parallel_size=layout.tensor_parallel,
                kv_cache_memory_bytes=int(layout.kv_cache_gib * 2**30),
                enforce_eager=rollout.enforce_eager,
                enable_prefix_caching=True,
                enable_chunked_prefill=device != "cpu",  # see `prefill.py`
                logprobs_mode="processed_logprobs" if logprobs else "raw_logprobs",
                disable_log_stats=True,
                enable_sleep_mode=sleeps and device != "cpu",
                seed=seed,
            )
        self._loaded = False

    def generate(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Sample `requests`; yields the completions of each engine step in which some finished.

        Raises RunError before weights were loaded, or for a request that does not fit the context.
        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._require_weights()
        self._llm.reset_prefix_cache()  # so that a used engine computes what a fresh one would
        engine = self._llm.llm_engine
        for request in requests:
            if len(request.prompt) + request.max_tokens > self._context:
                raise RunError(
                    f"request '{request.id}' has {len(request.prompt)} prompt tokens and may add "
                    f"{request.max_tokens}, more than the engine's context of {self._context}"
                )
        open_ids: dict[str, Request] = {}
        try:
            for index, request in enumerate(requests):
                key = str(index)
                engine.add_request(
                    key,
                    {"prompt_token_ids": request.prompt.tolist()},
                    SamplingParams(
                        temperature=request.temperature,
                        top_p=request.top_p,
                        seed=request.seed,
                        max_tokens=request.max_tokens,
                        stop_token_ids=[request.stop_token],
                        ignore_eos=True,
                        logprobs=0 if request.logprobs else None,
                        flat_logprobs=request.logprobs,
                        detokenize=False,
                        output_kind=RequestOutputKind.FINAL_ONLY,
                    ),
                )
                open_ids[key] = request
            while open_ids:
                finished = [
                    _completion(open_ids.pop(output.request_id), output.outputs[0])
                    for output in engine.step()
                    if output.finished
                ]
                if finished:
                    yield finished
        finally:
            if open_ids:  # the reader left early
                engine.abort_request(list(open_ids))

    def load_weights(self, exports: Sequence[tuple[Mapping[str, NDArray[Any]], Mapping[str, str]]]) -> None:
        """Replace all weights by the trainer's.

        exports: (Hugging Face tensors by name, checksum of each where it was made), one from each trainer rank.
        Raises RunError, naming the tensor, where one was lost or arrived changed; the old weights stay then.
        """
        torch = self._torch
        tensors = {name: array for chunk, _ in exports for name, array in chunk.items()}
        sent = {name: checksum for _, checksums in exports for name, checksum in checksums.items()}
        received = {name: tensor_checksum(name, array) for name, array in tensors.items()}
        check_checksums(sent, received)
        # Arrays from the object store are read-only, which torch cannot express: hence the copy.
        named = [(name, torch.from_numpy(np.array(array))) for name, array in tensors.items()]
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": iter(named)})
        if self._device == "cpu":
            self._llm.apply_model(_repack_tied_head)
        self._llm.reset_prefix_cache()
        self._loaded = True

    def sleep(self) -> None:
        """Free weights and KV cache; the weights are lost, `load_weights` brings them. On the CPU nothing is freed."""
        if self._device != "cpu":
            self._llm.sleep(level=2)
        self._loaded = False

    def wake(self, what: str) -> None:
        """Take memory again for `what`: `weights` or `kv_cache`."""
        if self._device != "cpu":
            self._llm.wake_up(tags=[what])

    def score(self, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """Log-probabilities [n - 1] of tokens[1:], each given all before it, at temperature 1."""
        from vllm import SamplingParams

        self._require_weights()
        self._llm.reset_prefix_cache()
        params = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        prompt = {"prompt_token_ids": [int(token) for token in tokens]}
        (output,) = self._llm.generate([prompt], params, use_tqdm=False)
        assert output.prompt_logprobs is not None
        pairs = zip(tokens[1:], output.prompt_logprobs[1:], strict=True)
        return np.array([entry[int(token)].logprob for token, entry in pairs if entry is not None], dtype=np.float32)

    def _require_weights(self) -> None:
        if not self._loaded:
            raise RunError("the engine has no weights yet: load_weights comes first")


def _repack_tied_head(model: Any) -> None:
    """On CPU vLLM computes logits with a packed copy of the head's weight; a reload forgets that of a tied head."""
    if model.config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
        model.lm_head.quant_method.process_weights_after_loading(model.lm_head)


def _completion(request: Request, output: Any) -> Completion:
    reason = output.finish_reason
    if reason not in ("stop", "length"):
        raise RunError(f"request '{request.id}' ended as '{reason}' in vLLM, expected 'stop' or 'length'")
    return Completion(
        id=request.id,
        tokens=np.asarray(output.token_ids, dtype=np.int32),
        logprobs=np.asarray(output.logprobs.logprobs if request.logprobs else [], dtype=np.float32),
        finish_reason=reason,
    )
