"""The stages that find problems which say the same, and keep one of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.config.structured import to_plain
from data_pipeline.dedup.answers import same_answers
from data_pipeline.dedup.pairs import PAIR_COLUMNS, PairPass, SameAnswers
from data_pipeline.dedup.settings import DedupConfig
from data_pipeline.dedup.signals import SIGNALS, decide, signals_of
from data_pipeline.policy import Policy, policy_work
from data_pipeline.stages import Stage, StageRun
from data_pipeline.teacher.version import verifier_version

PAIRS = "pairs.parquet"
CODE = ("data_pipeline.dedup", "data_pipeline.decontamination.tokens", "data_pipeline.decontamination.token_ids",
        "data_pipeline.decontamination.spellings", "data_pipeline.steps.duplicates")  # fmt: skip
_OF_POLICY = ("label_conflicts",)


@dataclass(frozen=True)
class Comparison:
    """How it is told whether two problems have the same answer."""

    columns: tuple[str, ...]  # of the rows that `answers` needs
    answers: Callable[[pl.DataFrame], pl.Series]  # what stands for each row's answer, null where it has none
    same: Callable[[StageRun], SameAnswers]
    settings: Mapping[str, Any]  # what the outcome depends on
    shown: bool = True  # whether what stands for an answer tells a reader anything
    code: tuple[str, ...] = ()


def stated_answers(verifier: VerifierConfig) -> Comparison:
    """The comparison of mathematics: the verifiers judge one stated answer as a response to the other."""
    return Comparison(
        ("answer",), lambda rows: rows["answer"], lambda run: partial(same_answers, config=verifier),
        settings={"verifier": verifier_version(verifier)},
    )  # fmt: skip


def duplicate_stages(over: str, settings: DedupConfig, comparison: Comparison) -> list[Stage]:
    """The stages `duplicates` (signals, and the pairs that they come from) and `unique` (the policy)."""
    plain = {name: value for name, value in to_plain(settings).items() if name not in _OF_POLICY}
    found = Stage(
        "duplicates", partial(_work, settings=settings, comparison=comparison), over,
        settings={**plain, **comparison.settings}, code=(*CODE, *comparison.code),
    )  # fmt: skip
    policy = Policy(partial(decide, settings=settings), tuple(SIGNALS))
    kept = Stage(
        "unique", policy_work({"duplicates": policy}), over, ("duplicates",),
        settings={"label_conflicts": settings.label_conflicts}, kind="policy",
        code=("data_pipeline.dedup.signals", "data_pipeline.policy"),
    )  # fmt: skip
    return [found, kept]


def _work(run: StageRun, settings: DedupConfig, comparison: Comparison) -> None:
    reading = PairPass(settings, run.scratch("statements"))
    rows: list[pl.DataFrame] = []
    for batch in run.batches(("prompt", "source", *comparison.columns)):
        reading.add(batch.select("id", "prompt", answer=comparison.answers(batch)))
        rows.append(batch.select("id", pl.col("source").cast(pl.Categorical)))
    pairs = reading.finish(comparison.same(run))
    if not comparison.shown:
        pairs = pairs.with_columns(answer=pl.lit(None, pl.String), other_answer=pl.lit(None, pl.String))
    run.side(PAIRS, pairs, PAIR_COLUMNS)
    run.about["pairs"] = dict(sorted(pairs["relation"].value_counts().rows()))
    run.emit(signals_of(pl.concat(rows), pairs, settings))
