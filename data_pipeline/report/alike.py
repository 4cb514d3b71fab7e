"""The part of the report on problems that say the same: how many, and which of each pair was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from acereason.tracking.charts import percent
from acereason.tracking.markup import escape
from data_pipeline.report.marking import marked
from data_pipeline.report.tables import table
from data_pipeline.report.texts import folded, many, pair, texts
from data_pipeline.report.view import SetView, drops_of
from data_pipeline.stages import TABLE
from data_pipeline.steps.duplicates import PAIRS as PAIRS_FILE
from data_pipeline.tables import read_table

PAIRS = 20  # of each relation
OPEN = 5  # of them that stand open

RELATIONS = {
    "exact": "the same statement, the same answer: one is kept",
    "near": "nearly the same statement with the same numbers, the same answer: one is kept",
    "label_conflict": "the same statement, another answer",
    "variant": "nearly the same statement, other numbers or another answer: both are kept",
    "unverified": "nearly the same, and the verifiers could not compare the answers: both are kept",
}
RELATIONS_OF_CODE = {
    "exact": "the same statement, and each one's reference passes the other one's tests: one is kept",
    "near": "nearly the same statement with the same numbers, and references pass each other's tests: one is kept",
    "label_conflict": "the same statement, but a reference fails on the other one's tests",
    "variant": "nearly the same, but other numbers, or a reference fails on the other one's tests: both are kept",
    "unverified": "nearly the same, and a reference fails on tests of its own: both are kept",
}
_SHOWN = ("label_conflict", "near", "variant", "unverified", "exact")  # what is worth reading first


def duplicates(view: SetView) -> str:
    """The pairs by relation, and some of each side by side."""
    stage = view.stage("duplicates")
    if stage is None:
        return ""
    pairs = read_table(stage.folder / PAIRS_FILE)
    counts = dict(pairs["relation"].value_counts().rows())
    words = RELATIONS_OF_CODE if view.code else RELATIONS
    rows = [[name, said, counts.get(name, 0)] for name, said in words.items()]
    shown = {
        name: pairs.filter(pl.col("relation") == name)
        .sort(["similarity", "id", "other"], descending=[True, False, False])
        .head(PAIRS)
        for name in _SHOWN
    }
    ids = [name for part in shown.values() for column in ("id", "other") for name in part[column]]
    known, fate = texts(view, ids), _fates(view, ids)
    drawn = []
    for name, part in shown.items():
        if part.height:
            count = counts[name]
            of = (f"{part.height} of " if part.height < count else "") + many(count, "pair")
            drawn.append(
                f"<h3>{escape(name)}: {of}</h3>"
                + folded([_drawn(row, known, fate) for row in part.iter_rows(named=True)], OPEN)
            )
    marks = "<p>What both have, five words or more in a row, is marked.</p>" if drawn else ""
    return table(["relation", "what it is", "pairs"], rows, left=2, prose=(1,)) + marks + "".join(drawn)


def _fates(view: SetView, ids: list[str]) -> dict[str, str]:
    """id -> kept, or by which stage and for which other problem it was dropped."""
    stage, unique = view.stage("duplicates"), view.stage("unique")
    assert stage is not None
    kept = read_table(stage.folder / TABLE, ["id", "dedup_kept"]).filter(pl.col("id").is_in(ids))
    instead = dict(kept.iter_rows())
    found = dict.fromkeys(ids, "kept here")
    for row in drops_of(unique) if unique is not None else ():
        if row["id"] in found:
            other = instead[row["id"]]
            found[row["id"]] = f"dropped, {row['reason']}" + (f", {other} is kept" if other != row["id"] else "")
    return found


def _drawn(row: Mapping[str, Any], known: Mapping[str, tuple[str, str, str | None]], fate: Mapping[str, str]) -> str:
    one, other = str(row["id"]), str(row["other"])
    heads = tuple(
        f"{known[name][1]} · {name}" + ("" if answer is None else f" · answer {answer}") + f" · {fate[name]}"
        for name, answer in ((one, row["answer"]), (other, row["other_answer"]))
    )
    gone = [name for name in (one, other) if fate[name].startswith("dropped")]
    texts_ = known[one][0], known[other][0]
    return pair(
        f"{str(row['relation']).replace('_', ' ')} {percent(row['similarity'])}", "dropped" if gone else "kept",
        (heads[0], heads[1]), texts_[0], f"dropped: {', '.join(gone)}" if gone else "both kept here", "",
        (marked(*texts_), marked(*texts_[::-1])),
    )  # fmt: skip
