"""Rows to look at: some of each reason, some that were kept, with what is known of them."""

from __future__ import annotations

from acereason.tracking.markup import escape
from data_pipeline.report import words
from data_pipeline.report.texts import facts_table, line
from data_pipeline.report.view import Sample

_LONGEST = 300


def browser(samples: list[Sample], code: bool) -> str:
    """The rows with choices by reason and source; without script they all stand there, closed."""
    if not samples:
        return ""
    whats = list(dict.fromkeys(sample.reason or sample.outcome for sample in samples))
    sources = list(dict.fromkeys(sample.source for sample in samples))

    def choice(label: str, name: str, values: list[str]) -> str:
        options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in sorted(values))
        return f'<label>{label} <select id="{name}"><option value="">all</option>{options}</select></label>'

    return (
        "<p>Some rows of each reason and some that were kept, chosen by a hash; statements as they came in.</p>"
        '<div class="filters" id="filters" hidden>'
        + choice("what became of it", "by-reason", whats)
        + choice("source", "by-source", sources)
        + '<span id="count"></span></div><div id="rows">'
        + "".join(_row(sample, code) for sample in samples)
        + '</div><p><button id="more" type="button" hidden>Show more</button></p>'
    )


def _row(sample: Sample, code: bool) -> str:
    what = sample.reason or sample.outcome
    facts = {"why": words.reason(sample.reason, code) or None, "answer": sample.answer, **_leak(sample.facts)}
    style = "held" if sample.outcome == "held out" else sample.outcome
    said = {name: _short(value) for name, value in facts.items() if value is not None}
    return (
        f'<details data-reason="{escape(what)}" data-source="{escape(sample.source)}"><summary>'
        f'<span class="chip {style}">{escape(sample.outcome)}</span>'
        f'<span class="first"><b>{escape(sample.reason)}</b>{escape(line(sample.prompt) or sample.id)}</span>'
        f'<span class="meta">{escape(sample.source)} · {escape(sample.id)}</span></summary>'
        f'<div class="sample"><pre>{escape(sample.prompt)}</pre>{facts_table(said)}</div></details>'
    )


def _leak(facts: dict[str, object]) -> dict[str, object]:
    """The benchmark item that a problem is like, in front of what else is known."""
    name = [facts.get("decontamination_benchmark"), facts.get("decontamination_item")]
    return ({"benchmark item": " · ".join(map(str, name))} if all(name) else {}) | facts


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
