"""The parts of the report on the teacher's attempts: pass rates, and answers that disagree with the stated ones."""

from __future__ import annotations

from collections import Counter

import polars as pl

from acereason.tracking.charts import percent
from acereason.tracking.markup import escape
from data_pipeline.report import words
from data_pipeline.report.figures import counts_chart, histogram, share
from data_pipeline.report.tables import table
from data_pipeline.report.texts import entry, folded, texts, tidy
from data_pipeline.report.view import SetView, StageView
from data_pipeline.stages import TABLE
from data_pipeline.tables import read_table

PAIRS = 60


def pass_rates(view: SetView) -> str:
    """How many attempts at each problem are right, for every model that was asked."""
    return "".join(_of_one(stage) for stage in view.teachers())


def _of_one(stage: StageView) -> str:
    names = [name for name in ("vote_attempts", "vote_solved", "vote_tokens_mean") if name in stage.columns()]
    found = read_table(stage.folder / TABLE, names)
    if not found.height:
        return ""
    most = int(found["vote_attempts"].max() or 0)  # type: ignore[arg-type]
    by_passes = dict(found["vote_solved"].value_counts().iter_rows())
    charts = [
        counts_chart(
            f"Right attempts of {most}", [(str(n), int(by_passes.get(n, 0))) for n in range(most + 1)], "t0",
            "problems that were asked, before anything is dropped for it",
        )
    ]  # fmt: skip
    if "vote_tokens_mean" in names:
        charts.append(
            histogram(
                "Tokens, mean of attempts", found["vote_tokens_mean"].drop_nulls().to_list(), "t2", "of those asked"
            )
        )
    solved = found.filter(pl.col("vote_solved") > 0).height
    said = (
        f"<p>{escape(stage.manifest.about['teacher'])}: {solved:,} of {found.height:,} problems "
        f"({share(solved, found.height)}) were solved at least once.</p>"
    )
    return f'{said}<div class="charts">{"".join(charts)}</div>'


def conflicts(view: SetView) -> str:
    """Problems on whose answer the attempts agree, and it is not the stated one. Programs have no answer to vote on."""
    stage = view.stage("teacher")
    if stage is None or view.code or "vote_agrees" not in stage.columns():
        return ""
    names = ["id", "vote_attempts", "vote_majority", "vote_share", "vote_agrees", "vote_solved", "vote_tied"]
    other = read_table(stage.folder / TABLE, names).filter(
        ~pl.col("vote_agrees") & ~pl.col("vote_tied") & pl.col("vote_majority").is_not_null()
    )
    if not other.height:
        return "<p>On no problem do the most attempts agree on another answer than the stated one.</p>"
    reason = view.decided("vote")
    shown = other.filter(pl.col("vote_share") > 0.5).sort(["vote_share", "id"], descending=[True, False])
    known = texts(view, shown["id"].head(PAIRS).to_list())
    drawn = [
        entry(
            f"conflict {percent(row['vote_share'])}", "dropped", known[row["id"]][0],
            f"{known[row['id']][1]} · {row['id']}",
            {"stated answer": known[row["id"]][2], "answer of the majority": tidy(row["vote_majority"]),
             "attempts": row["vote_attempts"], "right by the stated answer": row["vote_solved"],
             "what became of it": f"vote:{reason[row['id']]}" if row["id"] in reason else "kept"},
        )
        for row in shown.head(PAIRS).iter_rows(named=True)
    ]  # fmt: skip
    most = f"<h3>More than half agree on another answer: {len(drawn)} of {shown.height:,}</h3>" if drawn else ""
    return _by_reason(other, reason) + most + folded(drawn)


def _by_reason(other: pl.DataFrame, reason: dict[str, str]) -> str:
    """Why two counts of disagreement differ: not every disagreement is a majority, nor on record as one."""
    clear: Counter[str] = Counter()
    weak: Counter[str] = Counter()
    for row in other.iter_rows(named=True):
        name = f"vote:{reason[row['id']]}" if row["id"] in reason else "kept"
        (clear if row["vote_share"] > 0.5 else weak)[name] += 1
    rows = [
        [name, words.reason(name, code=False), clear[name], weak[name]]
        for name in sorted({*clear, *weak}, key=lambda name: (-clear[name] - weak[name], name))
    ]
    return (
        f"<p>On {other.height:,} problems another answer than the stated one has the most votes. Where more than half "
        f"of all attempts give it, on {clear.total():,}, the stated answer may well be wrong; on the other "
        f"{weak.total():,} the attempts scatter, which says less. The first rule that holds is the reason on "
        "record, so these are not only <code>vote:majority_disagrees</code>:</p>"
        + table(["on record as", "in words", "more than half", "fewer"], rows, prose=(1,))
    )
