"""Statements as the report shows them: a line of each, one with its facts, two beside each other, long lists folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from acereason.tracking.markup import escape
from data_pipeline.report.view import SetView
from data_pipeline.stages import TABLE
from data_pipeline.tables import read_batches

SHOWN = 10  # entries of a list that stand open
_LINE = 140


def line(text: str) -> str:
    """The beginning of a text, in one line."""
    whole = " ".join(text.split())
    return whole if len(whole) <= _LINE else whole[: _LINE - 1] + "…"


def tidy(answer: str | None) -> str | None:
    """An answer out of a box, without what is none of it: spaces, dollar signs, the full stop of its sentence."""
    if answer is None:
        return None
    whole = " ".join(answer.split()).strip("$ ")
    return whole[:-1] if whole.endswith(".") and not whole.endswith("..") else whole


def many(count: int, word: str) -> str:
    """`1 problem`, `2,000 problems`."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def folded(drawn: Sequence[str], shown: int = SHOWN) -> str:
    """A list of which the first entries stand open and the others behind one line."""
    if len(drawn) <= shown + 2:  # two more take no more room than the line that would hide them
        return "".join(drawn)
    return (
        "".join(drawn[:shown])
        + f'<details class="fold"><summary>{len(drawn) - shown} more</summary>{"".join(drawn[shown:])}</details>'
    )


def texts(view: SetView, ids: Sequence[str]) -> dict[str, tuple[str, str, str | None]]:
    """id -> (statement, source, answer) as they came in."""
    found: dict[str, tuple[str, str, str | None]] = {}
    wanted = list(ids)
    for batch in read_batches(view.source.folder / TABLE, ["id", "prompt", "source", "answer"]):
        for row in batch.filter(pl.col("id").is_in(wanted)).iter_rows(named=True):
            found[row["id"]] = (row["prompt"], row["source"], row["answer"])
    return found


def facts_table(facts: Mapping[str, Any]) -> str:
    """Names and values, without those that are null."""
    said = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    return f'<table class="pairs"><tbody>{said}</tbody></table>' if said else ""


def entry(chip: str, style: str, prompt: str, meta: str, facts: Mapping[str, Any]) -> str:
    """A problem, folded, with facts below its statement."""
    return (
        f'<details><summary><span class="chip {escape(style)}">{escape(chip)}</span>'
        f'<span class="first">{escape(line(prompt))}</span><span class="meta">{escape(meta)}</span></summary>'
        f'<div class="sample"><pre>{escape(prompt)}</pre>{facts_table(facts)}</div></details>'
    )


def pair(
    chip: str, style: str, heads: tuple[str, str], first: str, meta: str, note: str, sides: Sequence[str]
) -> str:  # fmt: skip
    """Two texts side by side, folded: `heads` stand above them, `first` begins the line, `sides` are markup."""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<details><summary><span class="chip {escape(style)}">{escape(chip)}</span>'
        f'<span class="first">{escape(line(first))}</span><span class="meta">{escape(meta)}</span></summary>'
        f'<div class="sample">{said}<div class="sides">'
        f'<div><p class="note">{escape(heads[0])}</p><pre>{sides[0]}</pre></div>'
        f'<div><p class="note">{escape(heads[1])}</p><pre>{sides[1]}</pre></div>'
        "</div></div></details>"
    )
