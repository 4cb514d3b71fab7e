"""Signals of a problem out of its evidence, and the policies that read them. Signals say all; policies choose.

| policy | drops a problem that |
|---|---|
| `any` | shares one n-gram with a benchmark item: the paper's rule, as it is written |
| `rare` | shares one n-gram that at most `rare` problems have |
| `coverage` | has `coverage` of the telling n-grams of an item, and `fewest` of them (or all) |
| `exact` | has the same tokens as an item |
| `none` | never |

Every policy but `none` also drops what `exact` drops. An item of fewer than n tokens has one n-gram, itself: a problem
that holds it is listed, and dropped with `short: drop` or where both are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from data_pipeline.decontamination.items import PROSE
from data_pipeline.decontamination.settings import POLICIES, DecontaminationConfig

SIGNALS: dict[str, pl.DataType] = {
    "decontamination_benchmark": pl.String(),  # of the item most like the problem; null: shares nothing
    "decontamination_item": pl.String(),
    "decontamination_score": pl.Float64(),  # share of the item's telling n-grams that are found, 0 below `fewest`
    "decontamination_coverage": pl.Float64(),  # share of all its n-grams
    "decontamination_problem_coverage": pl.Float64(),
    "decontamination_longest_run": pl.Int32(),  # tokens
    "decontamination_exact": pl.Boolean(),
    "decontamination_items": pl.Int32(),  # items of n tokens or more with which an n-gram is shared
    "decontamination_rarest": pl.Int32(),  # problems that have the rarest n-gram that is shared with any of them
    "decontamination_short_benchmark": pl.String(),  # of the next
    "decontamination_short": pl.String(),  # an item of fewer than n tokens that stands whole in the problem
}
SETTINGS = ("policy", "coverage", "review", "rare", "short")  # that policies read; the signals do not depend on them
_OF_BEST = ("benchmark", "item", "score", "coverage", "problem_coverage", "longest_run", "exact")


def with_score(evidence: pl.DataFrame, settings: DecontaminationConfig) -> pl.DataFrame:
    """The evidence and `score`: what policy `coverage` goes by. Items of fewer than n tokens have none."""
    enough = pl.col("distinct") >= pl.min_horizontal(pl.lit(settings.fewest), pl.col("item_distinct"))
    told = enough & (pl.col("distinct") > 0) & ~pl.col("short")
    return evidence.with_columns(score=pl.when(told).then(pl.col("distinct_coverage")).otherwise(0.0))


def summarised(ids: pl.Series, evidence: pl.DataFrame, settings: DecontaminationConfig) -> pl.DataFrame:
    """`id` and `SIGNALS`, one row for each of `ids`, in order."""
    scored = with_score(evidence, settings)
    by = ["exact", "score", "coverage", "shared"]
    best = scored.filter(~pl.col("short") | pl.col("exact")).sort(by, descending=True, maintain_order=True)
    best = best.unique("id", keep="first", maintain_order=True).select("id", *_OF_BEST)
    whole = scored.filter("short").group_by("id", maintain_order=True)
    counted = scored.filter(~pl.col("short")).group_by("id", maintain_order=True)
    names = pl.struct("benchmark", pl.col("item").str.strip_suffix(PROSE))  # an item and its words are one
    table = (
        pl.DataFrame({"id": ids})
        .join(best, "id", how="left", maintain_order="left")
        .join(
            counted.agg(items=names.n_unique(), rarest=pl.col("rarest").min()), "id", how="left",
            maintain_order="left",
        )
        .join(
            whole.agg(short_benchmark=pl.col("benchmark").first(), short=pl.col("item").first()),
            "id", how="left", maintain_order="left",
        )
    )  # fmt: skip
    columns = [pl.col(name.removeprefix("decontamination_")).cast(kind).alias(name) for name, kind in SIGNALS.items()]
    empty = {"score": 0.0, "coverage": 0.0, "problem_coverage": 0.0, "longest_run": 0, "exact": False, "items": 0}
    return table.with_columns(pl.col(name).fill_null(value) for name, value in empty.items()).select("id", *columns)


def decide(table: pl.DataFrame, settings: DecontaminationConfig) -> pl.Series:
    """The reason why each problem is dropped, null where it is kept: `leak_exact`, `leak_coverage`, `leak_ngram`,
    `leak_rare_ngram` or `leak_short`. `table` has the columns of `SIGNALS`.
    """
    column = pl.col
    rules = {
        "any": ("leak_ngram", column("decontamination_items") > 0),
        "rare": ("leak_rare_ngram", column("decontamination_rarest").fill_null(settings.rare + 1) <= settings.rare),
        "coverage": ("leak_coverage", column("decontamination_score") >= settings.coverage),
    }
    reason = pl.lit(None, dtype=pl.String)
    if settings.policy != "none":
        if settings.short == "drop":
            reason = pl.when(column("decontamination_short").is_not_null()).then(pl.lit("leak_short")).otherwise(reason)
        if settings.policy in rules:
            name, rule = rules[settings.policy]
            reason = pl.when(rule).then(pl.lit(name)).otherwise(reason)
        reason = pl.when(column("decontamination_exact")).then(pl.lit("leak_exact")).otherwise(reason)
    return table.select(reason.alias("reason"))["reason"]


def review(table: pl.DataFrame, settings: DecontaminationConfig) -> pl.DataFrame:
    """The problems that are kept and yet worth reading, with `policy.REVIEW_COLUMNS`.

    `why` is `review_coverage` from `review` on, below what is dropped, else `review_short` where the problem holds a
    whole item of fewer than n tokens, which has no score. `table` has the columns of `SIGNALS`, `source` and
    `source_row`.
    """
    column = pl.col
    score = column("decontamination_score")
    band = (score >= settings.review) & (score > 0)
    listed = table.filter((band | column("decontamination_short").is_not_null()) & decide(table, settings).is_null())
    return listed.select(
        "id",
        "source",
        "source_row",
        why=pl.when(band).then(pl.lit("review_coverage")).otherwise(pl.lit("review_short")),
        score=pl.when(band).then(score).otherwise(0.0),
        benchmark=pl.when(band).then("decontamination_benchmark").otherwise("decontamination_short_benchmark"),
        item=pl.when(band).then("decontamination_item").otherwise("decontamination_short"),
    )


def what_each_policy_drops(
    table: pl.DataFrame, settings: DecontaminationConfig, policies: Sequence[str] = POLICIES
) -> pl.DataFrame:
    """Columns `policy`, `dropped`, `only` (dropped by no other of them) and `ids`, one row a policy."""
    dropped = {
        policy: table.filter(decide(table, replace(settings, policy=policy)).is_not_null())["id"].to_list()
        for policy in policies
    }
    rows = []
    for policy, ids in dropped.items():
        others = {name for other, listed in dropped.items() if other != policy for name in listed}
        rows.append({"policy": policy, "dropped": len(ids), "only": len(set(ids) - others), "ids": ids})
    return pl.DataFrame(
        rows, schema={"policy": pl.String, "dropped": pl.Int64, "only": pl.Int64, "ids": pl.List(pl.String)}
    )
