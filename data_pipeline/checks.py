"""What is looked at before the first stage runs, and as soon as a number of rows is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acereason.errors import InputError
from data_pipeline.manifest import Manifest
from data_pipeline.stages import OutsideFile, Stage


def check_outside(stages: Sequence[Stage], picked: Sequence[str]) -> None:
    """Raises `InputError`, one line a file, where a chosen stage reads one that cannot be read. Fetches nothing."""
    faults: dict[str, None] = {}
    remedies: dict[str, None] = {}
    for stage in stages:
        for file in (stage.outside(False) or ()) if stage.name in picked else ():
            fault = unreadable(file)
            if fault is not None:
                faults[fault] = None
                remedies |= {file.remedy: None} if file.remedy else {}
    if faults:
        raise InputError("\n".join([*faults, *remedies]))


def check_enough(stages: Sequence[Stage], picked: Sequence[str], done: Mapping[str, Manifest]) -> None:
    """Raises `InputError` where a stage that is made leaves fewer rows than a chosen one behind it needs."""
    by_name = {stage.name: stage for stage in stages}
    for stage in stages:
        before = stage.over
        while stage.fewest and stage.name in picked and before is not None:
            if before in done and done[before].rows_out < stage.fewest:
                raise InputError(
                    f"{stage.asked}: only {done[before].rows_out:,} problems are left after {before}, and "
                    f"{stage.fewest:,} are needed at least; lower it or give more"
                )
            before = by_name[before].over


def unreadable(file: OutsideFile) -> str | None:
    """What is wrong with a file from outside, with the key that names it; None where it can be read."""
    try:
        with open(file.path, "rb"):
            return None
    except OSError as error:
        said = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        return f"{file.key}={file.path}: {said}" if file.key else f"{file.path}: {said}"
