"""Runs stages in their order: what is there and still right is kept, the rest is made, and a kill loses no stage.

A stage is made in a folder of its own beside its place, which is renamed when it is whole. What is there is kept
where its key, which covers content and not names or times, is the one that it would have now.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from acereason.config.nearest import did_you_mean
from acereason.errors import ConfigError, InputError, RunError
from data_pipeline.checks import check_enough, check_outside, unreadable
from data_pipeline.folders import put_in_place
from data_pipeline.manifest import MANIFEST, Manifest, Parent, code_version, damage, file_hash, key_of, read_manifest
from data_pipeline.stages import OutsideFile, Stage, StageRun


@dataclass(frozen=True)
class Choice:
    """Which stages a command is about: `only` these, or all up to `until`; `redo` and what follows is made anew."""

    only: tuple[str, ...] = ()
    until: str | None = None
    redo: str | None = None


@dataclass(frozen=True)
class Planned:
    """What would become of a stage: "kept", "runs" or "left" (not chosen), and why."""

    stage: Stage
    folder: Path
    what: str
    why: str
    manifest: Manifest | None  # where it is kept


def folder_of(out: Path, stages: Sequence[Stage], name: str) -> Path:
    """`NN_name` under `out`, counted from 1."""
    return out / f"{[stage.name for stage in stages].index(name) + 1:02d}_{name}"


def chosen(stages: Sequence[Stage], choice: Choice) -> list[str]:
    """The names of the stages that the command is about, in order. Raises `ConfigError` for a name that is none."""
    names = [stage.name for stage in stages]
    for key, given in (("stages", choice.only), ("until", (choice.until,)), ("redo", (choice.redo,))):
        for name in given:
            if name is not None and name not in names:
                raise ConfigError(f"{key}={name}: no such stage{did_you_mean(name, names)}; all: {', '.join(names)}")
    picked = [name for name in names if not choice.only or name in choice.only]
    if choice.until is not None:
        picked = [name for name in picked if names.index(name) <= names.index(choice.until)]
    return picked


def preview(out: Path, stages: Sequence[Stage], choice: Choice) -> list[Planned]:
    """What a run would do, without doing or fetching anything. Raises `ConfigError`."""
    picked, remade = chosen(stages, choice), _remade(stages, choice)
    planned: list[Planned] = []
    runs: dict[str, str] = {}
    for stage in stages:
        folder = folder_of(out, stages, stage.name)
        manifest = _readable(folder)
        if stage.name not in picked:
            planned.append(Planned(stage, folder, "left", "not chosen", manifest))
            continue
        after = next((name for name in stage.reads if name in runs), None)
        why: str | None
        if stage.name in remade:
            why = "is to be made anew"
        elif after is not None:
            why = f"reads {after}, which runs" if manifest else "was never made"
        elif manifest is None:
            why = "was never made"
        else:
            why = _changed(stage, manifest, out, stages) or damage(folder, manifest)
        if why is None:
            planned.append(Planned(stage, folder, "kept", "nothing it depends on has changed", manifest))
        else:
            runs[stage.name] = why
            planned.append(Planned(stage, folder, "runs", why, None))
    return planned


def run(out: Path, stages: Sequence[Stage], choice: Choice, say: Callable[[str], None]) -> dict[str, Manifest]:
    """Makes what is missing or changed, and returns the manifests of the chosen stages.

    The caller holds `out` (`folders.alone`). Raises `InputError` where a file from outside is not there, a stage leaves
    too few rows for a later one, or its files were edited or cut short.
    """
    picked, remade = chosen(stages, choice), _remade(stages, choice)
    check_outside(stages, picked)
    left = _left_over(out, stages)
    if left:
        say(f"{out} holds {', '.join(left)} of an earlier version or another configuration; not read, can be deleted")
    done: dict[str, Manifest] = {}
    for stage in stages:
        if stage.name not in picked:
            continue
        _check_parents(out, stages, stage, done)
        folder = folder_of(out, stages, stage.name)
        outside = stage.outside(True)
        assert outside is not None
        parents = _parents(stage, out, stages, outside)
        code = code_version(stage.code)
        key = key_of(stage.name, stage.settings, stage.seed, code, parents)
        manifest = read_manifest(folder)
        if manifest is not None and manifest.key == key and stage.name not in remade:
            _refuse_damage(folder, manifest)
            say(f"{folder.name}: kept, {_rows(manifest)}")
        else:
            manifest = _make(stage, folder, out, stages, outside, parents, (key, code), say)
            say(f"{folder.name}: {_rows(manifest)}, {manifest.seconds:.1f} s")
        done[stage.name] = manifest
        check_enough(stages, picked, done)
    return done


def _left_over(out: Path, stages: Sequence[Stage]) -> list[str]:
    """Folders of stages that the graph does not have, or has under another number."""
    known = {folder_of(out, stages, stage.name).name for stage in stages}
    return sorted(
        folder.name for folder in out.glob("[0-9][0-9]_*") if folder.name not in known and (folder / MANIFEST).is_file()
    )


def _remade(stages: Sequence[Stage], choice: Choice) -> set[str]:
    """`redo` and everything that reads it, directly or not."""
    found: set[str] = set()
    for stage in stages:
        if stage.name == choice.redo or found & set(stage.reads):
            found.add(stage.name)
    return found


def _rows(manifest: Manifest) -> str:
    dropped = f", {manifest.rows_in - manifest.rows_out:,} dropped" if manifest.rows_in > manifest.rows_out else ""
    return f"{manifest.rows_out:,} rows{dropped}"


def _make(
    stage: Stage, folder: Path, out: Path, stages: Sequence[Stage], outside: Sequence[OutsideFile],
    parents: Sequence[Parent], identity: tuple[str, str], say: Callable[[str], None],
) -> Manifest:  # fmt: skip
    key, code = identity
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    begun = time.monotonic()
    lineage = {
        "stage": stage.name, "key": key, "code": code, "settings": dict(stage.settings), "seed": stage.seed,
        "parents": [asdict(parent) for parent in parents],
    }  # fmt: skip
    inputs = {name: folder_of(out, stages, name) for name in stage.reads}
    at_work = StageRun(stage, aside, inputs, outside, lineage, say)
    try:
        stage.work(at_work)
        rows_out, drops, files = at_work.finish()
    except BaseException:
        at_work.abandon()
        shutil.rmtree(aside, ignore_errors=True)
        raise
    seconds = round(time.monotonic() - begun, 3)
    manifest = Manifest(
        stage.name, key, code, dict(stage.settings), stage.seed, tuple(parents), at_work.rows_in, rows_out, drops,
        files, at_work.about, seconds,
    )  # fmt: skip
    manifest.write(aside)
    put_in_place(aside, folder)
    written = read_manifest(folder)
    assert written is not None
    return written


def _parents(stage: Stage, out: Path, stages: Sequence[Stage], outside: Sequence[OutsideFile]) -> list[Parent]:
    found = []
    for name in stage.reads:
        manifest = read_manifest(folder_of(out, stages, name))
        if manifest is None:
            raise InputError(f"{stage.name}: reads {name}, which is not there; run it first, or leave out stages=")
        found += [
            Parent(name, file, made.sha256)
            for file, made in sorted(manifest.files.items())
            if file.endswith(".parquet")
        ]
    for file in outside:
        try:
            found.append(Parent(None, file.name, file_hash(file.path)))
        except OSError as error:
            raise InputError(unreadable(file) or f"{file.path}: cannot be read ({error.strerror})") from None
    return found


def _check_parents(out: Path, stages: Sequence[Stage], stage: Stage, done: dict[str, Manifest]) -> None:
    """Refuses to read what is not as it was written; what this command made or checked is known to be."""
    for name in stage.reads:
        if name not in done:
            folder = folder_of(out, stages, name)
            manifest = read_manifest(folder)
            if manifest is not None:
                _refuse_damage(folder, manifest)


def _refuse_damage(folder: Path, manifest: Manifest) -> None:
    fault = damage(folder, manifest)
    if fault is not None:
        raise InputError(f"{fault}; run with redo={manifest.stage} to make it and what follows from it again")


def _readable(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except RunError:
        return None


def _changed(stage: Stage, manifest: Manifest, out: Path, stages: Sequence[Stage]) -> str | None:
    """Why a stage that is there would be made anew; None where it would be kept."""
    try:
        outside = stage.outside(False)
        return _difference(stage, manifest, None if outside is None else _parents(stage, out, stages, outside))
    except InputError:
        return "what it reads is not there"


def _difference(stage: Stage, manifest: Manifest, parents: Sequence[Parent] | None) -> str | None:
    """Why a stage that is there is not what it would be now; None where it is."""
    if parents is None:
        return "its files have to be fetched first"
    code = code_version(stage.code)
    if manifest.key == key_of(stage.name, stage.settings, stage.seed, code, parents):
        return None
    if manifest.settings != stage.settings:
        names = sorted(
            name for name in {*manifest.settings, *stage.settings}
            if manifest.settings.get(name) != stage.settings.get(name)
        )  # fmt: skip
        return f"its settings changed ({', '.join(names[:3])})"
    if manifest.code != code:
        return "its code changed"
    return "its seed changed" if manifest.seed != stage.seed else "what it reads changed"
