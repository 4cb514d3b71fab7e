"""A run in a few lines of text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acereason.errors import InputError
from acereason.tracking import files
from acereason.tracking.run_view import StageView, load_run
from acereason.tracking.time_left import duration

MOST_PROBLEMS = 5  # lines on damaged files; the rest are counted


def status_table(run_dir: Path) -> str:
    """State, time and checkpoint of a run, and a line for each stage. Raises `InputError` where there is no run."""
    if not files.holds_run(run_dir):
        raise InputError(f"{run_dir} holds no run (no {files.CONFIG} and no {files.METRICS})")
    run = load_run(run_dir)
    head = [f"{run.name}: {run.state}", f"{run.steps} steps", duration(run.wall_seconds)]
    if run.checkpoint:
        head.append(run.checkpoint)
    lines = [", ".join(head)]
    if run.error:
        lines.append(f"failed: {run.error}")
    for problem in run.problems[:MOST_PROBLEMS]:
        file, _, said = problem.partition(": ")
        lines.append(f"damaged: {file} ({said})")
    if len(run.problems) > MOST_PROBLEMS:
        lines.append(f"damaged: {len(run.problems) - MOST_PROBLEMS} more places")
    rows: list[tuple[str, ...]] = [("stage", "domain", "steps", "time", "math", "code")]
    rows += [_stage(stage) for stage in run.stages]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return "\n".join(lines) + "\n"


def _stage(stage: StageView) -> tuple[str, ...]:
    steps = str(stage.steps) if stage.planned in (None, stage.steps) else f"{stage.steps}/{stage.planned}"
    change = (_change(stage.before.get(domain), stage.after.get(domain)) for domain in ("math", "code"))
    return (stage.name, stage.domain, steps, duration(stage.seconds), *change)


def _change(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    figures = [(values or {}).get("avg_at_k") for values in (before, after)]
    first, second = ("–" if value is None else f"{100 * value:.1f}" for value in figures)
    return "–" if first == second == "–" else f"{first} → {second}"
