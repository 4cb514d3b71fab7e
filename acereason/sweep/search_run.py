"""`acereason train -m sweep.search.trials=N ...`: runs that are asked for, made, and told to a study.

A search's folder holds `study.journal` (what was asked and told), `search.json` (what is searched, and the trials as a
table), `cells/<number>/` with a run for each trial, and `shared/`, where finished stages are noted, so that trials that
differ only from a stage on train the stages before it once.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from acereason.config.compose import compose_train
from acereason.config.paths import placed
from acereason.config.rules import check
from acereason.config.sweep_schema import USUAL
from acereason.errors import ConfigError, RunError
from acereason.launch import cells
from acereason.sweep.engine import quoted
from acereason.sweep.search import Study, Trial, table
from acereason.sweep.search_objective import check_metric, objective_of
from acereason.sweep.search_record import RECORD, Asked, about, check_same
from acereason.sweep.search_space import Space, ends, space_of, word
from acereason.sweep.states import last_error_line, signal_name
from acereason.tracking.files import alone, holds_run, is_being_written, run_state, write_json

OF_A_GRID = ("preview", "retries", "budget_hours", "budget_gpu_hours", "baseline")
POLL_S = 0.2
LEFT = -256  # no exit code: a run elsewhere has ended and is not completed
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Runner(Protocol):
    """What starts a trial's run."""

    def __call__(self, task: cells.Task) -> cells.Job: ...


def run(overrides: Sequence[str], start: Path) -> int:
    """Runs the search, or what is left of it. Exit code 0, or 130 after Ctrl-C.

    Raises `ConfigError` where it cannot be started, and `RunError` naming the trials that failed.
    """
    asked = asked_for(overrides, start)
    busy = "another process is searching here; wait for it or stop it"
    with alone(asked.folder, f"run_dir={asked.folder}", busy):
        check_same(asked)
        engine = SearchEngine(asked, lambda task: cells.start(task, asked.config.launcher))
        return engine.run()


def asked_for(overrides: Sequence[str], start: Path) -> Asked:
    """The words read, and the corners of what they describe composed and checked. Raises `ConfigError`."""
    fixed, space = space_of(overrides)
    if not space:
        raise ConfigError("sweep.search: nothing is searched; give keys as interval(..), range(..) or choice(..)")
    composed = [compose_train([*fixed, *words]) for words in ends(space)]
    first = composed[0]
    if first.ablation is not None:
        raise ConfigError(f"ablation={first.ablation.name}: is a grid; leave it out, or leave out sweep.search")
    if first.sweep.search.trials == 0:
        raise ConfigError("sweep.search.trials=0: say how many runs the search may take")
    for key in OF_A_GRID:
        if getattr(first.sweep, key) != getattr(USUAL, key):
            raise ConfigError(f"sweep.{key}: is for a grid; a search decides as it goes, leave it out")
    check_metric(first.sweep.search)
    for config in composed:
        check(placed(config, start))
    name = first.name or f"search-{first.curriculum.name}-{first.model.name}-{_short(space)}"
    folder = (start / Path(first.run_dir or f"runs/{name}").expanduser()).resolve()
    kept = [line for line in fixed if not line.partition("=")[0].startswith(("name", "run_dir", "sweep."))]
    return Asked(folder, tuple(kept), space, dataclasses.replace(first, name=name))


def _short(space: Space) -> str:
    return "-".join(dict.fromkeys(key.rpartition(".")[2] for key in space))[:60]


class _Elsewhere:
    """A run that another process is at: a job that outlived the search which submitted it."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir

    def about(self) -> dict[str, Any]:
        return {}

    def poll(self) -> int | None:
        if is_being_written(self._run_dir):
            return None
        return 0 if run_state(self._run_dir) == "completed" else LEFT

    def interrupt(self) -> None:
        """It is not ours to stop."""

    def said(self) -> str:
        return ""


class SearchEngine:
    """One call's work on a search. `start` makes a run of a task; in tests something that only looks like one."""

    def __init__(self, asked: Asked, start: Runner) -> None:
        self.asked, self.start = asked, start
        self.settings = asked.config.sweep.search
        self.study = Study(asked.folder, asked.space, self.settings)
        self.running: dict[int, tuple[Trial, cells.Job, int]] = {}
        self.asked_to_stop = 0

    def run(self) -> int:
        """Until `trials` have ended, or a stop is asked for."""
        begun = len(self.study.trials())
        waiting = self.study.pending()
        self._say(f"{begun} of {self.settings.trials} trials were begun before, {len(waiting)} of them not ended"
                  if begun else f"{self.settings.trials} trials in {self.asked.folder}")  # fmt: skip
        before = self._listen()
        slots = cells.slots_of(self.asked.config.launcher, self.settings.trials)
        try:
            while True:
                while not self.asked_to_stop and len(self.running) < slots:
                    if not waiting and len(self.study.trials()) >= self.settings.trials:
                        break
                    self._begin(waiting.pop(0) if waiting else self.study.ask())
                if not self.running:
                    break
                for number in list(self.running):
                    self._look(number)
                if self.running:
                    time.sleep(POLL_S)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._write()
        return self._conclude()

    def _begin(self, trial: Trial) -> None:
        run_dir = self._run_dir(trial)
        label = self._label(trial)
        self._write()
        if holds_run(run_dir) and run_state(run_dir) == "completed":  # and was not told before a kill
            self._tell(trial)
            return
        if is_being_written(run_dir):
            self._say(f"trial {trial.number} is running elsewhere: {label}")
            self.running[trial.number] = (trial, _Elsewhere(run_dir), 0)
            return
        resumes = holds_run(run_dir)
        if not resumes and run_dir.exists():
            shutil.rmtree(run_dir)  # what a kill left before the run had begun
        output = self._output(trial)
        begin = output.stat().st_size if output.exists() else 0
        self._say(f"trial {trial.number}{' goes on' if resumes else ''}: {label}")
        job = self.start(cells.Task(label, self._words(trial, label), run_dir, output, resumes))
        self.running[trial.number] = (trial, job, begin)

    def _look(self, number: int) -> None:
        trial, job, begin = self.running[number]
        code = job.poll()
        if code is None:
            return
        del self.running[number]
        if code == 0:
            self._tell(trial)
        elif code == LEFT and not self.asked_to_stop:
            self._begin(trial)
        elif code == cells.INTERRUPTED or self.asked_to_stop:
            self.asked_to_stop += 1  # it stays asked for, and the next call goes on with it
        else:
            said = job.said() or last_error_line(self._output(trial), begin)
            self._fail(trial, f"{signal_name(code) if code < 0 else f'exit code {code}'}: {said}")

    def _tell(self, trial: Trial) -> None:
        try:
            value = objective_of(self._run_dir(trial), self.settings)
        except RunError as error:
            self._fail(trial, str(error))
            return
        self.study.tell(trial.number, value)
        self._say(f"trial {trial.number}: {self.settings.metric} = {value:.4g}")
        self._write()

    def _fail(self, trial: Trial, reason: str) -> None:
        self.study.tell_failed(trial.number, reason)
        self._say(f"trial {trial.number} failed: {reason}")
        self._write()

    def _words(self, trial: Trial, label: str) -> tuple[str, ...]:
        name = str(self.asked.config.name)
        plain = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in name)
        own = {
            "tracking.wandb.group": quoted(name[:128]),
            "tracking.wandb.id": quoted(f"{plain[:48]}-{trial.number:03d}"),
            "tracking.wandb.name": quoted(label),
            "tracking.wandb.tags": "[search]",
        }
        if self.asked.config.sweep.share:
            own["train.share"] = quoted(str(self.asked.folder / "shared"))
        given = {line.partition("=")[0] for line in self.asked.fixed}
        added = [f"{key}={value}" for key, value in own.items() if key not in given]
        chosen = [word(key, value) for key, value in trial.values.items()]
        return (*self.asked.fixed, *chosen, *added, f"name={plain[:80]}-{trial.number:03d}")

    def _label(self, trial: Trial) -> str:
        shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in trial.values.items()}
        return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in shown.items())

    def _run_dir(self, trial: Trial) -> Path:
        return self.asked.folder / "cells" / f"{trial.number:03d}"

    def _output(self, trial: Trial) -> Path:
        return self.asked.folder / "cells" / f"{trial.number:03d}.output.txt"

    def _write(self) -> None:
        best = self.study.best()
        trials = table(self.study.trials())
        write_json(
            self.asked.folder / RECORD, about(self.asked) | {"best": best.number if best else None, "trials": trials}
        )

    def _conclude(self) -> int:
        trials, best = self.study.trials(), self.study.best()
        failed = [trial for trial in trials if trial.state == "failed"]
        if best is not None:
            words = " ".join(word(key, value) for key, value in best.values.items())
            self._say(f"best of {len(trials)}: trial {best.number}, {self.settings.metric} = {best.value:.4g}: {words}")
        if self.asked_to_stop:
            self._say("stopped; the same command goes on")
            return cells.INTERRUPTED
        if failed:
            lines = "; ".join(f"trial {trial.number} ({self._label(trial)}): {trial.reason}" for trial in failed)
            raise RunError(f"{len(failed)} of {len(trials)} trials failed: {lines}")
        return 0

    def _say(self, text: str) -> None:
        print(f"acereason: {text}", flush=True)

    def _listen(self) -> dict[int, Any]:
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    def _on_signal(self, number: int, frame: object) -> None:
        self.asked_to_stop += 1
        for _, job, _ in list(self.running.values()):
            job.interrupt()
        os.write(2, b"\nacereason: the runs finish their step and save; nothing further begins\n")
