"""`acereason data math` and `acereason data code`: from a configuration to a set of problems and its report."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from acereason.config.compose import compose_root, to_yaml
from acereason.config.folders import check_can_be_made
from acereason.config.rules import single_values
from acereason.errors import ConfigError
from acereason.tracking.files import CONFIG, read_object, write_bytes
from data_pipeline.checks import check_enough, check_outside
from data_pipeline.code.stages import code_stages
from data_pipeline.folders import alone
from data_pipeline.graph import Choice, chosen, preview, run
from data_pipeline.join import STAGE as JOINED
from data_pipeline.manifest import MANIFEST
from data_pipeline.math_stages import math_stages
from data_pipeline.publish import DATASET, outdated, publish, recover
from data_pipeline.rules import violations
from data_pipeline.schema import ROOTS
from data_pipeline.stages import Stage

STAGES: dict[str, Callable[[Any, Path], list[Stage]]] = {"math": math_stages, "code": code_stages}


def run_command(kind: str, words: Sequence[str], where: Path) -> int:
    """Composes `conf/data_<kind>.yaml` and runs its stages; returns the exit code. Raises `InputError`, `RunError`."""
    root = f"data_{kind}"
    # Hydra cannot choose "none" where none is the default.
    config = compose_root(
        root, ROOTS[root], [word for word in words if word not in ("teacher=null", "difficulty=null")]
    )
    faults = list(single_values(config)) or list(violations(config))
    if faults:
        raise ConfigError("\n".join(faults))
    out = where / Path(config.out).expanduser()
    check_can_be_made("out", out)
    if read_object(out / DATASET / MANIFEST).get("stage") == JOINED:
        raise ConfigError(f"out={config.out}: {out / DATASET} was made by acereason data join; choose another out=")
    stages = STAGES[kind](config, where)
    choice = Choice(config.stages, config.until, config.redo)
    if config.preview:
        _preview(out, stages, choice)
        return 0
    with alone(out):
        recover(out)
        done = run(out, stages, choice, _say)
        # What was chosen of this one command is no part of what the folder holds.
        recorded = dataclasses.replace(config, preview=False, stages=(), until=None, redo=None)
        write_bytes(out / CONFIG, to_yaml(recorded).encode())
        if stages[-1].name in done:
            publish(out, stages, config)
        else:
            _say_if(outdated(out, stages))
    print(out)
    return 0


def _preview(out: Path, stages: Sequence[Stage], choice: Choice) -> None:
    """Prints what would run. Raises `InputError` where it is known already that it cannot."""
    planned = preview(out, stages, choice)
    for stage in planned:
        print(f"{stage.folder.name:<22} {stage.what:<5} {stage.why}")
    picked = chosen(stages, choice)
    check_outside(stages, picked)
    check_enough(stages, picked, {kept.stage.name: kept.manifest for kept in planned if kept.manifest is not None})


def _say_if(line: str | None) -> None:
    if line is not None:
        _say(line)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
