"""What is asked of a model: prompts, seeds and settings of every sample, and where its answer is looked for.

Requests are made by `acereason.evaluation.draws`, as those of training's held-out checks are. The samples of a protocol
are the released toolkit's in number and in base seeds, not in their tokens.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acereason.config.eval_schema import EvalRunConfig, ProtocolConfig
from acereason.config.schema import ModelConfig
from acereason.config.structured import to_plain
from acereason.errors import ConfigError, InputError
from acereason.evaluation.draws import Draws, numbers
from acereason.problems import Problem
from acereason.tokenizer import Tokenizer
from acereason.verifiers.code.extract import extract_program
from acereason.verifiers.math.extract import MAX_ANSWER_CHARS, extract_answer, last_box
from eval.benchmarks import Benchmark
from eval.programs import FENCED, program_anywhere

NO_TOKEN = -1  # in place of a stop token where a server knows its own
ANSWER_RULES = ("after_thinking", "last_box")

# Where the toolkit looks for an answer without a box, in its order; the last match counts.
_UNBOXED = (
    re.compile(r"\*\*([^*\n]{1,1000})\*\*"),
    re.compile(r"\\\[([^\[\]]{1,1000})\\\]"),
    re.compile(r"is \\\(([^()\n]{1,1000})\\\)"),
)


def seeds_of(protocol: ProtocolConfig, benchmark: str) -> tuple[int, ...]:
    """The base seeds for a benchmark."""
    return protocol.seeds_by_benchmark.get(benchmark, protocol.seeds)


def samples_of(config: EvalRunConfig) -> int:
    """k: samples of each problem of the configured benchmark. Raises `ConfigError` where nothing says how many."""
    stated = config.protocol.samples_by_benchmark.get(config.benchmark.name, config.protocol.samples)
    k = stated if config.samples is None else config.samples
    if k is None:
        raise ConfigError("samples=null: protocol.samples is null too; give samples=K, or run=RUN_DIR")
    return k


def draws_of(config: EvalRunConfig, stop_token: int) -> Draws:
    """How the samples of the configured benchmark are drawn. Raises `ConfigError` where a value is missing."""
    protocol = config.protocol
    if protocol.max_tokens is None:
        raise ConfigError("protocol.max_tokens=null: give the length of a response in tokens, or run=RUN_DIR")
    seeds = seeds_of(protocol, config.benchmark.name)
    return Draws(protocol.temperature, protocol.top_p, protocol.max_tokens, stop_token, seeds, protocol.gpus)


def prompt_style(config: EvalRunConfig) -> str:
    """How statements are dressed."""
    return config.protocol.prompt or config.model.prompt


def encoded(tokenizer: Tokenizer, style: str, benchmark: Benchmark) -> dict[str, NDArray[np.int32]]:
    """Problem id -> tokens of its prompt. Raises `InputError` for a character that the tokenizer does not know."""
    prompts = {}
    for problem in benchmark.problems:
        try:
            tokens = tokenizer.encode_prompt(problem.prompt, style, problem.domain, problem.starter_code)
        except InputError as error:
            raise InputError(f"benchmark={benchmark.name}: {problem.id!r}: {error}") from None
        prompts[problem.id] = np.array(tokens, dtype=np.int32)
    return prompts


def fingerprint(model: ModelConfig, seed: int) -> str:
    """16 hexadecimal digits for the weights: the bytes of their files, or the seed of random ones."""
    digest = hashlib.blake2b(digest_size=8)
    if model.path is None:
        digest.update(f"random weights of seed {seed}, standard deviation {model.init_std!r}".encode())
        return digest.hexdigest()
    for file in sorted(Path(model.path).glob("*.safetensors")):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()


def settings_of(
    config: EvalRunConfig, benchmark: Benchmark, weights: str, tokenizer: Tokenizer | None
) -> dict[str, Any]:
    """All that a sample depends on, apart from its problem and its number. Places of files are not part of it.

    tokenizer: None where an endpoint puts its own template around our messages.
    """
    style, draws = prompt_style(config), draws_of(config, NO_TOKEN if tokenizer is None else tokenizer.stop_token)
    ours: dict[str, Any] = {}
    if tokenizer is not None:
        probe = tokenizer.encode_prompt("1 + 1", style, "math")  # tells templates and vocabularies apart
        ours["prompt_tokens"] = hashlib.sha256(json.dumps([probe, tokenizer.stop_token]).encode()).hexdigest()[:16]
    if config.engine.kind == "vllm":
        ours["model"] = {key: value for key, value in to_plain(config.model).items() if key not in _NO_PART}
        ours["device"] = config.cluster.device
    else:
        ours["api"] = config.engine.api
    return {
        "weights": weights,
        **ours,
        "benchmark": {"name": benchmark.name, "content_hash": benchmark.content_hash},
        "prompt": style,
        "temperature": draws.temperature,
        "top_p": draws.top_p,
        "max_tokens": draws.max_tokens,
        "seeds": list(draws.seeds),
        "gpus": draws.gpus,
    }


_NO_PART = ("name", "path", "tokenizer", "revision", "prompt", "max_position_embeddings", "init_std")


def hash_of(settings: dict[str, Any]) -> str:
    """16 hexadecimal digits that stand for settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Key:
    """Names one sample: of a benchmark's problem, by its number."""

    benchmark: str
    problem: str
    sample: int

    @property
    def request_id(self) -> str:
        return f"{self.benchmark}/{self.problem}/{self.sample}"


def keys_of(benchmark: Benchmark, k: int, greedy: bool = False) -> list[Key]:
    """All samples of a benchmark, one pass over its problems after the other."""
    ids = [problem.id for problem in benchmark.problems]
    return [Key(benchmark.name, problem, sample) for problem, sample in numbers(ids, k, greedy)]


def answer_in(rule: str, problem: Problem, text: str, truncated: bool, form: str = FENCED) -> str | None:
    """The answer or program that a rule finds in a response; None where it finds none.

    `after_thinking`: as in training, after the last `</think>` of a response that ended. `last_box`: as in the
    released toolkit, the last box anywhere, also in a response that was cut; without a box the last bold, displayed or
    `is \\(...\\)` expression; of code, the last fenced program anywhere. form: what a code response is that has no
    fence, or is Python as a whole (`eval.programs`).
    """
    if rule == "after_thinking" and truncated:
        return None
    if problem.domain == "code":
        return extract_program(text) if rule == "after_thinking" else program_anywhere(text, problem.starter_code, form)
    if rule == "after_thinking":
        return extract_answer(text)
    boxed = last_box(text)
    if boxed is None:
        boxed = next((found[-1] for found in (p.findall(text) for p in _UNBOXED) if found), None)
    return (boxed or "").strip() or None


def shown(problem: Problem, answer: str | None) -> str | None:
    """An answer as results keep it: cut where it is long, and no programs, which stand in the sample's text."""
    return None if answer is None or problem.domain == "code" else answer[:MAX_ANSWER_CHARS]
