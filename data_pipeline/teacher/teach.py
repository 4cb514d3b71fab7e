"""Asks a teacher for every attempt that a ledger does not hold yet."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from acereason.errors import ConfigError, InputError, RunError
from acereason.interrupt import Interrupt
from acereason.verifiers.progress import Progress
from data_pipeline.teacher import client
from data_pipeline.teacher.asking import Ask, Known, asks_of, digest, missing, own_asks, settings_of
from data_pipeline.teacher.ledger import Damage, Ledger, Writer
from data_pipeline.teacher.preview import Preview, Spent, check_budget, preview
from data_pipeline.teacher.records import ANSWER, Record
from data_pipeline.teacher.schema import TeacherConfig

Keep = Callable[[Record], None]
Asker = Callable[[Sequence[Ask], Keep, Callable[[], bool]], None]
"""Asks all, hands over every outcome as it comes, and stops soon after the last argument has turned true."""


@dataclass
class Taught:
    """What a call of `teach` found and did."""

    settings: str
    asks: int
    known: Known
    outcomes: Counter[str] = field(default_factory=Counter)  # of the requests of this call
    missing: int = 0  # attempts that have no answer at the end
    cost: float = 0.0  # of all records of these settings
    predicted: Preview | None = None
    damage: Damage = field(default_factory=Damage)
    interrupted: bool = False
    asks_again: bool = True  # False: a replay, which asks nobody

    def __str__(self) -> str:
        failed = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()) if name != ANSWER)
        said = [f"{self.asks} attempts: {self.known.answered} were answered before, {self.outcomes[ANSWER]} now"]
        said += [f"failed now: {failed}"] if failed else []
        said += [f"{self.known.given_up} given up (teacher.endpoint.give_up_after)"] if self.known.given_up else []
        said += [f"{self.known.reworded} were answered for another wording"] if self.known.reworded else []
        again = "the same command asks again" if self.asks_again else "nobody is asked: teacher.kind=replay"
        said += [f"{self.missing} without an answer; {again}"] if self.missing else []
        return "; ".join(said) + (f"\n{self.damage}" if str(self.damage) else "")


def teach(rows: pl.DataFrame, config: TeacherConfig, shards: Iterable[int] | None = None) -> Taught:
    """Brings the ledger to an answer for every attempt at every problem, as far as the teacher gives them.

    rows: the columns `id`, `domain`, `prompt`, `starter_code`. `shards`: only problems that lie in these; default all.

    Raises `InputError` where a replay's ledger is not there or another process writes to it, `ConfigError` where the
    budget is too small, `RunError` where the endpoint cannot be used or the budget is used up.
    """
    if config.kind == "replay":
        return _replay(rows, config)
    with teacher_of(config) as (described, asker):
        settings = digest(described)
        ledger = Ledger.create(Path(config.ledger), config.shards)
        own = sorted(set(range(ledger.shards) if shards is None else shards))
        with ledger.writer(own) as writer:
            ledger.describe(settings, described)
            asks = list(own_asks(asks_of(rows, config, settings), ledger, own))
            taught = Teaching(config, asks, writer, settings).run(asker)
            taught.damage.torn |= writer.damage.torn
    return taught


@contextmanager
def teacher_of(config: TeacherConfig) -> Iterator[tuple[dict[str, Any], Asker]]:
    """What the teacher's answers are kept under, and the function that asks it. Raises `ConfigError`, `InputError`."""
    if config.kind == "engine":
        from data_pipeline.teacher.engine import described, engines, located

        model, tokenizer = located(config)
        with engines(config, model, tokenizer) as asker:
            yield settings_of(config, described(model, tokenizer, config.sampling.seed)), asker
    elif config.kind == "endpoint" and config.endpoint is not None:
        client.api_key(config.endpoint)  # before anything is opened
        yield settings_of(config, {"name": config.endpoint.model}), partial(_ask_endpoint, config)
    else:
        raise ConfigError(f"teacher.kind={config.kind}: teacher.{config.kind} is not given, so nobody can be asked")


def _ask_endpoint(config: TeacherConfig, asks: Sequence[Ask], keep: Keep, stop: Callable[[], bool]) -> None:
    client.ask(asks, config, keep, stop)


def replayed_settings(ledger: Ledger, wanted: str | None) -> str:
    """The settings hash whose answers a replay reads. Raises `InputError` where that is not clear."""
    known = sorted(ledger.described())
    if wanted is None and len(known) != 1:
        raise InputError(
            f"{ledger.folder}: holds answers under {len(known)} settings ({', '.join(known) or 'none'}); name one: "
            "teacher.settings=HASH"
        )
    if wanted is not None and wanted not in known:
        raise InputError(f"{ledger.folder}: teacher.settings={wanted}: it holds {', '.join(known) or 'none'}")
    return wanted or known[0]


def _replay(rows: pl.DataFrame, config: TeacherConfig) -> Taught:
    ledger = Ledger(Path(config.ledger))
    settings = replayed_settings(ledger, config.settings)
    taught = Taught(settings, 0, Known(), asks_again=False)
    for part in ledger.by_shard(rows):  # so that no more than one shard's attempts are held
        asks = asks_of(part, config, settings)
        left, known = missing(asks, ledger, no_limit(), taught.damage)
        taught.asks += len(asks)
        taught.missing += len(left)
        taught.known = taught.known.plus(known)
    return taught


class Teaching:
    """One call: the pilot, its prediction, then the rest."""

    def __init__(self, config: TeacherConfig, asks: list[Ask], writer: Writer, settings: str) -> None:
        self._config, self._writer = config, writer
        self._spent = Spent()
        damage, ledger = Damage(), writer.ledger
        for shard in writer.shards:
            self._spent.add_all(record for record in ledger.records(shard) if record.settings == settings)
        give_up_after = config.endpoint.give_up_after if config.endpoint is not None else no_limit()
        self._left, known = missing(asks, ledger, give_up_after, damage)
        self._taught = Taught(settings, len(asks), known, damage=damage)

    def run(self, asker: Asker, pilot_only: bool = False) -> Taught:
        """Raises `ConfigError` where the pilot shows that the budget is too small, `RunError` where it is used up."""
        taught, config = self._taught, self._config
        with ExitStack() as stack:
            main = threading.current_thread() is threading.main_thread()
            interrupt = stack.enter_context(Interrupt()) if main else None
            progress = stack.enter_context(Progress("answered", len(self._left)))

            def keep(record: Record) -> None:
                self._writer.add(record)  # first of all
                self._spent.add(record)
                taught.outcomes[record.outcome] += 1
                progress.advance()

            def stop() -> bool:
                self._writer.sync_due()
                return self._over_budget() or (interrupt is not None and interrupt.requested)

            pilot, rest = _split(self._left, config.pilot)
            started = time.monotonic()
            if pilot:
                asker(pilot, keep, stop)
            if rest and config.pilot and not stop():
                self._predict(len(rest), time.monotonic() - started)
            if rest and not pilot_only and not stop():
                asker(rest, keep, stop)
            taught.interrupted = interrupt is not None and interrupt.requested
        taught.missing = taught.asks - taught.known.answered - taught.outcomes[ANSWER]
        taught.cost = self._spent.cost(config.endpoint)
        if self._over_budget() and taught.missing:
            raise RunError(f"teacher.budget={config.budget:g} is used up ({taught.cost:.2f} spent): {taught}")
        return taught

    def _predict(self, left: int, pilot_s: float) -> None:
        config, taught = self._config, self._taught
        if config.endpoint is not None:  # right where the pilot had as many requests under way
            each_s = self._spent.seconds_mean / min(config.endpoint.concurrency * config.tasks, left)
        else:
            each_s = pilot_s / max(1, taught.outcomes[ANSWER]) / config.tasks
        taught.predicted = preview(self._spent, left, config.endpoint, each_s)
        if taught.predicted is not None:
            print(taught.predicted, flush=True)
            check_budget(taught.predicted, config.budget)

    def _over_budget(self) -> bool:
        budget = self._config.budget
        return budget is not None and self._spent.cost(self._config.endpoint) > budget


def _split(asks: Sequence[Ask], problems: int) -> tuple[list[Ask], list[Ask]]:
    """The asks of `problems` problems, chosen by a hash so that they stand for all, and the others."""
    names = sorted({ask.problem for ask in asks}, key=lambda name: blake2b(name.encode("utf-8", "replace")).digest())
    chosen = set(names[:problems])
    return [ask for ask in asks if ask.problem in chosen], [ask for ask in asks if ask.problem not in chosen]


def no_limit() -> int:
    """For a teacher whose failures cost nothing."""
    return 1 << 62
