"""The report of one or more result files beside the papers' tables: Markdown, JSON, CSV and one HTML page."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from acereason.errors import InputError
from acereason.evaluation import paired
from acereason.tracking.files import write_bytes
from eval import paper, paper_matrix, paper_tables
from eval.markdown import cell, count, points, table
from eval.ratings_file import Rated
from eval.report_page import Texts, page
from eval.result_file import ResultFile, plain
from eval.summary import Summary, summarise

NAMES = ("report.json", "report.md", "report.csv", "report.html")
HEAD = (
    "model", "benchmark", "protocol", "answer_rule", "k", "problems", "problems_of", "departures", "metric", "value",
    "standard_error", "sampling_error",
)  # fmt: skip
RATING = "codeforces"  # in place of a benchmark's name in rows of ratings
ERRORS = (
    "Errors are standard errors in points: over problems and samples (other problems of the kind), then over samples "
    "of these problems."
)
BESIDE = (
    "Intervals are 95 % of our sampling error alone; the paper's figure has an error too, which it gives for AIME24 "
    "only. Marks: † evaluated by the paper's authors in the same setting, ‡ from a leaderboard; without one, "
    "table 2's figures are self-reported, and the other tables mark none. There is no difference for a part of the "
    "problems. Answers are looked for behind </think>; the toolkit that made the papers' figures takes the last box "
    "anywhere (answer rule last_box)."
)


def write_report(
    results: Sequence[ResultFile],
    folder: str | Path,
    seed: int = 0,
    texts: Sequence[Texts] | None = None,
    ratings: Sequence[Rated] = (),
) -> dict[str, Path]:
    """Writes the report's files (`NAMES`) into `folder` and returns their paths by name.

    texts: of the responses of each result, in their order, for the page's browser (`report_files.texts_of`). ratings:
    of the models, for table 2.

    Raises `InputError` where there is no result, or two are of the same model, benchmark, protocol and answer rule.
    """
    if not results:
        raise InputError("a report needs at least one result file")
    keys = [(r.model, r.benchmark, r.protocol, r.answer_rule) for r in results]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(
            f"two results are of the same evaluation, {' / '.join(twice)}; expected each once. "
            "`acereason eval compare A B` compares two of other settings or checkpoints"
        )
    summaries = [summarise(result, seed) for result in results]
    listed = [*(summary.to_json() for summary in summaries), *({"benchmark": RATING, **asdict(r)} for r in ratings)]
    files = {
        "report.json": json.dumps(plain(listed), indent=1, allow_nan=False),
        "report.md": markdown(summaries, ratings),
        "report.csv": csv_table(summaries, ratings),
        "report.html": page(summaries, (ERRORS, BESIDE, stated_errors()), texts, ratings),
    }
    paths = {name: Path(folder) / name for name in NAMES}
    for name, text in files.items():
        write_bytes(paths[name], text.encode("utf-8", "backslashreplace"))
    return paths


def markdown(summaries: Sequence[Summary], ratings: Sequence[Rated] = ()) -> str:
    """The whole report as Markdown."""
    rows = [
        [
            s.result.model, s.result.benchmark, s.result.protocol, s.result.answer_rule, s.result.k_text,
            s.coverage.text, points(s.accuracy.mean), points(s.accuracy.standard_error),
            points(s.accuracy.sampling_error), points(s.lengths["all"].truncated), count(s.lengths["all"].mean),
            str(s.infra_errors),
        ]
        for s in summaries
    ]  # fmt: skip
    head = [
        "model", "benchmark", "protocol", "answer rule", "k", "problems", "avg@k", "± problems", "± samples",
        "cut off %", "tokens", "without verdict",
    ]  # fmt: skip
    parts = ["# Evaluation", table(head, rows), ERRORS]
    for made in paper_tables.beside(summaries, ratings):
        parts.append(f"## Table {cell(made.number)}: {cell(made.title)}")
        parts += [table(made.head, [*made.theirs, *made.ours]), *map(cell, made.notes)]
    matrices = paper_matrix.matrices(summaries)
    if matrices:
        parts += ["## Differences from the papers' figures", BESIDE]
    for matrix in matrices:
        parts += [f"### {cell(matrix.benchmark)}", table(matrix.head, matrix.rows), *map(cell, matrix.notes)]
        parts += [stated_errors()] if matrix.benchmark == "aime24" else []
    for summary in summaries:
        parts += [f"## {cell(summary.result.title)}", *_sections(summary)]
    return "\n\n".join(parts) + "\n"


def stated_errors() -> str:
    """What the paper says of its errors on AIME24, beside what would follow from the first of them."""
    stated = paper.standard_errors()
    first, *later = sorted(stated)
    errors, counts = " / ".join(f"{stated[k]}" for k in (first, *later)), " / ".join(map(str, (first, *later)))
    followed = " and ".join(f"{stated[first] * math.sqrt(first / k):.2f}" for k in later)
    return (
        f"The paper states standard errors of {errors} points on AIME24 at k = {counts}. No single profile of solve "
        f"rates gives all three: with the problems fixed the error falls as 1/sqrt(k), so {followed} follow from "
        f"{stated[first]}, and over problems it falls more slowly still."
    )


def _sections(s: Summary) -> Iterator[str]:
    if s.greedy is not None:
        yield f"Greedy: {points(s.greedy.mean)} ± {points(s.greedy.standard_error)} over problems."
    if s.departures:
        yield f"Not as the papers' own figures: {cell('; '.join(s.departures))}."
    votes = {vote.k: vote for vote in s.majority}
    rows = [
        [
            str(p.k), points(p.mean), points(p.standard_error), points(votes[p.k].mean) if p.k in votes else "unknown",
            ("every choice" if votes[p.k].exact else f"{votes[p.k].repeats} draws") if p.k in votes else "no answers",
            *(str(c.get(p.k, "")) for c in paper.pass_figures(s.result.benchmark).values()),
        ]
        for p in s.pass_at_k
    ]  # fmt: skip
    named = [f"paper: {name}" for name in paper.pass_figures(s.result.benchmark)]
    yield "### pass@k and majority@k"
    yield table(["k", "pass@k", "± problems", "majority@k", "majority over", *named], rows)
    if s.by_topic:
        rows = [
            [topic, str(a.problems), points(a.mean), points(a.standard_error), points(a.sampling_error)]
            for topic, a in s.by_topic.items()
        ]
        yield "### By topic"
        yield table(["topic", "problems", "avg@k", "± problems", "± samples"], rows)
    yield "### Problems by solve rate"
    yield table(["solve rate", *paired.BINS], [["problems", *map(str, s.solve_rates)]])
    yield "### Lengths in tokens"
    rows = [
        [name, str(row.samples), count(row.mean), *map(count, row.quantiles), points(row.truncated)]
        for name, row in s.lengths.items()
    ]
    yield table(
        ["responses", "count", "mean", "least", "5 %", "25 %", "50 %", "75 %", "95 %", "most", "cut off %"], rows
    )
    yield "### Verdicts"
    yield table(["verdict", "responses"], [[name, str(number)] for name, number in s.verdicts.items()])


def csv_table(summaries: Sequence[Summary], ratings: Sequence[Rated] = ()) -> str:
    """One row a figure, in shares of 1; a figure that cannot be known is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    for s in summaries:
        head = [s.result.model, s.result.benchmark, s.result.protocol, s.result.answer_rule]
        counts = ["" if value is None else value for value in (s.result.k, s.coverage.problems, s.coverage.of)]
        for metric, *values in _figures(s):
            said = _text("; ".join(s.departures))
            writer.writerow([*map(_text, head), *counts, said, metric, *map(_number, values)])
    for rated in ratings:
        head = [rated.model, RATING, rated.protocol or "", *[""] * 5]
        writer.writerow([*map(_text, head), "rating", _number(rated.rating), _number(rated.standard_error), ""])
        writer.writerow([*map(_text, head), "percentile", _number(rated.percentile), "", ""])
    return stream.getvalue()


def _figures(s: Summary) -> Iterator[tuple[str, float, float | None, float | None]]:
    yield f"avg@{s.result.k or 'k'}", s.accuracy.mean, s.accuracy.standard_error, s.accuracy.sampling_error
    if s.greedy is not None:
        yield "greedy", s.greedy.mean, s.greedy.standard_error, None
    for point in s.pass_at_k:
        yield f"pass@{point.k}", point.mean, point.standard_error, None
    for vote in s.majority:
        yield f"majority@{vote.k}", vote.mean, None, None
    for topic, row in s.by_topic.items():
        yield f"topic/{topic}", row.mean, row.standard_error, row.sampling_error
    yield "length/mean", s.lengths["all"].mean, None, None
    yield "length/truncated", s.lengths["all"].truncated, None, None
    yield "infra_errors", float(s.infra_errors), None, None


def _text(value: str) -> str:
    """`value` without effect as a spreadsheet's formula."""
    return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.10g}"
