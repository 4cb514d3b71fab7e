"""`report.html`: one self-contained page on a set of problems. It loads nothing and sends nothing.

The page's policy forbids every request and every script but its own (named by hash); whatever a data set holds stands
in it as escaped text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acereason.tracking.files import REPORT, write_bytes
from acereason.tracking.markup import document, escape
from data_pipeline.report import alike, curated, leaks, tables, votes
from data_pipeline.report.browser import browser
from data_pipeline.report.figures import histogram
from data_pipeline.report.head import head
from data_pipeline.report.style import SCRIPT, STYLE
from data_pipeline.report.view import SetView


def write_report(view: SetView, config: Any) -> Path:
    """Writes report.html into the set's folder and returns its path."""
    path = view.out / REPORT
    write_bytes(path, page(view, config).encode("utf-8"))
    return path


def page(view: SetView, config: Any) -> str:
    """The whole page."""
    sections = [
        head(view, config),
        _section("From records to problems", tables.funnel(view)),
        _section("Why rows were dropped", tables.reasons(view) + tables.policies(view)),
        _section("Sources", tables.sources(view)),
        _section("Lengths", _lengths(view)),
        _section("Tests of the programs", curated.programs(view)),
        _section("Pass rates", votes.pass_rates(view)),
        _section("Answers that disagree", votes.conflicts(view)),
        _section("Duplicates", alike.duplicates(view)),
        _section("Decontamination", leaks.decontamination(view, getattr(config, "decontamination", None))),
        _section("Rows", browser(view.samples(), view.code)),
        _section("Stages", tables.stages(view)),
    ]
    body = "\n".join(section for section in sections if section)
    return document(f"Problem set {view.name}", body, STYLE, SCRIPT)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _lengths(view: SetView) -> str:
    found = view.final(["lengths_characters", "lengths_words", "lengths_answer", "vote_tokens_mean"])
    charts = []
    for name, title, style in (
        ("lengths_words", "Words of a statement", "t0"),
        ("lengths_characters", "Characters of a statement", "t1"),
        ("lengths_answer", "Characters of an answer", "t4"),
        ("vote_tokens_mean", "Teacher's tokens, mean of the attempts", "t2"),
    ):
        if name in found.columns:
            charts.append(histogram(title, found[name].drop_nulls().to_list(), style, "problems kept"))
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""
