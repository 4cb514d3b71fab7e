"""The environment of an engine's process: read by vLLM and torch when they are imported."""

from __future__ import annotations

import os

from acereason.config.schema import EngineLayout, RolloutConfig


def engine_environment(layout: EngineLayout, rollout: RolloutConfig, device: str) -> dict[str, str]:
    """The variables of an engine with this layout, to be set before anything heavy is imported."""
    environment = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in the actor: no second process to start and to lose
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "WARNING"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if device == "cpu":
        environment["OMP_NUM_THREADS"] = str(layout.threads)
        if rollout.enforce_eager:
            # vLLM compiles one small function all the same, for 4 to 14 s at its first use and with no gain here.
            environment["TORCHDYNAMO_DISABLE"] = "1"
    return environment
