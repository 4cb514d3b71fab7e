"""The parts of the report with texts beside each other: benchmark items, duplicates, answers that disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from acereason.tracking.charts import percent
from acereason.tracking.markup import escape
from data_pipeline.decontamination.policies import what_each_policy_drops
from data_pipeline.decontamination.reading import marked, side_by_side
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.report.marking import marked as mark
from data_pipeline.report.tables import table
from data_pipeline.report.view import SetView, StageView
from data_pipeline.stages import DECISIONS, TABLE
from data_pipeline.steps.duplicates import PAIRS as PAIRS_FILE
from data_pipeline.steps.leaks import FREQUENT, ITEMS
from data_pipeline.tables import read_batches, read_table

PAIRS = 60


def decontamination(view: SetView, settings: Any) -> str:
    """What was compared, what each policy would drop, and the closest pairs side by side."""
    stage = view.stage("decontamination")
    if stage is None or settings is None:
        return "<p>Nothing was compared with benchmarks.</p>"
    benchmarks = stage.manifest.about.get("benchmarks", [])
    compared = table(
        ["benchmark", "version", "items", "shorter than n"],
        [[row["benchmark"], row["content_hash"], row["items"], row["short"]] for row in benchmarks],
        left=2,
    )
    signals = read_table(stage.folder / TABLE)
    dropped = what_each_policy_drops(signals, settings)
    rows = [
        [row["policy"] + (" (chosen)" if row["policy"] == settings.policy else ""), row["dropped"], row["only"]]
        for row in dropped.iter_rows(named=True)
    ]
    return (
        f"<p>{signals.height:,} problems beside {sum(row['items'] for row in benchmarks):,} benchmark items, by "
        f"{settings.n}-grams.</p>{compared}"
        "<p>What each policy would drop, and what no other of them would:</p>"
        + table(["policy", "problems", "no other would"], rows)
        + _pairs(view, stage, signals, settings)
        + _frequent(stage)
    )


def _frequent(stage: StageView) -> str:
    """The n-grams of benchmark items that stand in the most problems: phrases that tell nothing."""
    if not stage.holds(FREQUENT):
        return ""
    rows = [
        [row["ngram"], row["problems"], row["items"], "left out" if row["boilerplate"] else ""]
        for row in read_table(stage.folder / FREQUENT).iter_rows(named=True)
    ]
    return (
        "<p>Phrases of benchmark items that stand in the most problems; those that are left out tell no item apart.</p>"
        + table(["phrase", "problems", "items", ""], rows)
        if rows
        else ""
    )


def _pairs(view: SetView, stage: StageView, signals: pl.DataFrame, settings: DecontaminationConfig) -> str:
    """The most alike pairs, dropped or kept, most alike first."""
    gone = _dropped_by(view, "decontamination")
    best = signals.filter(pl.col("decontamination_score") > 0).sort(
        ["decontamination_score", "decontamination_coverage", "id"], descending=[True, True, False]
    )
    chosen = pl.concat(
        [
            best.filter(pl.col("id").is_in(list(gone))).head(PAIRS),
            best.filter(~pl.col("id").is_in(list(gone))).head(PAIRS // 2),
        ]
    )
    if not chosen.height:
        return "<p>No problem shares a telling n-gram with an item.</p>"
    prompts = texts(view, chosen["id"].to_list())
    items = {
        (row["benchmark"], row["item"]): row["text"] for row in read_table(stage.folder / ITEMS).iter_rows(named=True)
    }
    drawn = []
    for row in chosen.iter_rows(named=True):
        item = items.get((row["decontamination_benchmark"], row["decontamination_item"]), "")
        score = percent(row["decontamination_score"])
        drawn.append(
            pair(
                "dropped" if row["id"] in gone else "kept", score,
                (f"{prompts[row['id']][1]} · {row['id']}", prompts[row["id"]][0]),
                (f"{row['decontamination_benchmark']} · {row['decontamination_item']}", item),
                f"coverage {percent(row['decontamination_coverage'])}, "
                f"longest run {row['decontamination_longest_run']} tokens",
                tuple(marked(side) for side in side_by_side(prompts[row["id"]][0], item, settings)),
            )
        )  # fmt: skip
    return (
        f"<p>The {len(drawn)} pairs that are most alike: what was dropped, then what was kept. The figure is the share "
        "of the item's telling n-grams; what both have is underlined.</p>" + "".join(drawn)
    )


def _dropped_by(view: SetView, policy: str) -> set[str]:
    for stage in view.of_kind("policy"):
        if stage.holds(DECISIONS):
            table_ = read_table(stage.folder / DECISIONS)
            if policy in table_.columns:
                return set(table_.filter(pl.col(policy).is_not_null())["id"].to_list())
    return set()


def pair(
    state: str, figure: str, first: tuple[str, str], second: tuple[str, str], meta: str, sides: Sequence[str]
) -> str:
    """Two named texts side by side, folded; `sides` are the texts as markup."""
    line = next((part for part in first[1].splitlines() if part.strip()), "")
    return (
        f'<details><summary><span class="chip {escape(state)}">{escape(state)} {escape(figure)}</span>'
        f'<span class="first">{escape(line[:140])}</span><span class="meta">{escape(second[0])}</span></summary>'
        f'<div class="sample"><p class="note">{escape(meta)}</p><div class="sides">'
        f'<div><p class="note">{escape(first[0])}</p><pre>{sides[0]}</pre></div>'
        f'<div><p class="note">{escape(second[0])}</p><pre>{sides[1]}</pre></div>'
        "</div></div></details>"
    )


def texts(view: SetView, ids: Sequence[str]) -> dict[str, tuple[str, str, str | None]]:
    """id -> (statement, source, answer) as they came in."""
    found: dict[str, tuple[str, str, str | None]] = {}
    wanted = list(ids)
    for batch in read_batches(view.source.folder / TABLE, ["id", "prompt", "source", "answer"]):
        for row in batch.filter(pl.col("id").is_in(wanted)).iter_rows(named=True):
            found[row["id"]] = (row["prompt"], row["source"], row["answer"])
    return found


def conflicts(view: SetView) -> str:
    """Problems on whose answer most attempts agree, and it is not the stated one."""
    stage = view.stage("teacher")
    if stage is None or "vote_agrees" not in stage.columns():
        return ""
    names = ["id", "vote_attempts", "vote_majority", "vote_share", "vote_agrees", "vote_solved"]
    found = read_table(stage.folder / TABLE, names).filter(
        ~pl.col("vote_agrees") & (pl.col("vote_share") > 0.5) & pl.col("vote_majority").is_not_null()
    )
    if not found.height:
        return "<p>On no problem does the majority of attempts agree on another answer than the stated one.</p>"
    shown = found.sort(["vote_share", "id"], descending=[True, False]).head(PAIRS)
    known = texts(view, shown["id"].to_list())
    drawn = "".join(
        row_details(
            "conflict", f"{row['vote_share']:.0%}", known[row["id"]][0], f"{known[row['id']][1]} · {row['id']}",
            {"stated answer": known[row["id"]][2], "answer of the majority": row["vote_majority"],
             "attempts": row["vote_attempts"], "right by the stated answer": row["vote_solved"]},
        )
        for row in shown.iter_rows(named=True)
    )  # fmt: skip
    return (
        f"<p>On {found.height:,} problems more than half of the attempts agree on an answer that the verifier does not "
        f"take for the stated one; {shown.height} of them:</p>{drawn}"
    )


def row_details(
    chip: str, figure: str, prompt: str, meta: str, facts: Mapping[str, Any], style: str = "dropped"
) -> str:
    """A problem, folded, with facts below its statement."""
    line = next((part for part in prompt.splitlines() if part.strip()), "")
    said = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    return (
        f'<details><summary><span class="chip {style}">{escape(chip)} {escape(figure)}</span>'
        f'<span class="first">{escape(line[:140])}</span><span class="meta">{escape(meta)}</span></summary>'
        f'<div class="sample"><pre>{escape(prompt)}</pre><table class="pairs"><tbody>{said}</tbody></table></div>'
        "</details>"
    )


def duplicates(view: SetView, code: bool = False) -> str:
    """Problems that say the same: how many, and those whose stated answers disagree."""
    stage = view.stage("duplicates")
    if stage is None:
        return ""
    pairs = read_table(stage.folder / PAIRS_FILE)
    counts = dict(pairs["relation"].value_counts().rows())
    rows = [[said, counts.get(name, 0)] for name, said in (RELATIONS_OF_CODE if code else RELATIONS).items()]
    shown = pl.concat(
        [
            pairs.filter(pl.col("relation") == name)
            .sort(["similarity", "id"], descending=[True, False])
            .head(PAIRS // 3)
            for name in ("label_conflict", "near", "variant")
        ]
    )
    known = texts(view, [*shown["id"].to_list(), *shown["other"].to_list()])
    drawn = "".join(
        pair(
            row["relation"].replace("_", " "), f"{row['similarity']:.0%}",
            (_named(known, row["id"], row["answer"]), known[row["id"]][0]),
            (_named(known, row["other"], row["other_answer"]), known[row["other"]][0]),
            "", (mark(known[row["id"]][0], known[row["other"]][0]), mark(known[row["other"]][0], known[row["id"]][0])),
        )
        for row in shown.iter_rows(named=True)
    )  # fmt: skip
    return table(["pairs", ""], rows) + (f"<p>{shown.height} of the pairs:</p>{drawn}" if shown.height else "")


def _named(known: Mapping[str, tuple[str, str, str | None]], name: str, answer: str | None) -> str:
    return f"{known[name][1]} · {name}" + ("" if answer is None else f" · answer {answer}")


RELATIONS = {
    "exact": "the same statement, the same answer: one is kept",
    "near": "nearly the same statement with the same numbers, the same answer: one is kept",
    "label_conflict": "the same statement, another answer",
    "variant": "nearly the same statement, other numbers or another answer: both are kept",
    "unverified": "nearly the same, and the verifiers could not compare the answers: both are kept",
}
RELATIONS_OF_CODE = {
    "exact": "the same statement, and each one's reference passes the other one's tests: one is kept",
    "near": "nearly the same statement, and each one's reference passes the other one's tests: one is kept",
    "label_conflict": "the same statement, but a reference fails on the other one's tests",
    "variant": "nearly the same statement, but a reference fails on the other one's tests: both are kept",
    "unverified": "nearly the same, and a reference fails on tests of its own: both are kept",
}
