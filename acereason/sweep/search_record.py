"""What a search's folder says that the search is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acereason.config.schema import TrainRunConfig
from acereason.errors import ConfigError
from acereason.lineage import code_sha256
from acereason.sweep.identity import data_hash, inputs_of
from acereason.sweep.search_space import Space
from acereason.tracking.files import read_json

RECORD = "search.json"
VERSION = 1


@dataclass(frozen=True)
class Asked:
    """A search as it was asked for."""

    folder: Path
    fixed: tuple[str, ...]  # words of every run
    space: Space
    config: TrainRunConfig  # of its first point


def about(asked: Asked) -> dict[str, Any]:
    """What the search is, so that a second call knows whether it is the same one."""
    search = dataclasses.asdict(asked.config.sweep.search)
    del search["trials"]  # more of the same
    space = {key: {"kind": type(axis).__name__, **dataclasses.asdict(axis)} for key, axis in asked.space.items()}
    words = sorted(line for line in asked.fixed if not line.startswith(("launcher.", "launcher=", "tracking.")))
    inputs = {"code": code_sha256(), "data": data_hash(inputs_of(asked.config))}
    return {"version": VERSION, "search": search, "space": space, "words": words, "inputs": inputs}


def check_same(asked: Asked) -> None:
    """Raises `ConfigError` where the folder holds another search, or this one made with other code or data."""
    path = asked.folder / RECORD
    known = read_json(path)
    if known is None:
        if asked.folder.exists() and any(each.name[0] != "." for each in asked.folder.iterdir()):
            raise ConfigError(f"run_dir={asked.folder}: holds something else than a search; choose another")
        return
    now = _plain(about(asked))
    if not isinstance(known, dict) or known.get("version") != VERSION:
        raise ConfigError(f"{path}: was written by another version; choose another run_dir")
    for key in ("search", "space", "words"):
        if known.get(key) != now[key]:
            raise ConfigError(
                f"{path}: another search was begun here: its {key} was {known.get(key)}, now {now[key]}; "
                "choose another run_dir or name"
            )
    stale = [key for key in ("code", "data") if known.get("inputs", {}).get(key) != now["inputs"][key]]
    if stale and asked.config.sweep.stale != "keep":
        raise ConfigError(
            f"{path}: the search was begun with other {' and '.join(stale)}, so its trials would not compare; "
            "choose another run_dir, or go on all the same with sweep.stale=keep"
        )


def _plain(value: Any) -> Any:
    """As it comes back from a JSON file."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
