"""What is asked: the text of a prompt, the seed of an attempt, the hash of the settings, and what is still missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import polars as pl

from acereason.errors import InputError
from acereason.prompts import SYSTEM, dress
from acereason.seeds import derive_seed
from data_pipeline.teacher.ledger import Damage, Ledger
from data_pipeline.teacher.records import ANSWER, PAID, Record, key_of
from data_pipeline.teacher.schema import TeacherConfig

_PROBES = (("math", None), ("code", None), ("code", "def f(n):"))


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: an attempt at a problem."""

    problem: str
    attempt: int
    settings: str
    seed: int
    domain: str
    statement: str
    starter_code: str | None
    prompt: str  # digest of the dressed statement

    @property
    def key(self) -> str:
        return key_of(self.problem, self.attempt, self.settings)


def message_of(ask: Ask, style: str) -> str:
    """The user's message."""
    return dress(ask.statement, style, ask.domain, ask.starter_code)


def settings_of(config: TeacherConfig, model: dict[str, Any]) -> dict[str, Any]:
    """All that an answer depends on apart from its problem and number, as plain values; `model` says which one."""
    wording = [[SYSTEM.get(config.prompt), dress("1 + 1", config.prompt, *probe)] for probe in _PROBES]
    return {
        "model": model,
        "prompt": {"style": config.prompt, "wording": digest(wording)},
        "sampling": asdict(config.sampling),
    }


def digest(value: Any) -> str:
    """16 hexadecimal digits that stand for plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def prompt_digest(style: str, domain: str, statement: str, starter_code: str | None) -> str:
    """Tells wordings of a prompt apart."""
    return digest([style, dress(statement, style, domain, starter_code)])


def asks_of(rows: pl.DataFrame, config: TeacherConfig, settings: str) -> list[Ask]:
    """All attempts at all problems, first attempts first. Raises `InputError` where an id occurs twice.

    rows: the columns `id`, `domain`, `prompt` and `starter_code`.
    """
    problems = list(rows.select("id", "domain", "prompt", "starter_code").iter_rows())
    if len({row[0] for row in problems}) < len(problems):
        raise InputError("two problems have the same id; take duplicates out before a teacher is asked")
    prompts = [prompt_digest(config.prompt, *row[1:]) for row in problems]
    return [
        Ask(
            problem=name,
            attempt=attempt,
            settings=settings,
            seed=derive_seed(config.sampling.seed, "teacher", name, attempt),
            domain=domain,
            statement=statement,
            starter_code=starter,
            prompt=prompt,
        )
        for attempt in range(config.attempts)
        for (name, domain, statement, starter), prompt in zip(problems, prompts, strict=True)
    ]


@dataclass
class Known:
    """What a ledger already holds of the asks."""

    answered: int = 0
    failed: int = 0  # not answered, but with a failure on record
    given_up: int = 0  # not asked again: see `give_up_after`
    reworded: int = 0  # answered for another wording of the statement; asked again
    tokens: int = 0  # of the answers
    prompt_tokens: int = 0

    def plus(self, other: Known) -> Known:
        """Both together."""
        return Known(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def missing(
    asks: Sequence[Ask], ledger: Ledger, give_up_after: int, damage: Damage | None = None
) -> tuple[list[Ask], Known]:
    """The asks without an answer, in their order, and what is known of the others. Reads one shard at a time."""
    by_shard: dict[int, list[int]] = {}
    for index, ask in enumerate(asks):
        by_shard.setdefault(ledger.shard_of(ask.problem), []).append(index)
    left, known = [], Known()
    for shard, places in by_shard.items():
        state = _states(ledger.records(shard, damage), {asks[index].key: asks[index].prompt for index in places})
        left += [index for index in places if _still_open(state.get(asks[index].key), known, give_up_after)]
    return [asks[index] for index in sorted(left)], known


@dataclass
class _State:
    answer: tuple[int, int] | None = None  # response tokens, prompt tokens
    reworded: bool = False
    failures: int = 0
    paid: int = 0


def _states(records: Iterable[Record], prompts: Mapping[str, str]) -> dict[str, _State]:
    found: dict[str, _State] = {}
    for record in records:
        key = record.key
        if key not in prompts:
            continue
        state = found.setdefault(key, _State())
        if record.outcome != ANSWER:
            state.failures += 1
            state.paid += record.outcome in PAID
        elif record.prompt is None or record.prompt == prompts[key]:
            state.answer = (record.tokens or 0, record.prompt_tokens or 0)
        else:
            state.reworded = True
    return found


def _still_open(state: _State | None, known: Known, give_up_after: int) -> bool:
    if state is None:
        return True
    if state.answer is not None:
        known.answered += 1
        known.tokens += state.answer[0]
        known.prompt_tokens += state.answer[1]
        return False
    if state.paid >= give_up_after:
        known.given_up += 1
        return False
    known.failed += state.failures > 0
    known.reworded += state.reworded
    return True


def own_asks(asks: Iterable[Ask], ledger: Ledger, shards: Iterable[int]) -> Iterator[Ask]:
    """Those whose problems lie in these shards."""
    mine = set(shards)
    return (ask for ask in asks if ledger.shard_of(ask.problem) in mine)
