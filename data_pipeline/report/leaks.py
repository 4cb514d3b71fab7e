"""The part of the report on benchmarks: what was compared, what each policy would drop, the closest pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from acereason.tracking.charts import percent
from acereason.tracking.markup import escape
from data_pipeline.decontamination.policies import what_each_policy_drops
from data_pipeline.decontamination.reading import marked, side_by_side
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.report import words
from data_pipeline.report.tables import table
from data_pipeline.report.texts import folded, pair, texts
from data_pipeline.report.view import SetView, StageView
from data_pipeline.stages import REVIEW, TABLE
from data_pipeline.steps.leaks import FREQUENT, ITEMS
from data_pipeline.tables import read_table

PAIRS = 60
PHRASES = 20
_STYLES = {
    "latex": "one spelling for what LaTeX and Unicode write in several, no brackets, no typesetting",
    "code": "as `latex`, and names stay whole",
    "plain": "small letters, cut at white space",
}


def decontamination(view: SetView, settings: Any) -> str:
    """What was compared, what each policy would drop, and the closest pairs side by side."""
    stage = view.stage("decontamination")
    if stage is None or settings is None:
        return "<p>Nothing was compared with benchmarks.</p>"
    benchmarks = stage.manifest.about.get("benchmarks", [])
    compared = table(
        ["benchmark", "version", "items", f"shorter than {settings.n} tokens"],
        [[row["benchmark"], row["content_hash"], row["items"], row["short"]] for row in benchmarks],
        left=2,
    )
    signals = read_table(stage.folder / TABLE)
    review = _review(view)
    return (
        f"<p>{signals.height:,} problems beside {sum(row['items'] for row in benchmarks):,} benchmark items, by "
        f"{settings.n}-grams.</p>{compared}<h3>What each policy would drop</h3>{_tokens(settings)}"
        + _policies(signals, settings, review)
        + _pairs(view, stage, signals, settings, review)
        + _frequent(stage, settings)
    )


def _tokens(settings: DecontaminationConfig) -> str:
    """What an n-gram is made of, without which the figures of `any` cannot be set beside anybody else's."""
    blind = ", and a single letter is like any other (`letters_blind`)" if settings.letters_blind else ""
    common = (
        f"<code>any</code> therefore counts other {settings.n}-grams than a filter that cuts at white space."
        if settings.style != "plain" or settings.letters_blind
        else ""
    )
    said = f"Statements are cut into tokens by `style={settings.style}`: {_STYLES[settings.style]}{blind}."
    return f"<p>{_code(said)} {common}</p>"


def _code(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _review(view: SetView) -> pl.DataFrame | None:
    """The problems that are kept and are to be read; None where no stage lists any."""
    for stage in view.of_kind("policy"):
        if stage.holds(REVIEW):
            return read_table(stage.folder / REVIEW)
    return None


def _policies(signals: pl.DataFrame, settings: DecontaminationConfig, review: pl.DataFrame | None) -> str:
    """Every policy beside the chosen one: an overlap tells more than a count."""
    dropped = {
        row["policy"]: set(row["ids"]) for row in what_each_policy_drops(signals, settings).iter_rows(named=True)
    }
    chosen = dropped[settings.policy]
    rows: list[list[object]] = []
    for name, ids in dropped.items():
        mine = name == settings.policy
        rule = words.POLICIES[name].format(
            n=settings.n, coverage=settings.coverage, fewest=settings.fewest, rare=settings.rare
        )
        beside = ["–", "–", "–"] if mine else [len(ids & chosen), len(ids - chosen), len(chosen - ids)]
        rows.append([name + (" (chosen)" if mine else ""), rule, len(ids), *beside])
    if review is not None:
        said = f"kept, to be read: {settings.review:g} or more of an item's n-grams, or a whole short item"
        rows.append(["review", said, review.height, "–", "–", "–"])
    head = ["policy", "what it drops", "problems", f"{settings.policy} drops too", f"{settings.policy} keeps",
            f"not dropped, {settings.policy} drops"]  # fmt: skip
    return table(head, rows, prose=(1,))


def _frequent(stage: StageView, settings: DecontaminationConfig) -> str:
    """The n-grams of benchmark items that stand in the most problems: phrases that tell nothing."""
    if not stage.holds(FREQUENT):
        return ""
    found = read_table(stage.folder / FREQUENT).head(PHRASES)
    if not found.height:
        return ""
    rows = [
        [row["ngram"], row["problems"], row["items"], "no, boilerplate" if row["boilerplate"] else "yes"]
        for row in found.iter_rows(named=True)
    ]
    blind = " Each <code>_</code> is any single letter." if settings.letters_blind else ""
    return (
        "<h3>Phrases that stand in the most problems</h3><p>Phrases of benchmark items. Boilerplate tells no item "
        f"apart and is no evidence.{blind}</p>" + table(["phrase", "problems", "items", "counts as evidence"], rows)
    )


def _pairs(
    view: SetView, stage: StageView, signals: pl.DataFrame, settings: DecontaminationConfig,
    review: pl.DataFrame | None,
) -> str:  # fmt: skip
    """The pairs that are most alike: what is dropped, then what is to be read, or else the closest that is kept."""
    reasons = view.decided("decontamination")
    gone = list(reasons)
    best = signals.sort(
        ["decontamination_exact", "decontamination_score", "decontamination_coverage", "id"],
        descending=[True, True, True, False],
    )
    dropped = best.filter(pl.col("id").is_in(gone))
    lists = [("Dropped, the most alike first", "dropped", dropped.height, _places(dropped.head(PAIRS), reasons))]
    if review is not None:
        listed = review.sort(["score", "id"], descending=[True, False])
        places = _places(signals.filter(pl.col("id").is_in(listed["id"].implode())))
        known = {row["id"]: row for row in places}
        read = [
            {**known.get(row["id"], {}), **{name: row[name] for name in ("id", "benchmark", "item", "score", "why")}}
            for row in listed.head(PAIRS).iter_rows(named=True)
        ]
        lists.append(("Kept, to be read", "review", listed.height, read))
    else:
        kept = best.filter(~pl.col("id").is_in(gone) & (pl.col("decontamination_score") > 0))
        lists.append(("Kept, the most alike first", "kept", kept.height, _places(kept.head(PAIRS // 2))))
    prompts = texts(view, [row["id"] for _, _, _, rows in lists for row in rows])
    items = {
        (row["benchmark"], row["item"]): row["text"] for row in read_table(stage.folder / ITEMS).iter_rows(named=True)
    }
    parts = []
    for title, chip, count, rows in lists:
        if rows:
            said = f": {len(rows)} of {count:,}" if len(rows) < count else f": {count:,}"
            drawn = [_drawn(row, chip, prompts, items, settings) for row in rows]
            parts.append(f"<h3>{escape(title + said)}</h3>{folded(drawn)}")
    if not parts:
        return "<p>No problem shares a telling n-gram with an item.</p>"
    return (
        "<p>What a policy drops may be on record for an earlier one. The figure of a pair is the share of the item's "
        "telling n-grams that the problem has. What both have is marked.</p>" + "".join(parts)
    )


def _places(signals: pl.DataFrame, reasons: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The item of each problem: the one most like it, or the short one that it is dropped for."""
    names = ("benchmark", "item", "score", "coverage", "longest_run", "short_benchmark", "short")
    rows = signals.select("id", *(pl.col(f"decontamination_{name}").alias(name) for name in names)).to_dicts()
    for row in rows:
        short = row.pop("short_benchmark"), row.pop("short")
        if (reasons or {}).get(row["id"]) == "leak_short":
            row |= {"benchmark": short[0], "item": short[1], "score": 0.0, "why": "review_short"}
    return rows


def _drawn(
    row: Mapping[str, Any], chip: str, prompts: Mapping[str, tuple[str, str, str | None]],
    items: Mapping[tuple[str, str], str], settings: DecontaminationConfig,
) -> str:  # fmt: skip
    prompt, source, _ = prompts[row["id"]]
    item = items.get((row["benchmark"], row["item"]), "")
    name = f"{row['benchmark']} · {row['item']}"
    said = [words.REVIEW.get(row.get("why") or "", "")]
    if row.get("coverage") is not None and row.get("why") != "review_short":
        said.append(f"coverage {percent(row['coverage'])}, longest run {row['longest_run']} tokens")
    return pair(
        f"{chip} {percent(row['score'])}", chip, (f"{source} · {row['id']}", name), prompt, name,
        "; ".join(part for part in said if part),
        tuple(marked(side) for side in side_by_side(prompt, item, settings)),
    )  # fmt: skip
