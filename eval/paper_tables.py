"""The papers' tables with rows of ours beneath: the same columns, and our sampling error where the paper has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eval import paper
from eval.markdown import points
from eval.ratings_file import Rated
from eval.standing import Footnotes, departures
from eval.summary import Summary

NAMES = {
    "aime24": "AIME24", "aime25": "AIME25", "math500": "MATH500", "hmmt_feb_2025": "HMMT25", "brumo_2025": "BRUMO25",
    "livecodebench_v5": "LCB v5", "livecodebench_v6": "LCB v6", "codeforces_elo": "CF Elo",
    "codeforces_percentile": "CF pct", "evalplus": "EvalPlus", "gpqa": "GPQA", "knights_and_knaves": "K&K",
    "zebra_logic": "Zebra",
}  # fmt: skip
EVALPLUS = ("humaneval", "humaneval_plus", "mbpp", "mbpp_plus")  # whose mean it is (from memory, unverified)


@dataclass(frozen=True)
class Beside:
    """A table of the papers: the head, their rows as printed, ours (one a model and protocol), and ours explained."""

    number: str
    title: str
    head: tuple[str, ...]
    theirs: tuple[tuple[str, ...], ...]
    ours: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass
class _Model:
    results: dict[str, Summary] = field(default_factory=dict)  # by benchmark
    rated: Rated | None = None


def beside(summaries: Sequence[Summary], ratings: Sequence[Rated] = ()) -> list[Beside]:
    """Every table of the papers in which at least one of the results, or a rating, has a column."""
    models = _by_model(summaries, ratings)
    made = [_table(table, models) for table in paper.tables().values()]
    return [table for table in made if table is not None]


def row_names(summaries: Sequence[Summary]) -> list[str]:
    """The model and protocol of each; the answer rule too where the model's results have two."""
    rules: dict[tuple[str, str], set[str]] = defaultdict(set)
    for s in summaries:
        rules[s.result.model, s.result.protocol].add(s.result.answer_rule)
    return [
        f"{r.model} ({r.protocol}{f', {r.answer_rule}' if len(rules[r.model, r.protocol]) > 1 else ''})"
        for r in (s.result for s in summaries)
    ]


def _by_model(summaries: Sequence[Summary], ratings: Sequence[Rated]) -> dict[str, _Model]:
    models: dict[str, _Model] = {}
    for name, s in zip(row_names(summaries), summaries, strict=True):
        models.setdefault(name, _Model()).results[s.result.benchmark] = s
    for rated in ratings:
        models.setdefault(_row_of(rated, models), _Model()).rated = rated
    return models


def _row_of(rated: Rated, models: Mapping[str, _Model]) -> str:
    """The row that a rating belongs to: of its model and protocol, else the only one of its model, else its own.

    A judge elsewhere knows the model, but not under which protocol we sampled it.
    """
    name = rated.model if rated.protocol is None else f"{rated.model} ({rated.protocol})"
    same = [key for key, of in models.items() if any(s.result.model == rated.model for s in of.results.values())]
    return name if name in models or len(same) != 1 else same[0]


def _table(table: paper.Table, models: Mapping[str, _Model]) -> Beside | None:
    printed = list(dict.fromkeys(column for row in table.rows for column in row.cells))
    columns = sorted(printed, key=list(NAMES).index) if table.benchmark is None else printed
    ours, notes = [], Footnotes()
    for name, model in models.items():
        cells = [_cell(table, column, model, notes) for column in columns]
        if any(cells):
            ours.append((name, *cells))
    if not ours:
        return None
    theirs = [(row.name, *(str(row.cells[c]) if c in row.cells else "" for c in columns)) for row in table.rows]
    head = ("", *(NAMES.get(column, column.replace("pass_", "pass@")) for column in columns))
    return Beside(table.number, table.title, head, tuple(theirs), tuple(ours), notes.lines)


def _cell(table: paper.Table, column: str, model: _Model, notes: Footnotes) -> str:
    results = model.results
    if table.benchmark is not None:
        found = results.get(table.benchmark)
        k = int(column.removeprefix("pass_"))
        share = next((points(point.mean) for point in found.pass_at_k if point.k == k), "") if found else ""
        return (share and found and share + notes.sign(departures(found.result, with_k=False))) or ""
    if column.startswith("codeforces_"):
        return "" if model.rated is None else _rating(column, model.rated)
    if column == "evalplus" and all(name in results for name in EVALPLUS):
        said = tuple(f"{name}: {'; '.join(results[name].departures)}" for name in EVALPLUS if results[name].departures)
        return points(sum(results[name].accuracy.mean for name in EVALPLUS) / len(EVALPLUS)) + notes.sign(said)
    return with_error(results[column]) + notes.sign(results[column].departures) if column in results else ""


def with_error(s: Summary) -> str:
    """avg@k with our sampling error, where that is known."""
    error = s.accuracy.sampling_error
    return points(s.accuracy.mean) + ("" if error != error else f" ± {points(error)}")


def _rating(column: str, rated: Rated) -> str:
    if column == "codeforces_percentile":
        return "" if rated.percentile != rated.percentile else f"{rated.percentile:.1f}"
    if rated.rating != rated.rating:
        return "unknown"
    error = rated.standard_error
    return f"{rated.rating:.0f}" + ("" if error != error else f" ± {error:.0f}")
