"""Samples from an OpenAI-compatible endpoint: what is missing is asked for, what fails is counted and never judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from acereason.config.eval_schema import SourceConfig
from acereason.endpoint.client import Endpoint, Outcome, Question, api_key, ask
from acereason.endpoint.reply import ANSWER
from acereason.evaluation.draws import request_of
from acereason.problems import Problem
from acereason.prompts import SYSTEM, dress
from eval.protocol import Key, prompt_style
from eval.samples import Sample
from eval.task import Task

CHARACTERS_A_TOKEN = 3.0  # for the rate, of prompts that the server cuts into tokens
_NOT_CUT = np.array([], dtype=np.int32)
EMPTY = "empty"  # the model ended at once: a response, though one without an answer


@dataclass
class Failures:
    """Samples for which there is no response: by benchmark, by kind, and what was said of the first of each kind."""

    by_benchmark: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, benchmark: str, kind: str, detail: str | None) -> None:
        self.by_benchmark[benchmark] += 1
        self.kinds[kind] += 1
        self.first.setdefault(kind, detail or "")

    def __str__(self) -> str:
        return "; ".join(f"{count} x {kind} ({self.first[kind]})" for kind, count in self.kinds.most_common())


def endpoint_of(config: SourceConfig) -> Endpoint:
    """The server of `engine`. Raises `ConfigError` where its key is not in the environment."""
    assert config.url is not None and config.model is not None, "checked before"
    return Endpoint(
        url=config.url,
        model=config.model,
        keys="engine.",
        api=config.api,
        answers_as=config.answers_as,
        key=api_key(config.api_key_env, "engine.api_key_env"),
        concurrency=config.concurrency,
        requests_per_minute=config.requests_per_minute,
        request_s=config.request_s,
        retries=config.retries,
        backoff_s=config.backoff_s,
        stop_after=config.stop_after,
    )


def plain_url(url: str) -> str:
    """An endpoint's address as it is kept beside samples: without the name, password or query that it may hold."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def from_endpoint(
    tasks: Sequence[Task],
    missing: Mapping[str, Sequence[Key]],
    endpoint: Endpoint,
    keep: Callable[[Key, Sample], None],
) -> Failures:
    """Asks for what is missing (benchmark -> samples); `keep` is told each response as it comes.

    Raises `RunError` where the server refuses us as such, or fails too often in a row; what came is kept.
    """
    failures = Failures()
    by_name = {task.benchmark.name: task for task in tasks}
    url = plain_url(endpoint.url)

    def arrived(outcome: Outcome) -> None:
        key, seed = outcome.question.key
        reply = outcome.reply
        if reply.outcome not in (ANSWER, EMPTY) or reply.finish_reason is None:
            failures.add(key.benchmark, reply.outcome, reply.detail)
            return
        settings = by_name[key.benchmark].settings_hash
        row = (key.benchmark, key.problem, key.sample, seed, reply.finish_reason, reply.tokens, reply.text or "")
        keep(key, Sample(settings, *row, url))

    ask(questions(tasks, missing, endpoint), endpoint, arrived)
    return failures


def questions(tasks: Sequence[Task], missing: Mapping[str, Sequence[Key]], endpoint: Endpoint) -> Iterator[Question]:
    """One request for each missing sample, with the seeds, temperatures and lengths that our own engines are given."""
    for task in tasks:
        problems = task.problems
        for key in missing[task.benchmark.name]:
            tokens = task.prompts.get(key.problem, _NOT_CUT)
            request = request_of(key.request_id, key.problem, key.sample, tokens, task.draws)
            prompt = {"messages": _messages(task, problems[key.problem])}
            if endpoint.api == "completions":
                prompt = {"prompt": tokens.tolist()}
            body = {
                "model": endpoint.model,
                **prompt,
                "temperature": request.temperature,
                "top_p": request.top_p,
                "max_tokens": request.max_tokens,
                "seed": request.seed,
                "stream": False,
            }
            guess = len(str(prompt)) / CHARACTERS_A_TOKEN
            yield Question((key, request.seed), body, float(len(tokens)) or guess, request.max_tokens)


def _messages(task: Task, problem: Problem) -> list[dict[str, str]]:
    """Messages around which the server puts its own template."""
    style = prompt_style(task.config)
    system = SYSTEM.get(style)
    head = [] if system is None else [{"role": "system", "content": system}]
    return [*head, {"role": "user", "content": dress(problem.prompt, style, problem.domain, problem.starter_code)}]
