"""A rating written out, beside the paper's."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from eval import paper
from eval.forms import MARKDOWN, PLAIN, Form
from eval.rating import Rating
from eval.result_file import plain

BENCHMARK = "codeforces_elo"
NOTE = (
    "Elo's logistic chance per pairing, at its most likely value over all contests; the error is of contests drawn "
    "again. Penalties are left out, and how the paper's rating was worked out is not stated there, so its figures are "
    "beside this one rather than comparable to it."
)


def to_json(model: str, protocol: str, rating: Rating) -> dict[str, Any]:
    """Figures by name, as `ratings_file` reads them; those that are not finite are null."""
    return dict(plain({"model": model, "protocol": protocol, **asdict(rating)}))


def markdown(model: str, rating: Rating) -> str:
    """The rating as a Markdown page."""
    return _written(model, rating, MARKDOWN)


def plain_text(model: str, rating: Rating) -> str:
    """The rating for a terminal."""
    return _written(model, rating, PLAIN)


def _written(model: str, rating: Rating, form: Form) -> str:
    share = "" if rating.percentile is None else f", above {rating.percentile:.1f} % of the population"
    error = "unknown" if math.isnan(rating.standard_error) else f"{rating.standard_error:.0f}"
    parts = [form.heading(1, f"Rating of {model}"), f"{form.strong(_points(rating.rating))} ± {error}{share}.", NOTE]
    rows = [
        [p.contest, f"{p.solved:.1f}", f"{p.points:g}", f"{p.beaten:g} of {p.field}", _points(p.rating)]
        for p in rating.placings
    ]
    parts.append(form.table(["contest", "solved", "points", "beaten", "rating there"], rows))
    if rating.missing:
        parts.append(f"No result for {len(rating.missing)} problems of the contests; they count as not solved.")
    listed = [[row.name, str(row.cell)] for row in paper.figures(BENCHMARK)]
    parts += [form.heading(2, "Beside the paper"), form.table(["model", "rating"], listed)]
    return "\n\n".join(parts) + "\n"


def _points(value: float) -> str:
    if math.isinf(value):
        return "below all" if value < 0 else "above all"
    return "unknown" if math.isnan(value) else f"{value:.0f}"
