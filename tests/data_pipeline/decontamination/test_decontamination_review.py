"""Problems that are kept and yet worth reading: the band below the threshold, and whole short items."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from data_pipeline.decontamination.policies import SIGNALS, review
from data_pipeline.policy import REVIEW_COLUMNS
from tests.data_pipeline.decontamination.test_decontamination_real import math_settings

ROWS = [  # score, short
    ("far", 0.149, None), ("edge", 0.15, None), ("near", 0.29, None), ("gone", 0.3, None), ("short", 0.0, "b/7"),
    ("both", 0.2, "b/7"), ("nothing", 0.0, None),
]  # fmt: skip


def table() -> pl.DataFrame:
    """One row for each of `ROWS`, with the columns of the signals."""
    empty = {"decontamination_exact": False, "decontamination_items": 1}
    rows = [
        {**dict.fromkeys(SIGNALS), **empty, "id": name, "source": "s", "source_row": number,
         "decontamination_benchmark": "a", "decontamination_item": "1", "decontamination_score": score,
         "decontamination_short_benchmark": short and "my bench", "decontamination_short": short}
        for number, (name, score, short) in enumerate(ROWS, start=1)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"id": pl.String, "source": pl.String, "source_row": pl.Int64, **SIGNALS})


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        ({}, ["edge", "near", "short", "both"]),
        ({"short": "drop"}, ["edge", "near"]),  # the others go
        ({"review": 0.3}, ["short", "both"]),
        ({"review": 0.0}, ["far", "edge", "near", "short", "both"]),  # what shares nothing is no matter
        ({"policy": "exact"}, ["edge", "near", "gone", "short", "both"]),
    ],
)
def test_what_is_listed(change: dict[str, object], listed: list[str]) -> None:
    found = review(table(), replace(math_settings(), **change))
    assert dict(found.schema) == REVIEW_COLUMNS
    assert found["id"].to_list() == listed


def test_each_row_names_the_item_that_it_is_about() -> None:
    found = {row["id"]: row for row in review(table(), math_settings()).iter_rows(named=True)}
    shown = {name: (row["why"], row["score"], row["benchmark"], row["item"]) for name, row in found.items()}
    assert shown["near"] == ("review_coverage", 0.29, "a", "1")
    assert shown["both"] == ("review_coverage", 0.2, "a", "1")
    assert shown["short"] == ("review_short", 0.0, "my bench", "b/7")
