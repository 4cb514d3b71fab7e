"""Every figure of the papers for a benchmark, and by how much each of our results differs from it: one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from eval import paper
from eval.markdown import span, tenths
from eval.paper_tables import row_names, with_error
from eval.standing import Footnotes
from eval.summary import BesideThePaper, Summary


@dataclass(frozen=True)
class Matrix:
    """The papers' rows by our results. The first row is ours; `notes` say where figures stand and what signs mean."""

    benchmark: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def matrices(summaries: Sequence[Summary]) -> list[Matrix]:
    """One for each benchmark of which the papers have a figure, in the order of the results."""
    columns: dict[str, list[tuple[str, Summary]]] = {}
    for name, s in zip(row_names(summaries), summaries, strict=True):
        if s.paper:
            columns.setdefault(s.result.benchmark, []).append((name, s))
    return [_matrix(benchmark, listed) for benchmark, listed in columns.items()]


def _matrix(benchmark: str, listed: Sequence[tuple[str, Summary]]) -> Matrix:
    signs = Footnotes()
    ours = [with_error(s) + signs.sign(s.departures) for _, s in listed]
    theirs = listed[0][1].paper
    rows = [("here, avg@k ± our sampling error", "", "", *ours)]
    for index, row in enumerate(theirs):
        differences = (_difference(s.paper[index]) for _, s in listed)
        rows.append((row.row, row.table, str(paper.Cell(row.figure, row.mark)), *differences))
    sources: dict[str, list[str]] = defaultdict(list)
    for row in theirs:
        if row.table not in sources[row.source]:
            sources[row.source].append(row.table)
    said = "; ".join(f"{', '.join(tables)}: {source}" for source, tables in sources.items())
    head = ("paper's row", "table", "paper", *(name for name, _ in listed))
    return Matrix(benchmark, head, tuple(rows), (*signs.lines, f"Tables {said}."))


def _difference(row: BesideThePaper) -> str:
    """Ours less theirs, with the interval; nothing for a part of the problems."""
    if row.difference != row.difference:
        return ""
    interval = "" if row.low != row.low else f" ({span(row.low, row.high)})"
    return tenths(row.difference) + interval
