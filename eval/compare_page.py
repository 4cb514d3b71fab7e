"""A comparison of two results as an HTML page: the difference, by topic, pass@k, and where problems moved."""

from __future__ import annotations

from acereason.evaluation import paired
from acereason.tracking.markup import escape
from acereason.tracking.report_charts import figure, legend
from eval.charts_models import accuracy_boxes, heat_map, pass_overlay
from eval.compare import MOST_IDS, NOT_CORRECTED, Comparison, interval, p_value
from eval.markdown import points, signed
from eval.page_frame import document, html_table
from eval.summary import summarise


def page(c: Comparison) -> str:
    """The whole page; names that files give stand in it as text."""
    d = c.difference
    both = [summarise(c.a, c.seed), summarise(c.b, c.seed)]
    rows = [
        ["a", c.a.model, points(c.accuracy_a.mean), points(c.accuracy_a.sampling_error), c.a.k_text],
        ["b", c.b.model, points(c.accuracy_b.mean), points(c.accuracy_b.sampling_error), c.b.k_text],
    ]
    said = (
        f"b - a over {d.problems} problems: {signed(d.mean)} points, {d.level:.0%} interval {interval(d)} (bootstrap "
        f"over problems), p = {p_value(d)}. Standard error {points(d.standard_error)} over problems, "
        f"{points(d.sampling_error)} over samples of these problems."
    )
    body = [html_table(["", "model", "avg@k", "± (these problems)", "k"], rows), f"<p>{escape(said)}</p>"]
    if c.conditions:
        body.append("<h3>The two were not evaluated alike</h3>")
        body.append(html_table(["", "a", "b"], [list(row) for row in c.conditions]))
    names = [(c.a.model, "m0f"), (c.b.model, "m1f")]
    moved = c.transitions
    charts = [
        figure("Solve rates", "Problems by solve rate: a down, b across.", heat_map(moved, "a", "b")),
        figure("pass@k", "Unbiased, over each one's own problems.", pass_overlay(both), legend(names)),
        figure("Accuracy over passes", "Quartiles, median, least and greatest.", accuracy_boxes(both), legend(names)),
    ]
    body.append(f'<div class="charts">{"".join(charts)}</div>')
    for title, ids in (("Newly solved", moved.newly_solved), ("Lost", moved.lost), ("Solved by neither", moved.never)):
        more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
        listed = f": {', '.join(ids[:MOST_IDS])}{more}" if ids else ""
        body.append(f"<p>{escape(f'{title}: {len(ids)}{listed}')}</p>")
    if c.by_topic:
        rows = [
            [topic, str(row.problems), signed(row.mean), interval(row), p_value(row)]
            for topic, row in c.by_topic.items()
        ]
        body += ["<h2>By topic</h2>", html_table(["topic", "problems", "b - a", "interval", "p"], rows)]
        body.append(f"<p>{NOT_CORRECTED}</p>")
    rows = [[str(row.k), points(row.a), points(row.b), signed(row.b - row.a)] for row in c.pass_at_k]
    body += ["<h2>pass@k</h2>", html_table(["k", "a", "b", "b - a"], rows)]
    matrix = [[name, *map(str, row)] for name, row in zip(paired.BINS, moved.matrix, strict=True)]
    body += ["<h2>Problems by solve rate</h2>", html_table(["a down, b across", *paired.BINS], matrix)]
    return document(f"{c.b.model} against {c.a.model}", f"acereason · {c.a.benchmark}", body)
