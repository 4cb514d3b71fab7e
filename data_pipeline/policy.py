"""The work of a policy stage: policies read columns and decide, and whatever they decided can be read afterwards.

`drops.jsonl` has every dropped row with its reason, its statement and answer, and under `why` the columns that the
policy decided by. `decisions.parquet` has what each policy said of each row, `review.parquet` the rows that stay and
are worth reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from acereason.errors import RunError
from data_pipeline.stages import DECISIONS, REVIEW, StageRun

Decide = Callable[[pl.DataFrame], pl.Series]
Change = Callable[[pl.DataFrame], pl.DataFrame]

REVIEW_COLUMNS: dict[str, Any] = {
    "id": pl.String,
    "source": pl.String,
    "source_row": pl.Int64,
    "why": pl.String,
    "score": pl.Float64,
    "benchmark": pl.String,
    "item": pl.String,
}
_POINTERS = ("id", "source", "source_row")
_SHOWN = ("prompt", "answer")


@dataclass(frozen=True)
class Policy:
    """`decide` says for each row why it goes, or null.

    `columns` are what it decides by; those that hold something stand beside each row that it drops. `of_reason` names
    them for one reason alone, instead of `columns`.
    """

    decide: Decide
    columns: tuple[str, ...] = ()
    of_reason: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def explains(self, reason: str) -> tuple[str, ...]:
        """The columns that tell why a row went for this reason."""
        return self.of_reason.get(reason, self.columns)

    def reads(self) -> set[str]:
        """All columns that explain any of its reasons."""
        return {*self.columns, *(name for names in self.of_reason.values() for name in names)}


def policy_work(
    policies: Mapping[str, Policy], kept: Change = lambda rows: rows, review: Change | None = None
) -> Callable[[StageRun], None]:
    """The work of a policy stage. The first policy that drops a row gives the reason `policy:why`.

    `kept` is done to the rows that stay. `review` picks those of them that are to be read, with `REVIEW_COLUMNS`; how
    many there are is the stage's figure `review`.
    """

    def work(run: StageRun) -> None:
        listed = 0
        if review is not None:
            run.side(REVIEW, pl.DataFrame(schema=REVIEW_COLUMNS), REVIEW_COLUMNS)
        for batch in run.batches():
            said = [_said(run, name, policy, batch) for name, policy in policies.items()]
            decisions = pl.DataFrame([batch.get_column("id"), *said])
            run.side(DECISIONS, decisions)
            first = decisions.select(pl.coalesce(pl.lit(f"{name}:") + pl.col(name) for name in policies)).to_series()
            reasons = first.drop_nulls().to_list()
            gone = batch.filter(first.is_not_null())
            run.drop_all(gone.select(_POINTERS), reasons, _explained(gone, reasons, policies))
            stays = batch.filter(first.is_null())
            if review is not None:
                found = review(stays)
                listed += found.height
                run.side(REVIEW, found)
            run.emit(kept(stays))
        if review is not None:
            run.about["review"] = listed

    return work


def _said(run: StageRun, name: str, policy: Policy, batch: pl.DataFrame) -> pl.Series:
    found = policy.decide(batch)
    if found.len() != batch.height:
        raise RunError(f"{run.stage.name}: policy {name} decided on {found.len()} of {batch.height} rows")
    return found.cast(pl.String).alias(name)


def _explained(gone: pl.DataFrame, reasons: list[str], policies: Mapping[str, Policy]) -> list[dict[str, Any]]:
    """What stands beside each dropped row: statement, answer, and `why` it went."""
    wanted = {*_SHOWN, *(name for policy in policies.values() for name in policy.reads())}
    found = []
    for row, said in zip(gone.select(sorted(wanted)).iter_rows(named=True), reasons, strict=True):
        policy, _, reason = said.partition(":")
        why = {name: row[name] for name in policies[policy].explains(reason) if row[name] is not None}
        found.append({**{name: row[name] for name in _SHOWN}, "why": why})
    return found
