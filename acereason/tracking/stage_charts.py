"""Charts by stage: held-out accuracy, and where the time went. Drawn as those of `charts`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acereason.tracking.charts import LEFT, RIGHT, WIDTH, path, percent, svg, ticks, y_axis, y_scale
from acereason.tracking.markup import escape


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error at one place of a category axis; `place` may lie between two."""

    place: float
    label: str
    value: float
    error: float | None


def accuracy_chart(
    title: str, categories: Sequence[str], sampled: Sequence[Estimate], greedy: Sequence[Estimate], style: str, k: str
) -> str:
    """Accuracy by stage with bars of one standard error: `sampled` (avg@k) as a line, `greedy` hollow and dashed."""
    if not sampled and not greedy:
        return ""
    height, bottom = 236, 48
    scale = y_scale(0.0, 1.0, False, height - bottom)
    step = (WIDTH - RIGHT - LEFT) / max(1, len(categories))

    def x(place: float) -> float:
        return LEFT + step * (place + 0.5)

    parts = [y_axis([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], scale, percent)]
    for index, category in enumerate(categories):
        text = category if len(category) <= 13 else category[:12] + "…"
        parts.append(
            f'<text class="tick" text-anchor="end" transform="translate({x(index) + 4:.1f} {height - bottom + 14}) '
            f'rotate(-32)">{escape(text)}</text>'
        )
    for name, estimates, kind, shift in (("greedy", greedy, "greedy", 3.0), (f"avg@{k}", sampled, "sampled", -3.0)):
        points: list[tuple[float, float | None]] = [(x(e.place) + shift, scale(e.value)) for e in estimates]
        parts.append(f'<path class="line {style} {kind}" d="{path(points)}"/>')
        for estimate, (px, py) in zip(estimates, points, strict=True):
            if estimate.error is not None:
                up, down = (
                    scale(min(1.0, estimate.value + estimate.error)),
                    scale(max(0.0, estimate.value - estimate.error)),
                )
                parts.append(f'<path class="error {style}" d="M{px:.1f} {up:.1f}V{down:.1f}"/>')
            radius = 3.4 if estimate.place == int(estimate.place) else 2.2
            spread = f" ± {100 * estimate.error:.1f}" if estimate.error is not None else ""
            said = escape(f"{estimate.label}: {name} {100 * estimate.value:.1f}{spread} %")
            parts.append(
                f'<g class="hit"><circle class="point {style} {kind}" cx="{px:.1f}" cy="{py:.1f}" r="{radius}"/>'
                f'<circle class="target" cx="{px:.1f}" cy="{py:.1f}" r="9"/>'
                f'<text class="said" x="{WIDTH - RIGHT}" y="13" text-anchor="end">{said}</text></g>'
            )
    return svg(title, parts, height)


def bar_chart(
    title: str, rows: Sequence[tuple[str, Sequence[float]]], labels: Sequence[str], styles: Sequence[str],
    form: Callable[[float], str],
) -> str:  # fmt: skip
    """A stacked horizontal bar a row; `rows` are (label, one amount for each of `labels`)."""
    greatest = max((sum(amounts) for _, amounts in rows), default=0.0)
    if greatest <= 0:
        return ""
    left, pitch, top, width = 92, 25, 24, 940
    height = top + pitch * len(rows) + 22
    marks = [mark for mark in ticks(0.0, greatest, 6) if mark <= greatest * 1.001]
    parts = []
    for mark in marks:
        x = left + (width - left - 70) * mark / greatest
        parts.append(f'<path class="grid" d="M{x:.1f} {top - 4}V{height - 20}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 7}" text-anchor="middle">{form(mark)}</text>')
    for index, (label, amounts) in enumerate(rows):
        y, x = top + pitch * index, float(left)
        parts.append(f'<text class="name" x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(label[:16])}</text>')
        for name, style, amount in zip(labels, styles, amounts, strict=True):
            long = (width - left - 70) * amount / greatest
            if long <= 0:
                continue
            said = escape(f"{label}: {name} {form(amount)}, {percent(amount / (sum(amounts) or 1.0))} of the stage")
            parts.append(
                f'<g class="hit"><rect class="bar {style}" x="{x:.1f}" y="{y}" width="{long:.1f}" height="17"/>'
                f'<text class="said" x="{width - 70}" y="12" text-anchor="end">{said}</text></g>'
            )
            x += long
        parts.append(f'<text class="tick" x="{x + 6:.1f}" y="{y + 13}">{form(sum(amounts))}</text>')
    return svg(title, parts, height, width)
