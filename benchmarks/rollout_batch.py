"""One rollout batch of the tiny recipe: our engines beside plain `LLM.generate`, in one run.

    .venv/bin/python benchmarks/rollout_batch.py [repeats]

Both sample the same 128 responses (16 prompts x 8, a seed each, at most 96 tokens, no stop) from equal random weights.
The peer is one vLLM engine in this process on one thread, called as its documentation does; ours are the laptop's two
engines, through Ray, streaming each response. Prints seconds (median) and the ratio.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
os.environ |= {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "TORCHDYNAMO_DISABLE": "1"}

import numpy as np

from acereason.config.compose import compose_train
from acereason.megatron.client import Trainer
from acereason.rollout.client import RolloutEngines
from acereason.rollout.requests import Request
from acereason.runtime.cluster import Cluster

TOKENS = 96


def main(repeats: int) -> None:
    config = compose_train([])
    rng = np.random.default_rng(0)
    prompts = [rng.integers(5, 101, 30).astype(np.int32) for _ in range(16)]
    requests = [
        Request(f"{i}/{k}", prompt, 1000 * i + k, TOKENS, 1.0, 1.0, 111)  # 111 is padding: as good as never sampled
        for i, prompt in enumerate(prompts)
        for k in range(8)
    ]
    with tempfile.TemporaryDirectory() as folder, Cluster(config.cluster, Path(folder)) as cluster:
        stage = config.curriculum.stages["math_1"]
        trainer = Trainer(cluster, config.model, config.cluster, stage.optimizer, seed=1)
        engines = RolloutEngines(cluster, config.model, config.cluster, config.rollout, 256, seed=1)
        engines.wait_started()
        trainer.wait_started()
        trainer.init_random(1)
        engines.load_weights(trainer.export_calls())
        hf = Path(folder) / "hf"
        hf.mkdir()
        trainer.save_hf(hf)
        ours = [_timed(lambda: sum(len(c.tokens) for c in engines.generate(requests))) for _ in range(repeats + 1)]

        from vllm import LLM, SamplingParams

        llm = LLM(str(hf), dtype="float32", max_model_len=256, max_num_seqs=128, enforce_eager=True, seed=0,
                  skip_tokenizer_init=True, disable_log_stats=True, enable_chunked_prefill=False,
                  logprobs_mode="processed_logprobs")  # fmt: skip
        asked = [{"prompt_token_ids": r.prompt.tolist()} for r in requests]
        params = [
            SamplingParams(
                temperature=1.0, seed=r.seed, max_tokens=TOKENS, ignore_eos=True, logprobs=0, detokenize=False
            )
            for r in requests
        ]

        def plain() -> int:
            return sum(len(o.outputs[0].token_ids) for o in llm.generate(asked, params, use_tqdm=False))

        theirs = [_timed(plain) for _ in range(repeats + 1)]
    mine, peer = (statistics.median(seconds for seconds, _ in runs[1:]) for runs in (ours, theirs))
    print(
        f"{len(requests)} responses, {ours[-1][1]} tokens: acereason {mine:.3f} s, LLM.generate {peer:.3f} s, "
        f"ratio {peer / mine:.2f}"
    )


def _timed(work) -> tuple[float, int]:
    start = time.perf_counter()
    tokens = work()
    return time.perf_counter() - start, tokens


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
