"""The part of the report on the tests of programs: how strong they are, what was added, what is wrong with them."""

from __future__ import annotations

from collections import Counter

import polars as pl

from acereason.tracking.charts import percent
from acereason.tracking.markup import escape
from data_pipeline.report import words
from data_pipeline.report.figures import counts_chart, histogram, share
from data_pipeline.report.tables import table
from data_pipeline.report.texts import entry, folded, many, texts
from data_pipeline.report.view import SetView
from data_pipeline.stages import TABLE
from data_pipeline.tables import read_table

LISTED = 40  # problems of a list
_UNREAD = "not understood: "  # then a line of the statement, of which there are as many as problems
_WEAK = 0.8
_STEPS = [round(step / 20, 2) for step in range(21)]


def programs(view: SetView) -> str:
    """Everything that curation found out; nothing where there is no such stage."""
    stage = view.stage("curation")
    if stage is None:
        return ""
    names = [name for name in stage.columns() if name != "curation_tests"]
    found = read_table(stage.folder / TABLE, names)
    found = found.rename({name: name.removeprefix("curation_") for name in names})
    if not found.height:
        return "<p>No problem came so far.</p>"
    return (
        _lede(found) + _strength(found) + _counts(found) + _not_made(found) + _limits(view, found)
        + _failing(view, found) + _passing(view, found) + _surviving(view, found)
    )  # fmt: skip


def _lede(found: pl.DataFrame) -> str:
    usable = found.filter(pl.col("why").is_null()).height
    return (
        f"<p>The tests of {found.height:,} problems were examined, before any policy on them; those of {usable:,} "
        f"({share(usable, found.height)}) can be used. Strength is the share of the wrong programs, given ones and "
        "mutants of the reference, that a test finds. A mutant that no input ever finds is presumed equivalent and "
        "does not count, so strength is an upper bound.</p>"
    )


def _strength(found: pl.DataFrame) -> str:
    charts = [
        histogram(title, found[name].drop_nulls().to_list(), style, "problems with wrong programs", _STEPS)
        for name, title, style in (
            ("strength_before", "Strength of the given tests", "t1"),
            ("strength_after", "Strength of the final tests", "t0"),
        )
    ]
    weak = [found.filter(pl.col(name) < _WEAK).height for name in ("strength_before", "strength_after")]
    whole = [found.filter(pl.col(name) == 1.0).height for name in ("strength_before", "strength_after")]
    said = (
        f"<p>Every wrong program is found in {whole[0]:,} problems before and in {whole[1]:,} after; fewer than "
        f"{percent(_WEAK)} of them in {weak[0]:,} before and in {weak[1]:,} after.</p>"
    )
    return f'{said}<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


def _counts(found: pl.DataFrame) -> str:
    def total(name: str) -> int:
        return int(found[name].fill_null(0).sum())

    rows: list[list[object]] = [
        ["references looked at", total("references"), "of them pass every given case", total("references_passing")],
        ["", "", "of those answer otherwise when run again", total("references_random")],
        ["cases given", total("cases_given"), "outside the stated limits, left out", total("cases_outside_limits")],
        ["cases in the end", total("cases_final"), "made and added", total("cases_added")],
        ["", "", "enough to find all that any of them finds", total("cases_front")],
        ["inputs made", total("inputs_tried"), "refused: a reference fails on them", total("inputs_refused")],
        ["", "", "two references disagree", total("inputs_disagreed")],
        ["mutants of references", total("mutants"), "presumed equivalent", total("mutants_equivalent")],
        ["mutants without a say in what was added", total("held_out"), "found by the given cases",
         total("held_out_before")],
        ["", "", "found by the final cases", total("held_out_after")],
        ["wrong programs given", total("wrong_given"), "pass all final tests", total("wrong_passing")],
    ]  # fmt: skip
    return "<h3>Programs, cases, inputs</h3>" + table(["what", "count", "of which", "count"], rows, prose=(0, 2))


def _not_made(found: pl.DataFrame) -> str:
    """Why no input was made: by kind, since a line that was not understood is each problem's own."""
    without = found.filter(pl.col("inputs_not_made").is_not_null())
    if not without.height:
        return ""
    kinds: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for why in without["inputs_not_made"]:
        if why.startswith(_UNREAD):
            kinds["a line of the constraints is not understood"] += 1
            lines[why.removeprefix(_UNREAD)] += 1
        else:
            kinds[why] += 1
    listed = sorted(lines.items(), key=lambda item: (-item[1], item[0]))[:LISTED]
    unread = [
        f'<p class="note">{escape(line)}{f" ({count:,} problems)" if count > 1 else ""}</p>' for line, count in listed
    ]
    rows = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    drawn = (
        f'<details class="fold"><summary>{len(unread)} of {len(lines):,} lines that were not understood</summary>'
        f"{''.join(unread)}</details>"
        if unread
        else ""
    )
    return (
        f"<h3>No inputs were made for {many(without.height, 'problem')}</h3>"
        + table(["why", "problems"], [list(row) for row in rows], prose=(0,))
        + drawn
    )


def _limits(view: SetView, found: pl.DataFrame) -> str:
    counts = found.drop_nulls("time_limit_s").group_by("time_limit_s").len().sort("time_limit_s")
    if not counts.height:
        return ""
    stage = view.stage("curation")
    machine = (stage.manifest.about.get("machine") or {}) if stage is not None else {}
    on = f"calibrated on {machine['processor']}" if machine.get("processor") else "calibrated by the reference"
    drawn = counts_chart(
        "Time limits, seconds of CPU a case", [(f"{limit:g}", count) for limit, count in counts.iter_rows()], "t4", on
    )
    return f'<div class="charts one">{drawn}</div>'


def _failing(view: SetView, found: pl.DataFrame) -> str:
    """Problems whose references are at fault, or whose tests are: nothing says which."""
    failing = found.filter(pl.col("why").is_not_null())
    some = found.filter(pl.col("why").is_null() & (pl.col("references_passing") < pl.col("references"))).height
    if not failing.height:
        return f"<p>References fail beside one that passes in {some:,} problems.</p>" if some else ""
    rows = [
        [f"tests:{why}", words.reason(f"tests:{why}", code=True), count]
        for why, count in failing.group_by("why").len().sort(["len", "why"], descending=[True, False]).iter_rows()
    ]
    return (
        "<h3>Tests that cannot be used</h3>"
        + table(["reason", "in words", "problems"], rows, left=2, prose=(1,))
        + (f"<p>In {some:,} other problems a reference fails beside one that passes.</p>" if some else "")
        + _list(view, failing.sort("why", "id"), "why", "first_failure", "first failure")
    )


def _passing(view: SetView, found: pl.DataFrame) -> str:
    passing = found.filter(pl.col("wrong_passing") > 0)
    if not passing.height:
        return ""
    shown = passing.sort(["wrong_passing", "id"], descending=[True, False])
    return f"<h3>Known wrong programs pass in {many(passing.height, 'problem')}</h3>" + _list(
        view, shown, None, "wrong_passing", "wrong programs that pass"
    )


def _surviving(view: SetView, found: pl.DataFrame) -> str:
    """The weakest tests that are left, with the changes of a reference that none of them finds."""
    weak = found.filter((pl.col("strength_after") < 1.0) & (pl.col("survivors").list.len() > 0))
    if not weak.height:
        return ""
    shown = weak.with_columns(pl.col("survivors").list.join("; ")).sort("strength_after", "id")
    return f"<h3>Mutants that pass the final tests, in {many(weak.height, 'problem')}</h3>" + _list(
        view, shown, "strength_after", "survivors", "changes that no test finds"
    )


def _list(view: SetView, rows: pl.DataFrame, chip: str | None, fact: str, name: str) -> str:
    shown = rows.head(LISTED)
    known = texts(view, shown["id"].to_list())
    drawn = []
    for row in shown.iter_rows(named=True):
        said = row[chip] if chip is not None else row[fact]
        text = f"strength {percent(said)}" if isinstance(said, float) else str(said)
        prompt, source, _ = known[row["id"]]
        facts = {name: row[fact], "cases given": row["cases_given"], "cases in the end": row["cases_final"] or None}
        drawn.append(entry(text, "dropped", prompt, f"{source} · {row['id']}", facts))
    return folded(drawn)
