"""`report.html`: one self-contained page on a set of problems. It loads nothing and sends nothing.

The page's policy forbids every request and every script but its own (named by hash); whatever a data set holds stands
in it as escaped text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from acereason.tracking.files import REPORT, write_bytes
from acereason.tracking.markup import document, escape
from data_pipeline.report import evidence, tables
from data_pipeline.report.figures import counts_chart, histogram
from data_pipeline.report.style import SCRIPT, STYLE
from data_pipeline.report.view import Sample, SetView
from data_pipeline.stages import TABLE
from data_pipeline.tables import read_table


def write_report(view: SetView, config: Any) -> Path:
    """Writes report.html into the set's folder and returns its path."""
    path = view.out / REPORT
    write_bytes(path, page(view, config).encode("utf-8"))
    return path


def page(view: SetView, config: Any) -> str:
    """The whole page."""
    sections = [
        _head(view, config),
        _section("From records to problems", tables.funnel(view)),
        _section("Why rows were dropped", tables.reasons(view) + tables.policies(view)),
        _section("Sources", tables.sources(view)),
        _section("Lengths", _lengths(view)),
        _section("Pass rates of the teacher", _teacher(view)),
        _section("Answers that disagree", evidence.conflicts(view)),
        _section("Duplicates", evidence.duplicates(view, hasattr(config, "curation"))),
        _section("Decontamination", evidence.decontamination(view, getattr(config, "decontamination", None))),
        _section("Rows", _browser(view.samples())),
        _section("Stages", tables.stages(view)),
    ]
    body = "\n".join(section for section in sections if section)
    return document(f"{view.name} · problems", body, STYLE, SCRIPT)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _head(view: SetView, config: Any) -> str:
    about = view.problems.manifest.about
    read = view.source.manifest.rows_in
    kept = about.get("train", 0) + about.get("heldout", 0)
    teacher = view.stage("teacher")
    asked = teacher.manifest.about.get("teacher", "–") if teacher is not None else "nobody"
    facts = [
        ("records read", f"{read:,}"),
        ("for training", f"{about.get('train', 0):,}"),
        ("held out", f"{about.get('heldout', 0):,}"),
        ("sources", f"{len(view.sources())}"),
        ("teacher", asked),
        ("seed", str(config.seed)),
        ("key", view.problems.manifest.key[:12]),
    ]
    cells = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(value)}</dd></div>" for term, value in facts)
    share = f"{100 * kept / read:.1f} %" if read else "–"
    return (
        f'<header><p class="kicker">Problems for RL</p><h1>{escape(view.name)}</h1>'
        f'<p class="lede">{kept:,} of {read:,} records are kept ({share}); every other one stands below with its '
        f'reason.</p><dl class="facts">{cells}</dl>{_warning(view)}</header>'
    )


def _warning(view: SetView) -> str:
    teacher = view.stage("teacher")
    if teacher is None:
        return '<p class="note">No teacher was asked: the stated answers are taken as they were published.</p>'
    asked = teacher.manifest.about.get("asked") or {}
    if "stand_in" in asked:
        return (
            '<div class="error"><p>The teacher is a stand-in: its attempts were made from the problems\' own answers '
            "with seeded errors. What depends on them (pass rates, lengths, conflicts) says nothing of a model.</p>"
            "</div>"
        )
    return ""


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


def _teacher(view: SetView) -> str:
    stage = view.stage("teacher")
    if stage is None:
        return ""
    names = [name for name in ("vote_attempts", "vote_solved", "vote_tokens_mean") if name in stage.columns()]
    found = read_table(stage.folder / TABLE, names)
    most = int(found["vote_attempts"].max() or 0)  # type: ignore[arg-type]
    by_passes = {row["vote_solved"]: row["len"] for row in found.group_by("vote_solved").len().iter_rows(named=True)}
    charts = [
        counts_chart(
            f"Right attempts of {most}", [(str(n), int(by_passes.get(n, 0))) for n in range(most + 1)], "t0",
            "problems that were asked, before anything is dropped for it",
        ),
        histogram("Tokens, mean of attempts", found["vote_tokens_mean"].drop_nulls().to_list(), "t2", "of those asked"),
    ]  # fmt: skip
    solved = found.filter(pl.col("vote_solved") > 0).height
    share = f"{100 * solved / found.height:.1f} %" if found.height else "–"
    said = f"<p>{solved:,} of {found.height:,} problems ({share}) were solved at least once.</p>"
    return f'{said}<div class="charts">{"".join(charts)}</div>'


def _browser(samples: list[Sample]) -> str:
    """Some rows of each reason and some that were kept; without script they all stand there, closed."""
    if not samples:
        return ""
    whats = list(dict.fromkeys(sample.reason or sample.outcome for sample in samples))
    sources = list(dict.fromkeys(sample.source for sample in samples))

    def choice(label: str, name: str, values: list[str]) -> str:
        options = "".join(f'<option value="{escape(v)}">{escape(v.replace("_", " "))}</option>' for v in sorted(values))
        return f'<label>{label} <select id="{name}"><option value="">all</option>{options}</select></label>'

    return (
        "<p>Some rows of each reason and some that were kept, chosen by a hash; statements as they came in.</p>"
        '<div class="filters" id="filters" hidden>'
        + choice("what became of it", "by-reason", whats)
        + choice("source", "by-source", sources)
        + '<span id="count"></span></div><div id="rows">'
        + "".join(_row(sample) for sample in samples)
        + '</div><p><button id="more" type="button" hidden>Show more</button></p>'
    )


def _row(sample: Sample) -> str:
    what = sample.reason or sample.outcome
    line = next((part for part in sample.prompt.splitlines() if part.strip()), sample.id)
    facts = {"answer": sample.answer, **sample.facts}
    said = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_short(value))}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    style = "held" if sample.outcome == "held out" else sample.outcome
    return (
        f'<details data-reason="{escape(what)}" data-source="{escape(sample.source)}"><summary>'
        f'<span class="chip {style}">{escape(sample.outcome)}</span>'
        f'<span class="first"><b>{escape(sample.reason.replace("_", " "))}</b>{escape(line[:140])}</span>'
        f'<span class="meta">{escape(sample.source)} · {escape(sample.id)}</span></summary>'
        f'<div class="sample"><pre>{escape(sample.prompt)}</pre>'
        f'<table class="pairs"><tbody>{said}</tbody></table></div></details>'
    )


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
