"""Drawings of the report: bars and histograms as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acereason.tracking.charts import HEIGHT, LEFT, RIGHT, WIDTH, number, percent, svg, ticks, y_axis, y_scale
from acereason.tracking.markup import escape

BOTTOM = 26
BINS = 30


@dataclass(frozen=True)
class Bar:
    """A row of `bars`: `figure` is its value in figures, `beside` what else is said of it."""

    name: str
    value: float
    figure: str
    beside: str = ""
    style: str = "t0"


def share(part: float, whole: float) -> str:
    """A share in per cent that is never written as nothing where it is something."""
    if not whole:
        return "–"
    return "< 0.1 %" if 0 < part / whole < 0.001 else percent(part / whole)


def bars(rows: Sequence[Bar]) -> str:
    """Horizontal bars with their texts beside them as text, so that they wrap where the page is narrow."""
    if not rows:
        return ""
    most = max(row.value for row in rows) or 1.0
    drawn = "".join(
        f'<div><span class="name">{escape(row.name)}</span>'
        f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bar {row.style}" '
        f'x="0" y="0" width="{max(0.4, 100 * row.value / most) if row.value else 0:.2f}" height="10"/></svg>'
        f'<span class="figure">{escape(row.figure)}</span><span class="beside">{escape(row.beside)}</span></div>'
        for row in rows
    )
    return f'<div class="bars">{drawn}</div>'


def histogram(
    title: str, values: Sequence[float], style: str = "t0", note: str = "", edges: Sequence[float] | None = None,
    form: Callable[[float], str] = number,
) -> str:  # fmt: skip
    """How often values lie in equal steps, up to their 99.5th percentile; what lies above is counted in words."""
    given = sorted(value for value in values if value is not None)
    if not given:
        return ""
    edges = list(edges) if edges is not None else _edges(given)
    counts = [0] * (len(edges) - 1)
    above, place = 0, 0
    for value in given:
        while place < len(counts) - 1 and value >= edges[place + 1]:
            place += 1
        if value > edges[-1]:
            above += 1
        else:
            counts[place] += 1
    marks = ticks(0.0, max(counts), 4)
    scale = y_scale(0.0, marks[-1] or 1.0, False, HEIGHT - BOTTOM)
    step = (WIDTH - RIGHT - LEFT) / len(counts)
    parts = [y_axis(marks, scale, number)]
    for index, count in enumerate(counts):
        x, y = LEFT + index * step, scale(count)
        parts.append(
            f'<rect class="bar {style}" x="{x + 0.5:.1f}" y="{y:.1f}" width="{max(0.5, step - 1):.1f}" '
            f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{escape(form(edges[index]))} – '
            f"{escape(form(edges[index + 1]))}: {count:,}</title></rect>"
        )
    every = max(1, len(edges) // 6)
    for index in range(0, len(edges), every):
        x = LEFT + index * step
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">'
            f"{escape(form(edges[index]))}</text>"
        )
    median = given[len(given) // 2]
    said = f"median {form(median)}, largest {form(given[-1])}" + (f"; {above:,} above the last step" if above else "")
    said = f"{note}; {said}" if note else said
    return (
        f"<figure><h3>{escape(title)}</h3><figcaption>{escape(said)}</figcaption>{svg(title, parts, HEIGHT)}</figure>"
    )


def counts_chart(title: str, counts: Sequence[tuple[str, int]], style: str = "t0", note: str = "") -> str:
    """One column a value, for few values such as passes of eight."""
    if not counts or not any(count for _, count in counts):
        return ""
    marks = ticks(0.0, max(count for _, count in counts), 4)
    scale = y_scale(0.0, marks[-1] or 1.0, False, HEIGHT - BOTTOM)
    step = (WIDTH - RIGHT - LEFT) / len(counts)
    parts = [y_axis(marks, scale, number)]
    for index, (name, count) in enumerate(counts):
        x, y = LEFT + index * step, scale(count)
        parts.append(
            f'<rect class="bar {style}" x="{x + step * 0.12:.1f}" y="{y:.1f}" width="{step * 0.76:.1f}" '
            f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{escape(name)}: {count:,}</title></rect>'
            f'<text class="tick" x="{x + step / 2:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">'
            f"{escape(name)}</text>"
        )
    caption = f"<figcaption>{escape(note)}</figcaption>" if note else "<figcaption></figcaption>"
    return f"<figure><h3>{escape(title)}</h3>{caption}{svg(title, parts, HEIGHT)}</figure>"


def _edges(given: Sequence[float]) -> list[float]:
    low, high = min(0.0, given[0]), given[min(len(given) - 1, int(len(given) * 0.995))]
    if high <= low:
        high = low + 1.0
    marks = ticks(low, high, BINS)
    return marks if len(marks) > 1 else [low, high]
