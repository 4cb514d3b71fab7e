"""A run directory read as a whole, for the report and the status line; whatever is absent is left empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from acereason.errors import RunError
from acereason.tracking import files

Evaluation = dict[str, dict[str, Any]]

PROMPT_CHARS = 1500
HEAD_CHARS, TAIL_CHARS = 1200, 2000  # of a response; the answer stands at the end
STEPS_PER_STAGE = 3
ROWS_READ = 96  # of one step's rollouts; among these the verdicts are sought


@dataclass
class StageView:
    """One stage: what is planned, what was done, and how it was evaluated. Seconds are wall time."""

    name: str
    domain: str
    steps: int = 0
    planned: int | None = None
    seconds: float | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    before: Evaluation = field(default_factory=dict)
    after: Evaluation = field(default_factory=dict)
    inside: dict[int, Evaluation] = field(default_factory=dict)
    groups: int | None = None  # prompts of a step
    eval_seconds: float = 0.0  # of the evaluations before and after it


@dataclass
class RunView:
    """A run as its files tell it, finished or not."""

    run_dir: Path
    name: str
    state: str
    stages: list[StageView]
    rows: list[dict[str, Any]]
    wall_seconds: float
    config: dict[str, Any]
    config_text: str
    manifest: dict[str, Any]
    dataset: dict[str, Any]
    checkpoint: str | None
    error: str | None
    problems: list[str]  # files that could not be read, said in the report rather than failing it

    @property
    def steps(self) -> int:
        return int(self.rows[-1]["step"]) if self.rows else 0


def load_run(run_dir: Path) -> RunView:
    """Reads a run directory, running or ended. Damaged files are listed in `problems`, not raised."""
    run_dir = Path(run_dir)
    problems: list[str] = []

    def read(what: Any, *arguments: Any, empty: Any) -> Any:
        try:
            return what(*arguments) or empty
        except (RunError, OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            problems.append(str(error).splitlines()[0])
            return empty

    rows = read(files.read_metrics, run_dir, empty=[])
    summary = read(files.read_json, run_dir / files.SUMMARY, empty={})
    manifest = read(files.read_json, run_dir / files.MANIFEST, empty={})
    dataset = read(files.read_json, run_dir / "data" / "dataset.json", empty={})
    path = run_dir / files.CONFIG
    config_text = read(path.read_text, "utf-8", empty="") if path.exists() else ""
    config = read(yaml.safe_load, config_text, empty={})
    config = config if isinstance(config, dict) else {}
    stages = {stage.name: stage for stage in _planned(config)}
    said = {str(stage.get("name")): stage for stage in summary.get("stages", [])}
    for name, stage in said.items():
        view = stages.setdefault(name, StageView(name, str(stage.get("domain", ""))))
        view.domain, view.seconds = str(stage.get("domain", view.domain)), stage.get("seconds")
        view.steps = int(stage.get("steps", 0))
    _add_rows(stages, rows)
    for view in stages.values():
        whole = read(files.read_eval, run_dir, view.name, empty={})
        view.before, view.after = whole.get("before", {}), whole.get("after", {})
        spent = whole.get("seconds", {})
        view.eval_seconds = sum(spent.get(when) or 0.0 for when in ("before", "after"))
        view.inside = {
            int(step): result for step, result in sorted(whole.get("steps", {}).items(), key=lambda s: int(s[0]))
        }
    return RunView(
        run_dir=run_dir,
        name=str(config.get("name") or run_dir.resolve().name),
        state=str(summary.get("status") or read(files.run_state, run_dir, empty="interrupted")),
        stages=list(stages.values()),
        rows=rows,
        wall_seconds=float(summary.get("wall_seconds") or (rows[-1].get("wall_s") if rows else 0.0) or 0.0),
        config=config,
        config_text=config_text,
        manifest=manifest,
        dataset=dataset,
        checkpoint=summary.get("checkpoint") or _newest_checkpoint(run_dir),
        error=summary.get("error"),
        problems=problems,
    )


def _planned(config: dict[str, Any]) -> Iterator[StageView]:
    curriculum = config.get("curriculum")
    stages = curriculum.get("stages") if isinstance(curriculum, dict) else None
    for name, stage in (stages or {}).items():
        if isinstance(stage, dict):
            yield StageView(
                str(name),
                str(stage.get("domain", "")),
                planned=stage.get("steps"),
                groups=stage.get("prompts_per_step"),
            )


def _add_rows(stages: dict[str, StageView], rows: list[dict[str, Any]]) -> None:
    """Deals the metrics rows out to their stages; where the summary is silent, time runs from row to row."""
    previous = 0.0
    spent: dict[str, float] = {}
    for row in rows:
        name, wall = str(row.get("stage")), float(row.get("wall_s") or previous)
        view = stages.setdefault(name, StageView(name, "sft" if "reward/mean" not in row else ""))
        view.rows.append(row)
        spent[name] = spent.get(name, 0.0) + max(0.0, wall - previous)
        previous = wall
    for name, view in stages.items():
        if view.rows:
            view.steps = int(view.rows[-1].get("stage_step", len(view.rows)))
        if view.seconds is None:
            view.seconds = spent.get(name)


def _newest_checkpoint(run_dir: Path) -> str | None:
    found = [path for path in (run_dir / "checkpoints").glob("*/step_*") if path.is_dir() and "." not in path.name]
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.relative_to(run_dir).as_posix() if newest else None


@dataclass(frozen=True)
class Sample:
    """One response as the report shows it; texts already cut, but not yet escaped."""

    stage: str
    stage_step: int
    verdict: str
    prompt: str
    text: str
    detail: str
    tokens: int | None
    finish_reason: str
    problem_id: str


def pick_samples(run: RunView, most: int = 200) -> list[Sample]:
    """At most `most` responses: first, middle and last recorded step of each stage, verdicts in turn."""
    chosen: list[tuple[str, int, Path]] = []
    for stage in run.stages:
        recorded = files.recorded_rollouts(run.run_dir, stage.name)
        if recorded:
            last = len(recorded) - 1
            places = sorted({round(last * n / (STEPS_PER_STAGE - 1)) for n in range(STEPS_PER_STAGE)})
            chosen += [(stage.name, *recorded[place]) for place in places]
    samples: list[Sample] = []
    for index, (name, step, path) in enumerate(chosen):
        room = (most - len(samples)) // (len(chosen) - index)
        rows: list[dict[str, Any]] = []
        try:
            for row in files.iter_rollout_file(path):
                rows.append(row)
                if len(rows) >= ROWS_READ:
                    break
        except FileNotFoundError:
            continue  # taken away by a running run's `rollouts.keep` since the folder was listed
        except RunError as error:
            run.problems.append(str(error))
        samples += [_sample(name, step, row) for row in _verdicts_in_turn(rows, room)]
    return samples


def _verdicts_in_turn(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The first row of each verdict, then the second of each, so that a rare verdict is seen; in file order."""
    met: Counter[str] = Counter()
    ranked = []
    for place, row in enumerate(rows):
        verdict = str(row.get("verdict"))
        ranked.append((met[verdict], place))
        met[verdict] += 1
    return [rows[place] for place in sorted(place for _, place in sorted(ranked)[:most])]


def _sample(stage: str, step: int, row: dict[str, Any]) -> Sample:
    tokens = row.get("tokens")
    return Sample(
        stage=stage,
        stage_step=step,
        verdict=str(row.get("verdict") or "unjudged"),
        prompt=_cut(str(row.get("prompt") or ""), PROMPT_CHARS, 0),
        text=_cut(str(row.get("text") or ""), HEAD_CHARS, TAIL_CHARS),
        detail=_cut(str(row.get("detail") or ""), 300, 0),
        tokens=tokens if isinstance(tokens, int) else len(tokens) if isinstance(tokens, list) else None,
        finish_reason=str(row.get("finish_reason") or ""),
        problem_id=str(row.get("problem_id") or row.get("id") or ""),
    )


def _cut(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail + 40:
        return text
    left_out = len(text) - head - tail
    return f"{text[:head]}\n[… {left_out:,} characters left out …]\n{text[len(text) - tail :]}"
