"""The report's HTML: one page that loads nothing and runs nothing; text of models and files stands in it as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from acereason.evaluation.statistics import solve_rates
from acereason.tracking.markup import escape
from acereason.tracking.report_charts import figure, legend
from eval import paper_matrix, paper_tables
from eval.charts_models import accuracy_boxes, length_boxes, pass_overlay
from eval.markdown import count, points
from eval.page_frame import MODELS, document, html_table
from eval.ratings_file import Rated
from eval.report_charts import k_chart, length_chart, solve_rate_chart
from eval.result_file import ResultFile
from eval.summary import Summary

MOST_PROBLEMS = 40  # shown of a result, spread over the solve rates
MOST_SAMPLES = 16  # shown of a problem
MOST_CHARACTERS = 300  # shown of an answer
MOST_TEXTS = 4  # responses shown of a problem
MOST_TEXT = 1500  # characters shown of the beginning and of the end of a response

Texts = Mapping[tuple[str, int], str]  # of one result's responses, by problem and number


def page(
    summaries: Sequence[Summary],
    notes: tuple[str, str, str],
    texts: Sequence[Texts] | None = None,
    ratings: Sequence[Rated] = (),
) -> str:
    """The whole page; `notes` are on errors, on the paper's figures and on the paper's errors.

    texts: of the responses of each summary, in their order, where they are at hand.
    """
    errors, beside, stated = notes
    body = [_overview(summaries, errors), _papers(summaries, ratings)]
    body += [_differences(summaries, beside, stated), _models(summaries)]
    given = [{} for _ in summaries] if texts is None else texts
    for number, (summary, said) in enumerate(zip(summaries, given, strict=True), 1):
        body.append(f"<section><h2>{number}. {escape(summary.result.title)}</h2>{_facts(summary)}{_charts(summary)}")
        body.append(_standing(summary) + _topics(summary) + _browser(summary, said) + "</section>")
    return document("Evaluation", "acereason", body)


def _papers(summaries: Sequence[Summary], ratings: Sequence[Rated]) -> str:
    """The papers' tables with our rows beneath."""
    made = [
        f'<h3 class="table">{escape(f"Table {table.number}: {table.title}")}</h3>'
        + html_table(table.head, [*table.theirs, *table.ours], len(table.ours))
        + _notes(table.notes)
        for table in paper_tables.beside(summaries, ratings)
    ]
    return f"<section><h2>Beside the papers' tables</h2>{''.join(made)}</section>" if made else ""


def _differences(summaries: Sequence[Summary], note: str, stated: str) -> str:
    """Our differences from every figure of the papers, one folded table a benchmark."""
    parts = []
    for matrix in paper_matrix.matrices(summaries):
        said = (*matrix.notes, stated) if matrix.benchmark == "aime24" else matrix.notes
        parts.append(
            f'<details><summary><span class="first">{escape(matrix.benchmark)}</span>'
            f'<span class="meta">{len(matrix.rows) - 1} figures</span></summary>'
            f'<div class="sample">{html_table(matrix.head, matrix.rows)}{_notes(said)}</div></details>'
        )
    if not parts:
        return ""
    return f"<section><h2>Differences from the papers' figures</h2>{_notes([note])}{''.join(parts)}</section>"


def _notes(lines: Iterable[str]) -> str:
    return "".join(f'<p class="note">{escape(line)}</p>' for line in lines)


def _models(summaries: Sequence[Summary]) -> str:
    """Charts over several models on one benchmark, in the order in which they were given."""
    parts = []
    for benchmark in dict.fromkeys(s.result.benchmark for s in summaries):
        listed = [s for s in summaries if s.result.benchmark == benchmark]
        names = legend([(s.result.model, f"m{index % MODELS}f") for index, s in enumerate(listed)])
        said = "Unbiased, one line a model, in the order given."
        boxes = "One box a model over its passes: quartiles, median, least and greatest."
        parts += [
            figure(f"pass@k on {benchmark}", said, pass_overlay(listed), names),
            figure(f"Accuracy over passes on {benchmark}", boxes, accuracy_boxes(listed), names),
        ]
    charts = "".join(parts)
    return f'<section><h2>Models side by side</h2><div class="charts">{charts}</div></section>' if charts else ""


def _overview(summaries: Sequence[Summary], note: str) -> str:
    rows = [
        [
            s.result.title, f"avg@{s.result.k or 'k'}", points(s.accuracy.mean), points(s.accuracy.standard_error),
            points(s.accuracy.sampling_error), s.coverage.text, count(s.lengths["all"].mean),
            points(s.lengths["all"].truncated), str(s.infra_errors),
        ]
        for s in summaries
    ]  # fmt: skip
    head = ["", "figure", "%", "± problems", "± samples", "problems", "tokens", "cut off %", "without verdict"]
    return f"{html_table(head, rows)}<p>{escape(note)}</p>"


def _facts(s: Summary) -> str:
    settings = json.dumps(dict(s.result.settings), sort_keys=True)
    facts = {"Protocol": s.result.protocol, "Answer rule": s.result.answer_rule, "Settings": settings}
    if s.greedy is not None:
        facts["Greedy"] = f"{points(s.greedy.mean)} ± {points(s.greedy.standard_error)} % over problems"
    items = "".join(f'<div><dt>{name}</dt><dd class="long">{escape(text)}</dd></div>' for name, text in facts.items())
    return f'<dl class="facts">{items}</dl>'


def _charts(s: Summary) -> str:
    voted = "dashed: majority@k" if s.majority else "no sample has an answer text, so there is no majority"
    figures = [
        figure("pass@k", f"Unbiased, bars of one standard error over problems; {voted}; grey: the paper.", k_chart(s)),
        figure("Lengths", "Responses by tokens. ", length_chart(s), legend([("right", "v0"), ("not right", "v1")])),
        figure("Tokens by verdict", "Box 25 to 75 %, whiskers 5 to 95 %.", length_boxes(s)),
        figure("Solve rates", "Problems by the share of samples that is right.", solve_rate_chart(s)),
    ]
    return f'<div class="charts">{"".join(figures)}</div>'


def _standing(s: Summary) -> str:
    """What keeps a result from standing beside the papers' as it is."""
    if s.departures:
        said = "; ".join(s.departures)
        return f"<p>Not as the papers' own figures: {escape(said)}.</p>"
    return "" if s.paper else f"<p>The papers' tables have no figure for {escape(s.result.benchmark)}.</p>"


def _topics(s: Summary) -> str:
    if not s.by_topic:
        return ""
    rows = [
        [topic, str(a.problems), points(a.mean), points(a.standard_error), points(a.sampling_error)]
        for topic, a in s.by_topic.items()
    ]
    return f"<h3>By topic</h3>{html_table(['', 'problems', '%', '± problems', '± samples'], rows)}"


def _browser(s: Summary, texts: Texts) -> str:
    rates, shown = solve_rates(s.result.samples), shown_problems(s.result)
    rows = "".join(_problem(s, key, rates.get(key), texts) for key in shown)
    said = (
        f"{len(shown)} of {len(s.result.samples)} problems, least solved first; at most {MOST_SAMPLES} samples of each."
    )
    return f"<h3>Samples</h3><p>{said}</p>{rows}"


def shown_problems(result: ResultFile) -> list[str]:
    """The problems whose samples the page shows: spread over the solve rates."""
    rates = solve_rates(result.samples)
    ids = sorted(result.samples, key=lambda key: (rates.get(key, -1.0), key))
    return ids[:: max(1, -(-len(ids) // MOST_PROBLEMS))]


def _problem(s: Summary, key: str, rate: float | None, texts: Texts) -> str:
    shown = list(zip(s.result.samples[key], s.result.verdicts[key], range(MOST_SAMPLES), strict=False))
    rows = [
        [
            str(index), verdict, "unknown" if sample.tokens is None else f"{sample.tokens:,}",
            "cut off" if sample.truncated else "",
            "none" if sample.answer is None else sample.answer[:MOST_CHARACTERS],
        ]
        for sample, verdict, index in shown
    ]  # fmt: skip
    meta = "no verdict" if rate is None else f"{points(rate)} %"
    head = ["sample", "verdict", "tokens", "", "answer"]
    said = "".join(
        f"<details><summary>sample {index}, {verdict}</summary>"
        f'<pre class="said">{escape(shortened(texts[key, index]))}</pre></details>'
        for _, verdict, index in shown[:MOST_TEXTS]
        if (key, index) in texts
    )
    return (
        f'<details><summary><span class="first">{escape(key)}</span><span class="meta">{meta}</span></summary>'
        f'<div class="sample">{html_table(head, rows)}{said}</div></details>'
    )


def shortened(text: str) -> str:
    """The beginning and the end of a long response."""
    if len(text) <= 2 * MOST_TEXT:
        return text
    left = len(text) - 2 * MOST_TEXT
    return f"{text[:MOST_TEXT]}\n[... {left:,} characters ...]\n{text[-MOST_TEXT:]}"
