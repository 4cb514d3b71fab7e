"""`acereason data join`: several finished sets as one, e.g. mathematics and code for a curriculum of both.

Nothing is curated here: rows stay as they are. What would break the promise that held-out problems are in no training
data is dropped with its reason: a training problem whose statement is held out by any of the sets, and whatever
comes a second time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acereason.config.folders import check_can_be_made
from acereason.errors import ConfigError, InputError
from acereason.problems import iter_jsonl, parse_problem
from acereason.tracking.files import read_object, write_json
from data_pipeline.folders import alone, put_in_place
from data_pipeline.manifest import MANIFEST, Parent, code_version, file_hash
from data_pipeline.publish import DATASET, recover
from data_pipeline.rows import json_text, normalised
from data_pipeline.split import HELDOUT, TRAIN
from data_pipeline.stages import DROPS

CODE = ("data_pipeline.join", "data_pipeline.rows")
STAGE = "join"


def join_command(words: Sequence[str], where: Path) -> int:
    """`FOLDER FOLDER ... out=FOLDER`. Returns 0. Raises `ConfigError`, `InputError`, `RowError`."""
    keys = [word for word in words if "=" in word and not (where / Path(word).expanduser()).exists()]
    unknown = [word for word in keys if not word.startswith("out=")]
    if unknown:
        raise ConfigError(f"data join: {unknown[0]}: only out= is known here")
    outs = [word.partition("=")[2] for word in keys]
    folders = [where / Path(word).expanduser() for word in words if word not in keys]
    if len(outs) != 1 or not outs[0] or len(folders) < 2:
        raise ConfigError(f"data join {' '.join(words)}: expected FOLDER FOLDER ... out=FOLDER, two or more to join")
    out = where / Path(outs[0]).expanduser()
    check_can_be_made("out", out)
    counts = join(folders, out)
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    print(f"{out / DATASET}: {said}")
    return 0


def join(folders: Sequence[Path], out: Path) -> dict[str, int]:
    """Writes `out/dataset`; counts by what became of the rows. The same parents again: what is there is kept.

    Raises `ConfigError` where `out` is or lies in one of the folders, or holds a set that no join made; `InputError`
    where another command is at work there.
    """
    sets = {folder: folder / DATASET if (folder / DATASET).is_dir() else folder for folder in folders}
    target = out / DATASET
    for folder in folders:
        if any(place.resolve().is_relative_to(folder.resolve()) for place in (out, target)):
            raise ConfigError(f"out={out}: is, or lies in, {folder}, which is joined; choose another out=")
    parents = [asdict(parent) for folder, files in sets.items() for parent in _parents(folder.name, files)]
    with alone(out):
        recover(out)
        there = read_object(target / MANIFEST) if target.exists() else {}
        code = code_version(CODE)
        if there.get("parents") == parents and there.get("code") == code and _whole(target, there):
            return dict(there["rows"])
        if target.exists() and there.get("stage") != STAGE:
            raise ConfigError(f"out={out}: {target} is there already, and no join made it; choose another out=")
        aside = out / f".{DATASET}.part"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            counts = _write(sets, aside)
            hashes = {name: file_hash(aside / name) for name in (TRAIN, HELDOUT, DROPS)}
            manifest = {"stage": STAGE, "code": code, "parents": parents, "rows": counts, "files": hashes}
            write_json(aside / MANIFEST, manifest)
            put_in_place(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return counts


def _parents(called: str, files: Path) -> Iterator[Parent]:
    for name in (TRAIN, HELDOUT):
        path = files / name
        if not path.is_file():
            raise InputError(f"{path}: no such file; a folder that acereason data math or code wrote has it")
        yield Parent(called, name, file_hash(path))


def _whole(target: Path, manifest: dict[str, Any]) -> bool:
    return isinstance(manifest.get("rows"), dict) and all(
        (target / name).is_file() and file_hash(target / name) == sha256
        for name, sha256 in manifest.get("files", {}).items()
    )


def _write(sets: Mapping[Path, Path], aside: Path) -> dict[str, int]:
    counts: Counter[str] = Counter({"train": 0, "heldout": 0})
    seen: dict[bytes, str] = {}  # statement -> the file that has it
    ids: set[str] = set()
    with ExitStack() as stack:
        streams = {
            name: stack.enter_context(open(aside / name, "w", encoding="utf-8")) for name in (HELDOUT, TRAIN, DROPS)
        }
        for name, what in ((HELDOUT, "heldout"), (TRAIN, "train")):  # what is held out anywhere is known first
            for folder, files in sets.items():
                path = files / name
                for line, row in iter_jsonl(path):
                    problem = parse_problem(path, line, row)
                    text = json_text(row, path, line, "<row>", sort_keys=False)
                    key = hashlib.blake2b(normalised(problem.prompt).encode(), digest_size=16).digest()
                    reason = None
                    if key in seen:
                        reason = "held_out" if seen[key] == HELDOUT and name == TRAIN else "same_statement"
                    elif problem.id in ids:
                        reason = "same_id"
                    if reason is None:
                        seen[key] = name
                        ids.add(problem.id)
                        counts[what] += 1
                        streams[name].write(text + "\n")
                    else:
                        counts[f"dropped: {reason}"] += 1
                        said = {"reason": reason, "file": f"{folder.name}/{name}", "line": line, "row": row}
                        streams[DROPS].write(json.dumps(said, ensure_ascii=True) + "\n")
    return dict(counts)
