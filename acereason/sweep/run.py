"""`acereason train -m`: a grid of runs as one object. The same command again does what is missing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from acereason.config.folders import check_can_be_made
from acereason.config.rules import PLAIN_NAME, single_values
from acereason.config.schema import LauncherConfig
from acereason.config.sweep_schema import SweepConfig
from acereason.errors import ConfigError, InputError, RunError
from acereason.sweep import preview
from acereason.sweep.asked import Grid, Point, default_name, grid_of, with_baseline
from acereason.sweep.composing import Composer, composer
from acereason.sweep.engine import INTERRUPTED, Engine, Outcome
from acereason.sweep.planning import Planner, merged, sweep_of
from acereason.sweep.record import EXPLICIT, LOCK, SHARED, Cell, Factor, Sweep, is_sweep, read_sweep, write_sweep
from acereason.sweep.states import CellState, states_of
from acereason.tracking.files import holds_run, try_lock

LISTED = 12  # cells that a message names


def run(overrides: Sequence[str], start: Path) -> int:
    """Runs or previews the grid that the words describe, in `runs/<name>` under `start`.

    Exit code 0 where every cell is completed, 130 after Ctrl-C. Raises `ConfigError` where a cell cannot run as it is
    configured, where a budget is exceeded or another call is at the sweep, and `RunError` naming the cells that failed.
    """
    with composer() as composes:
        grid = grid_of(overrides, composes)
        for fault in (*single_values(grid.settings, "sweep"), *single_values(grid.launcher, "launcher")):
            raise ConfigError(fault)
        if grid.name is not None and not PLAIN_NAME.fullmatch(grid.name):
            raise ConfigError(f"name={grid.name}: must be a folder name of letters, digits, '.', '_' and '-'")
        folder = _folder(grid, composes, start)
        old = read_sweep(folder) if is_sweep(folder) else None
        if old is None and holds_run(folder):
            raise ConfigError(f"run_dir={folder}: already holds a run; choose another name= or run_dir= for the sweep")
        grid = with_baseline(grid, old.baseline if old else {})
        cells = Planner(composes, grid, folder, start, launching=not grid.settings.preview).cells()
    share = _share(grid, folder, start)
    if grid.settings.preview:
        return _preview(grid, merged(old, sweep_of(grid, cells, folder)), cells, share)
    _refuse(cells)
    check_can_be_made("run_dir", folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        return _launch(grid, cells, folder, share)


def _folder(grid: Grid, composes: Composer, start: Path) -> Path:
    place = grid.run_dir
    if place is None:
        name = grid.name
        if name is None:
            name = f"{grid.ablation}-{grid.settings.size}" if grid.ablation and not grid.added else None
        if name is None:
            name = default_name(grid, composes.compose(grid.points[0].words))
        place = str(Path("runs") / name)
    return (start / Path(place).expanduser()).resolve()


def _share(grid: Grid, folder: Path, start: Path) -> Path | None:
    """Where finished stages are noted: where the user says, else beside the cells; None: nowhere."""
    given = [word.partition("=")[2].strip("'\"") for word in grid.added if word.startswith("train.share=")]
    if given:
        return None if given[-1] == "null" else (start / Path(given[-1]).expanduser()).resolve()
    return folder / SHARED if grid.settings.share else None


def _asked(sweep: Sweep, cells: Sequence[Cell]) -> list[Cell]:
    """The cells of this call, with their attempts."""
    ids = {cell.id for cell in cells}
    return [cell for cell in sweep.cells if cell.id in ids]


def _preview(grid: Grid, sweep: Sweep, cells: Sequence[Cell], share: Path | None) -> int:
    asked, states = _asked(sweep, cells), states_of(sweep)
    found = preview.forecast(sweep, asked, states, grid.launcher.slots, share is not None)
    print(preview.text(sweep, asked, states, found))
    _check_budget(found, grid.settings)
    return 0


def _refuse(cells: Sequence[Cell]) -> None:
    """Raises `ConfigError` naming the cells that cannot run as they are configured."""
    refused = [cell for cell in cells if cell.refused]
    reasons: dict[str, list[str]] = {}
    for cell in refused:
        reasons.setdefault(cell.refused, []).append(cell.label)
    if refused:
        lines = [f"{_names(labels)}: {reason}" for reason, labels in reasons.items()]
        raise ConfigError("\n".join([f"{len(refused)} of {len(cells)} cells cannot run; nothing was started", *lines]))


def _names(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - LISTED} more" if len(labels) > LISTED else ""
    return "cell " + "; ".join(labels[:LISTED]) + more


def _check_budget(found: preview.Forecast, settings: SweepConfig) -> None:
    lines = preview.over_budget(found, settings)
    if lines:
        raise ConfigError("\n".join([*lines, "nothing was started; ask for less, or raise the budget"]))


def _launch(grid: Grid, cells: Sequence[Cell], folder: Path, share: Path | None) -> int:
    """The rest of `run`, with the sweep held for this process alone."""
    old = read_sweep(folder) if is_sweep(folder) else None
    sweep = merged(old, sweep_of(grid, list(cells), folder))
    asked, states = _asked(sweep, cells), states_of(sweep)
    stale = [cell for cell in asked if states[cell.id].state == "stale"]
    if stale and grid.settings.stale == "error":
        lines = [f"{cell.short} {cell.label}: {states[cell.id].reason}" for cell in stale[:LISTED]]
        raise ConfigError("\n".join([
            f"{len(stale)} completed cells of {folder} are stale: their code or data has changed since", *lines,
            "keep them as they are with sweep.stale=keep, or run them again with sweep.stale=rerun",
        ]))  # fmt: skip
    done = ("completed", "running", *(["stale"] if grid.settings.stale == "keep" else []))
    found = preview.forecast(
        sweep, asked, states, grid.launcher.slots, share is not None, grid.settings.stale == "rerun"
    )
    _check_budget(found, grid.settings)
    write_sweep(sweep)
    if share is not None:
        share.mkdir(parents=True, exist_ok=True)
    todo = [cell for cell in asked if states[cell.id].state not in done]
    print(_opening(sweep, asked, states, todo), flush=True)
    outcomes: list[Outcome] = []
    try:
        if todo:
            engine = Engine(sweep, grid.settings, grid.launcher, share, grid.launching)
            outcomes = engine.run(todo, states, found.seconds)
    finally:
        _report(folder)
    return _close(read_sweep(folder), asked, outcomes)


def _opening(sweep: Sweep, asked: Sequence[Cell], states: Mapping[str, CellState], todo: Sequence[Cell]) -> str:
    counts: dict[str, int] = {}
    for cell in asked:
        counts[states[cell.id].state] = counts.get(states[cell.id].state, 0) + 1
    lines = [f"{sweep.folder}: {len(asked)} cells: {', '.join(f'{n} {state}' for state, n in counts.items())}; "
             f"{len(todo)} to be run"]  # fmt: skip
    for cell in asked:
        if cell.also:
            points = "; ".join(", ".join(f"{key}={level}" for key, level in levels.items()) for levels in cell.also)
            lines.append(f"{cell.short} {cell.label} is one run for {points} as well")
        if states[cell.id].state == "stale":
            lines.append(f"{cell.short} {cell.label} is stale: {states[cell.id].reason}")
    if sweep.superseded:
        lines.append(
            f"{len(sweep.superseded)} earlier cells are no part of the sweep any more: it is configured otherwise"
        )
    return "\n".join(lines)


def _close(sweep: Sweep, asked: Sequence[Cell], outcomes: Sequence[Outcome]) -> int:
    """Says what became of this call. Raises `RunError` naming the cells that failed."""
    failed = [one for one in outcomes if one.code not in (0, INTERRUPTED)]
    completed = sum(one.code == 0 for one in outcomes)
    skipped = len(asked) - len(outcomes)
    print(f"{completed} cells completed, {skipped} were not to be run, {len(failed)} failed", flush=True)
    if failed:
        lines = [
            f"cell {one.cell.short} ({one.cell.label}): {one.reason}; its output: {one.cell.output}" for one in failed
        ]
        raise RunError("\n".join([f"{len(failed)} of {len(asked)} cells failed", *lines]))
    return INTERRUPTED if any(one.code for one in outcomes) else 0


def _report(folder: Path) -> None:
    """Writes the report, whatever happened before."""
    try:
        from acereason.sweep.report import write_report

        print(f"the report is {write_report(folder)}", flush=True)
    except Exception as problem:  # the runs are what they are, with or without their picture
        print(f"the report could not be written: {type(problem).__name__}: {problem}", flush=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a sweep for this process. Raises `InputError` where another one has it; a dead one has nothing."""
    with open(folder / LOCK, "a+") as stream:
        if not try_lock(stream):
            stream.seek(0)
            other = stream.read().strip() or "unknown"
            raise InputError(
                f"{folder}: another acereason train -m is at this sweep (process {other}); wait for it, or choose "
                "another name="
            )
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def run_points(words: Sequence[Sequence[str]], folder: Path, launcher: LauncherConfig) -> dict[int, Outcome]:
    """Runs points that are listed one by one, as Hydra's own sweepers give them; place in the list -> outcome.

    What differs between them are the factors. Points that were completed before are not run again.
    """
    points, factors, seeds = _listed(words)
    grid = Grid(
        name=None, run_dir=str(folder), title=", ".join(factor.name for factor in factors), question="", answers="",
        factors=factors, baseline=points[0].levels, seeds=seeds, points=tuple(points), choices={}, common=(),
        settings=SweepConfig(), launcher=launcher, ablation=None, added=(), launching=(),
    )  # fmt: skip
    with composer() as composes:
        cells = Planner(composes, grid, folder, Path.cwd(), launching=True).cells()
    sound = [cell for cell in cells if not cell.refused]
    outcomes = {cell.id: Outcome(cell, 2, cell.refused) for cell in cells}
    folder.mkdir(parents=True, exist_ok=True)
    if sound:
        with locked(folder):
            old = read_sweep(folder) if is_sweep(folder) else None
            sweep = merged(old, dataclasses.replace(sweep_of(grid, sound, folder)))
            write_sweep(sweep)
            states = states_of(sweep)
            todo = [cell for cell in _asked(sweep, sound) if states[cell.id].state not in ("completed", "running")]
            engine = Engine(sweep, grid.settings, launcher, folder / SHARED)
            (folder / SHARED).mkdir(exist_ok=True)
            outcomes |= {cell.id: Outcome(cell, 0) for cell in sound}
            outcomes |= {one.cell.id: one for one in engine.run(todo, states, {})}
            _report(folder)
    by_place = {_key(levels, cell.seed): outcomes[cell.id] for cell in cells for levels in (cell.levels, *cell.also)}
    return {place: by_place[_key(point.levels, point.seed)] for place, point in enumerate(points)}


def _listed(words: Sequence[Sequence[str]]) -> tuple[list[Point], tuple[Factor, ...], tuple[int, ...]]:
    rows = [{word.partition("=")[0]: word for word in row} for row in words]
    differing = [key for key in dict.fromkeys(key for row in rows for key in row)
                 if key != "seed" and len({row.get(key) for row in rows}) > 1]  # fmt: skip
    points = []
    for row, whole in zip(rows, words, strict=True):
        levels = {key: row[key].partition("=")[2] if key in row else "" for key in differing}
        seed = row.get("seed", "seed=1").partition("=")[2]
        points.append(Point(levels or {EXPLICIT: "all"}, int(seed), tuple(whole)))
    names = list(dict.fromkeys(key for point in points for key in point.levels))
    factors = tuple(Factor(name, tuple(dict.fromkeys(p.levels[name] for p in points))) for name in names)
    return points, factors, tuple(dict.fromkeys(point.seed for point in points))


def _key(levels: Mapping[str, str], seed: int) -> tuple[Any, ...]:
    return (seed, *sorted(levels.items()))
