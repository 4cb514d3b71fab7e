"""Clusters of duplicates, the signals that tell which problem belongs to which, and the policy that keeps one each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from data_pipeline.dedup.pairs import SameAnswers, near_pairs
from data_pipeline.dedup.settings import DedupConfig

SIGNALS: dict[str, pl.DataType] = {
    "dedup_kept": pl.String(),  # id of the problem that is kept of the cluster; its own where there is no other
    "dedup_cluster": pl.Int32(),  # problems in the cluster, 1 where it is alone
    "dedup_exact": pl.Boolean(),  # has the same tokens and answer as some other problem of the cluster
    "dedup_variants": pl.Int32(),  # problems near to it with another answer or other numbers
    "dedup_conflicts": pl.Int32(),  # problems with the same statement and another answer
}


def signals_of(rows: pl.DataFrame, pairs: pl.DataFrame, settings: DedupConfig) -> pl.DataFrame:
    """`id` and `SIGNALS`, one row for each of `rows` (columns `id`, `source`), in order. `pairs`: of `near_pairs`."""
    places = rows.select("id", row=pl.int_range(pl.len(), dtype=pl.Int64))
    joined = (
        pairs.lazy().filter(pl.col("relation").is_in(["exact", "near"])).select("id", "other")
        .join(places.lazy(), "id").join(places.lazy(), left_on="other", right_on="id", suffix="_other")
        .select("row", "row_other").collect()
    )  # fmt: skip
    cluster = np.array(clusters(len(rows), joined.iter_rows()), np.int64)
    rank = {source: number for number, source in enumerate(settings.prefer)}
    preference = rows["source"].replace_strict(rank, default=len(rank), return_dtype=pl.Int64).to_numpy()
    order = np.lexsort([preference, cluster])  # the sort is stable, so the first row comes first
    best = order[np.concatenate([[True], cluster[order[1:]] != cluster[order[:-1]]])] if len(rows) else order
    kept = np.zeros(len(rows), np.int64)
    kept[cluster[best]] = best
    signs = pl.DataFrame(
        {
            "id": rows["id"],
            "dedup_kept": rows["id"].gather(kept[cluster]),
            "dedup_cluster": np.bincount(cluster, minlength=len(rows))[cluster],
        }
    )
    for name, relation in (("exact", "exact"), ("variants", "variant"), ("conflicts", "label_conflict")):
        of = pairs.filter(pl.col("relation") == relation)
        counted = pl.concat([of["id"], of["other"].alias("id")]).value_counts(name=f"dedup_{name}")
        signs = signs.join(counted, "id", how="left", maintain_order="left")
    return signs.select(
        "id",
        "dedup_kept",
        pl.col("dedup_cluster").cast(SIGNALS["dedup_cluster"]),
        pl.col("dedup_exact").is_not_null(),
        *(pl.col(name).fill_null(0).cast(SIGNALS[name]) for name in ("dedup_variants", "dedup_conflicts")),
    )


def signals(rows: pl.DataFrame, settings: DedupConfig, same_answers: SameAnswers) -> pl.DataFrame:
    """`id` and `SIGNALS` of `rows` (columns `id`, `prompt`, `answer`, `source`), in order."""
    return signals_of(rows, near_pairs(rows, settings, same_answers), settings)


def decide(table: pl.DataFrame, settings: DedupConfig) -> pl.Series:
    """`duplicate_exact`, `duplicate_near` or, with `label_conflicts: drop`, `label_conflict`; null where it is kept.

    `table` has `id` and the columns of `SIGNALS`. With `drop` all problems of a conflict go: none is known to be right.
    """
    gone = pl.col("dedup_kept") != pl.col("id")
    name = pl.when("dedup_exact").then(pl.lit("duplicate_exact")).otherwise(pl.lit("duplicate_near"))
    reason = pl.when(gone).then(name)
    if settings.label_conflicts == "drop":
        conflict = pl.when(pl.col("dedup_conflicts") > 0).then(pl.lit("label_conflict"))
        return table.select(reason=pl.coalesce(reason, conflict))["reason"]
    return table.select(reason=reason)["reason"]


def clusters(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The smallest member of each member's cluster; `edges` join members 0 to `count` - 1."""
    root = list(range(count))

    def of(member: int) -> int:
        while root[member] != member:
            root[member] = root[root[member]]
            member = root[member]
        return member

    for one, other in edges:
        first, second = sorted((of(one), of(other)))
        root[second] = first
    return [of(member) for member in range(count)]
