"""The stages that find problems which say the same, and keep one of each."""

from __future__ import annotations

from functools import partial

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.config.structured import to_plain
from data_pipeline.dedup.answers import same_answers
from data_pipeline.dedup.pairs import PAIR_COLUMNS, PairPass
from data_pipeline.dedup.settings import DedupConfig
from data_pipeline.dedup.signals import decide, signals_of
from data_pipeline.stages import Stage, StageRun, policy_work
from data_pipeline.teacher.version import verifier_version

PAIRS = "pairs.parquet"
CODE = ("data_pipeline.dedup", "data_pipeline.decontamination.tokens", "data_pipeline.decontamination.token_ids",
        "data_pipeline.decontamination.spellings", "data_pipeline.steps.duplicates")  # fmt: skip
_OF_POLICY = ("label_conflicts",)


def duplicate_stages(over: str, settings: DedupConfig, verifier: VerifierConfig) -> list[Stage]:
    """The stages `duplicates` (signals, and the pairs that they come from) and `unique` (the policy)."""
    plain = {name: value for name, value in to_plain(settings).items() if name not in _OF_POLICY}
    found = Stage(
        "duplicates", partial(_work, settings=settings, verifier=verifier), over,
        settings={**plain, "verifier": verifier_version(verifier)}, code=CODE,
    )  # fmt: skip
    kept = Stage(
        "unique", policy_work({"duplicates": partial(decide, settings=settings)}), over, ("duplicates",),
        settings={"label_conflicts": settings.label_conflicts}, code=("data_pipeline.dedup.signals",), kind="policy",
    )  # fmt: skip
    return [found, kept]


def _work(run: StageRun, settings: DedupConfig, verifier: VerifierConfig) -> None:
    reading = PairPass(settings, run.scratch("statements"))
    rows: list[pl.DataFrame] = []
    for batch in run.batches(("prompt", "answer", "source")):
        reading.add(batch)
        rows.append(batch.select("id", pl.col("source").cast(pl.Categorical)))
    pairs = reading.finish(partial(same_answers, config=verifier))
    run.side(PAIRS, pairs, PAIR_COLUMNS)
    run.about["pairs"] = dict(sorted(pairs["relation"].value_counts().rows()))
    run.emit(signals_of(pl.concat(rows), pairs, settings))
