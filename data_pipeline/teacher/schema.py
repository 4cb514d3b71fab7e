"""The settings of a teacher. Values without a source are our choice (docs/teacher.md).

Frozen dataclasses in the manner of `acereason.config.schema`; `data_pipeline` gathers them into the groups of `conf/`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from acereason.config.hub_id import is_hub_id
from acereason.config.schema import (
    LARGEST_SEED,
    ClusterConfig,
    LauncherConfig,
    ModelConfig,
    RolloutConfig,
    among,
    within,
)

TINY = "tiny"  # the built-in tokenizer


@dataclass(frozen=True)
class SamplingConfig:
    """How a teacher is sampled; part of what an answer is kept under."""

    temperature: Annotated[float, within(0.0)]
    top_p: Annotated[float, within(above=0.0, high=1.0)]
    max_tokens: Annotated[int, within(1)]  # of a response, its thinking included
    seed: Annotated[
        int, within(0, LARGEST_SEED)
    ]  # every attempt has its own seed from this one, its problem and number


@dataclass(frozen=True)
class EndpointConfig:
    """An OpenAI-compatible chat endpoint. Nothing here is part of what an answer is kept under, but for `model`."""

    url: str  # up to and including /v1
    model: str
    answers_as: tuple[str, ...] = ()  # other names under which the endpoint gives the same model
    api_key_env: str | None = None  # environment variable that holds the key; null: none is sent
    concurrency: Annotated[int, within(1, 100_000)] = 32  # requests under way
    requests_per_minute: Annotated[float | None, within(above=0.0)] = None
    tokens_per_minute: Annotated[float | None, within(above=0.0)] = None  # of prompts and responses together
    connect_s: Annotated[float, within(above=0.0)] = 30.0
    request_s: Annotated[float, within(above=0.0)] = 3600.0  # from sending to the last byte of the answer
    retries: Annotated[int, within(0, 1000)] = 6  # of one request at once, where another try may help
    backoff_s: Annotated[float, within(above=0.0)] = 2.0  # before the first retry; doubled for each further one
    backoff_max_s: Annotated[float, within(above=0.0)] = 120.0  # also of what a Retry-After header may ask for
    max_body_mb: Annotated[float, within(above=0.0)] = 32.0
    stop_after: Annotated[int, within(1)] = 32  # requests that fail one after another before asking stops
    give_up_after: Annotated[int, within(1)] = 3  # calls in which the model itself gave no answer, for one attempt
    send_seed: bool = True
    token_limit_key: Annotated[str, among("max_tokens", "max_completion_tokens")] = "max_tokens"
    price_in: Annotated[float, within(0.0)] = 0.0  # for a million prompt tokens
    price_out: Annotated[float, within(0.0)] = 0.0  # for a million response tokens


@dataclass(frozen=True)
class TeacherConfig:
    """Who is asked, how often, and where the answers are kept."""

    name: str | None  # under which `difficulty` records this teacher, e.g. deepseek-r1; null (replay): as in the ledger
    kind: Annotated[str, among("endpoint", "engine", "replay")]
    ledger: str  # folder
    attempts: Annotated[int, within(1, 4096)]
    prompt: Annotated[str, among("bare", "r1", "qwen")]  # instructions around the statement
    sampling: SamplingConfig
    thinking: Annotated[str, among("required", "optional")] = "required"  # optional: a text without </think> is judged
    shards: Annotated[int, within(1, 65536)] = 16  # files of a new ledger; one that exists keeps its number
    settings: str | None = None  # replay: hash of the settings to read; null: the only ones that the ledger has
    pilot: Annotated[int, within(0)] = 16  # problems asked first, to predict what the rest will take; 0: none
    budget: Annotated[float | None, within(0.0)] = None  # in the currency of the prices; null: no limit
    max_missing_share: Annotated[float, within(0.0, 1.0)] = 0.0  # attempts that may stay unanswered
    endpoint: EndpointConfig | None = None
    model: ModelConfig | None = None  # engine: what vLLM samples
    cluster: ClusterConfig | None = None  # engine: where its engines lie; Ray at cluster.ray_address, or our own
    rollout: RolloutConfig | None = None  # engine
    block: Annotated[int, within(1)] = 4096  # engine: requests that are handed to the engines together
    tasks: Annotated[int, within(1, 65536)] = 1  # jobs that share the ledger's shards
    launcher: LauncherConfig | None = None  # how the tasks are started; null: one, in this process

    def at(self, where: Path) -> TeacherConfig:
        """With absolute paths, seen from `where`."""

        def absolute(path: str) -> str:
            return str((where / Path(path).expanduser()).resolve())

        model = self.model
        if model is not None:
            path = model.path if model.path is None or is_hub_id(model.path, where) else absolute(model.path)
            named = model.tokenizer == TINY or is_hub_id(model.tokenizer, where)
            model = replace(model, path=path, tokenizer=model.tokenizer if named else absolute(model.tokenizer))
        return replace(self, ledger=absolute(self.ledger), model=model)
