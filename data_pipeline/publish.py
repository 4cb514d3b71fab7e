"""The set as it is given away: problem files in a folder of their own, outside the numbered stages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acereason.tracking.files import REPORT
from data_pipeline.card import write_card
from data_pipeline.folders import put_in_place, replaced
from data_pipeline.graph import Choice, folder_of, preview
from data_pipeline.manifest import file_hash
from data_pipeline.report.page import write_report
from data_pipeline.report.view import SetView
from data_pipeline.split import HELDOUT, TRAIN
from data_pipeline.stages import TABLE, Stage

DATASET = "dataset"
PARQUET = "problems.parquet"


def publish(out: Path, stages: Sequence[Stage], config: Any) -> Path:
    """Makes `out/dataset` of the last stage's files, and the report; returns the folder.

    It is made aside and put in place as a whole: a kill leaves the old set or the new one. The caller holds `out`.
    """
    made = folder_of(out, stages, stages[-1].name)
    target, aside = out / DATASET, out / f".{DATASET}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for source, name in ((TRAIN, TRAIN), (HELDOUT, HELDOUT), (TABLE, PARQUET)):
        shutil.copyfile(made / source, aside / name)
    view = SetView(out, stages, config.name)
    write_card(view, config, aside, (TRAIN, HELDOUT, PARQUET))
    put_in_place(aside, target)
    write_report(view, config)
    return target


def recover(out: Path) -> None:
    """Puts the old set back where a kill came between its going and the new one's coming."""
    old = replaced(out / DATASET)
    if old.is_dir() and not (out / DATASET).exists():
        os.replace(old, out / DATASET)


def outdated(out: Path, stages: Sequence[Stage]) -> str | None:
    """One line where `out/dataset` is not what the settings make now; None where it is, or there is none."""
    problems = out / DATASET / TRAIN
    if not problems.is_file():
        return None
    planned = preview(out, stages, Choice())
    why = next((f"{stage.stage.name}: {stage.why}" for stage in planned if stage.what == "runs"), None)
    manifest = planned[-1].manifest
    if why is None and manifest is not None and file_hash(problems) == manifest.files[TRAIN].sha256:
        return None
    return (
        f"{out / DATASET} and {REPORT} are of an earlier run ({why or 'another set was made since'}); run without "
        "until= and stages= to make them anew"
    )
