"""Charts as inline SVG: pure functions from numbers to markup, with no library and no script.

Colours are CSS classes, so that the page's light and dark sheets both fit. Hovering a column shows its
figures; that too is CSS alone. Labels are escaped here; numbers are all that else goes into the markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acereason.tracking.markup import escape

WIDTH, HEIGHT = 460, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 30, 24
COLUMNS = 150  # at most so many columns are drawn; more steps are averaged into them
CHAR = 5.6  # width of a character of the small labels


@dataclass(frozen=True)
class Band:
    """A stage on the step axis: its steps stand at places `start` to `end - 1`, numbered `steps`."""

    label: str
    domain: str
    start: int
    end: int
    steps: Sequence[int]


@dataclass(frozen=True)
class Series:
    """One line: a value, or None, at each place of the step axis; `style` is its CSS class."""

    label: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Column:
    """Neighbouring places drawn as one: mean, least and greatest of each series; None where it has no value."""

    first: int
    last: int
    stage: str
    means: tuple[float | None, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    step_from: int
    step_to: int


def columns(bands: Sequence[Band], series: Sequence[Series], most: int = COLUMNS) -> list[Column]:
    """Places averaged into at most about `most` columns, none of which spans two stages."""
    total = bands[-1].end if bands else 0
    size = max(1, math.ceil(total / most))
    made = []
    for band in bands:
        for start in range(band.start, band.end, size):
            end = min(start + size, band.end)
            groups = [[v for v in line.values[start:end] if v is not None] for line in series]
            made.append(
                Column(
                    start, end - 1, band.label,
                    tuple(sum(g) / len(g) if g else None for g in groups),
                    tuple(min(g, default=None) for g in groups),
                    tuple(max(g, default=None) for g in groups),
                    band.steps[start - band.start], band.steps[end - 1 - band.start],
                )
            )  # fmt: skip
    return made


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from at most `low` to at least `high`."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from at most `low` to at least `high`, at most about six of them."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    stride = max(1, math.ceil((last - first) / 5))
    return [10.0**n for n in range(first, last + stride, stride)]


def line_chart(
    title: str,
    bands: Sequence[Band],
    series: Sequence[Series],
    form: Callable[[float], str],
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    reference: tuple[float, str] | None = None,
) -> str:
    """Lines over steps, with stage bands behind them. `low` and `high` fix the ends of the y axis.

    With `log`, values at or below zero are left out. `reference` is a dashed line and its label.
    """
    if log:
        series = [Series(s.label, s.style, [v if v is not None and v > 0 else None for v in s.values]) for s in series]
    drawn = columns(bands, series)
    values = [v for column in drawn for v in (*column.lows, *column.highs) if v is not None]
    if not values:
        return ""
    if reference is not None:
        values.append(reference[0])
    bottom, top = min(values) if low is None else low, max(values) if high is None else high
    if not top > bottom:
        top = bottom + (abs(bottom) or 1.0) * 0.5
    marks = decades(min(values), max(values)) if log else ticks(bottom, top)
    scale = y_scale(marks[0], marks[-1], log)
    total = bands[-1].end
    parts = [_frame(bands, total), y_axis(marks, scale, form), _x_axis(bands, total)]
    if reference is not None:
        y = scale(reference[0])
        parts.append(f'<path class="reference" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="tick" x="{WIDTH - RIGHT - 3}" y="{y + 11:.1f}" text-anchor="end">'
            f"{escape(reference[1])}</text>"
        )
    if any(column.first != column.last for column in drawn):
        parts.append(f'<path class="spread {series[0].style}" d="{_spread(drawn, total, scale)}"/>')
    for index, line in enumerate(series):
        means = [column.means[index] for column in drawn]
        points = [(_place(c, total), None if m is None else scale(m)) for c, m in zip(drawn, means, strict=True)]
        parts.append(f'<path class="line {line.style}" d="{path(points)}"/>')
    parts.append(_readouts(drawn, total, series, form, scale))
    return svg(title, parts, HEIGHT)


def share_chart(title: str, bands: Sequence[Band], series: Sequence[Series]) -> str:
    """Shares that add up to one, as stacked areas over steps, the first series lowest."""
    drawn = columns(bands, series)
    if not drawn:
        return ""
    scale = y_scale(0.0, 1.0, False)
    total = bands[-1].end
    parts = [_frame(bands, total), y_axis([0.0, 0.25, 0.5, 0.75, 1.0], scale, percent), _x_axis(bands, total)]
    floor = [0.0] * len(drawn)
    for index, line in enumerate(series):
        ceiling = [base + (column.means[index] or 0.0) for base, column in zip(floor, drawn, strict=True)]
        edge = [(_left(column.first, total), _left(column.last + 1, total)) for column in drawn]
        up = "L".join(f"{a:.1f} {scale(y):.1f}L{b:.1f} {scale(y):.1f}" for (a, b), y in zip(edge, ceiling, strict=True))
        down = "L".join(
            f"{b:.1f} {scale(y):.1f}L{a:.1f} {scale(y):.1f}"
            for (a, b), y in zip(reversed(edge), reversed(floor), strict=True)
        )
        parts.append(f'<path class="area {line.style}" d="M{up}L{down}Z"/>')
        floor = ceiling
    parts.append(_readouts(drawn, total, series, percent, None))
    return svg(title, parts, HEIGHT)


def percent(share: float) -> str:
    """A share in whole per cent, with one digit where it is below ten and not whole."""
    value = 100 * share
    return f"{value:.1f} %" if 0 < abs(value) < 10 and abs(value - round(value)) > 0.05 else f"{value:.0f} %"


def number(value: float) -> str:
    """A number in about three digits, as a tick label is written."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value / 1000:.3g}k" if size >= 10000 else f"{value:,.0f}"
    if size < 0.001:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    return f"{value:.3g}"


def svg(title: str, parts: Sequence[str], height: int, width: int = WIDTH) -> str:
    """The parts as one drawing, scaled to the width it is given."""
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def y_scale(low: float, high: float, log: bool, bottom: int = HEIGHT - BOTTOM) -> Callable[[float], float]:
    """From a value to its height in the drawing, `low` at `bottom`; what lies outside is drawn at the edge."""

    def scale(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if log else (value - low) / ((high - low) or 1.0)
        return bottom - (bottom - TOP) * min(1.0, max(0.0, share))

    return scale


def _left(place: float, total: int) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * place / max(1, total)


def _place(column: Column, total: int) -> float:
    return _left((column.first + column.last + 1) / 2, total)


def _frame(bands: Sequence[Band], total: int) -> str:
    parts = []
    for index, band in enumerate(bands):
        x, right = _left(band.start, total), _left(band.end, total)
        shade = " shaded" if index % 2 else ""
        parts.append(
            f'<rect class="band {_domain(band.domain)}{shade}" x="{x:.1f}" y="{TOP}" width="{right - x:.1f}" '
            f'height="{HEIGHT - BOTTOM - TOP}"/>'
        )
        room = (right - x - 2) / CHAR
        # A name cut to three letters tells nothing: then the domain, or nothing; hovering names the stage.
        text = next((text for text in (band.label, band.domain) if text and len(text) <= room), None)
        if text is not None:
            parts.append(
                f'<text class="stage {_domain(band.domain)}" x="{x + 2:.1f}" y="{TOP - 5}">{escape(text)}</text>'
            )
    return "".join(parts)


def _domain(domain: str) -> str:
    return domain if domain in ("sft", "math", "code", "mixed") else "mixed"


def y_axis(marks: Sequence[float], scale: Callable[[float], float], form: Callable[[float], str]) -> str:
    """Grid lines and their labels."""
    return "".join(
        f'<path class="grid" d="M{LEFT} {scale(mark):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{scale(mark) + 3.5:.1f}" text-anchor="end">{escape(form(mark))}</text>'
        for mark in marks
    )


def _x_axis(bands: Sequence[Band], total: int) -> str:
    parts, next_free = [], 0.0
    numbered = [(band.start + n, step) for band in bands for n, step in enumerate(band.steps)]
    if not numbered:
        return ""
    marks = ticks(numbered[0][1], numbered[-1][1], 6)
    every = max(1, round(marks[1] - marks[0])) if len(marks) > 1 else 1
    for place, step in numbered:
        if step % every == 0 and (x := _left(place + 0.5, total)) >= next_free:
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{step}</text>'
            )
            next_free = x + 30
    return "".join(parts)


def path(points: Sequence[tuple[float, float | None]]) -> str:
    """A path through the points; it breaks where a value is absent, and a lone point becomes a dot."""
    parts, pen = [], False
    for x, y in points:
        if y is None:
            pen = False
            continue
        parts.append(f"{'L' if pen else 'M'}{x:.1f} {y:.1f}" + ("" if pen else "h0"))
        pen = True
    return "".join(parts)


def _spread(drawn: Sequence[Column], total: int, scale: Callable[[float], float]) -> str:
    """The first series' least to greatest value in each column, as one polygon per unbroken run."""
    runs: list[list[tuple[float, float, float]]] = [[]]
    for column in drawn:
        low, high = column.lows[0], column.highs[0]
        if low is None or high is None:
            runs.append([])
        else:
            runs[-1].append((_place(column, total), scale(low), scale(high)))
    return "".join(
        "M"
        + "L".join([f"{x:.1f} {h:.1f}" for x, _, h in run] + [f"{x:.1f} {low:.1f}" for x, low, _ in run[::-1]])
        + "Z"
        for run in runs
        if run
    )


def _readouts(
    drawn: Sequence[Column], total: int, series: Sequence[Series], form: Callable[[float], str],
    scale: Callable[[float], float] | None,
) -> str:  # fmt: skip
    parts = []
    for column in drawn:
        figures = [
            (f"{line.label} {form(mean)}" if len(series) > 1 else form(mean))
            for line, mean in zip(series, column.means, strict=True)
            if mean is not None and (scale is not None or mean >= 0.0005)
        ]
        if not figures:
            continue
        steps = f"{column.step_from}" if column.first == column.last else f"{column.step_from}–{column.step_to}"
        said = escape(f"step {steps}, {column.stage}:  " + "  ".join(figures[:5]))
        x, right = _left(column.first, total), _left(column.last + 1, total)
        dots = "" if scale is None else "".join(
            f'<circle class="dot {line.style}" cx="{_place(column, total):.1f}" cy="{scale(mean):.1f}" r="2.6"/>'
            for line, mean in zip(series, column.means, strict=True)
            if mean is not None
        )  # fmt: skip
        parts.append(
            f'<g class="hit"><rect class="target" x="{x:.1f}" y="{TOP}" width="{right - x:.1f}" '
            f'height="{HEIGHT - BOTTOM - TOP}"/><g class="said">{dots}'
            f'<text x="{WIDTH - RIGHT}" y="11" text-anchor="end">{said}</text></g></g>'
        )
    return "".join(parts)
