"""An earlier result that a new one would replace is kept beside it, unless the new one holds all of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acereason.tracking.files import write_bytes
from eval.protocol import hash_of

_HASH = re.compile(r"[0-9a-f]{16}")
_KEPT = re.compile(r".+\.[0-9a-f]{16}(-\d+)?\.json")


def is_kept(path: Path) -> bool:
    """Whether a file has the name of a result that was kept."""
    return _KEPT.fullmatch(path.name) is not None


def keep_earlier(path: Path, result: Mapping[str, Any]) -> None:
    """Copies the file at `path` to NAME.<hash of its settings>.json and says so, where `result` does not cover it.

    Covered is a result of the same settings and answer rule, of which `result` has every problem with at least as many
    judged samples, and a judged greedy response wherever there is one. What has no verdict (`infra_error`) is no loss.
    """
    if not path.is_file():
        return
    content = path.read_bytes()
    earlier = _result(content)
    if earlier is not None and _covers(result, earlier):
        return
    target = _target(path, content, earlier)
    if target is None:
        return
    write_bytes(target, content)
    print(f"kept: {path} held {_described(earlier)}, which is now in {target.name}", flush=True)


def _target(path: Path, content: bytes, earlier: Mapping[str, Any] | None) -> Path | None:
    """Where to keep it: a free name, or that of a kept result which it covers; None where a kept one covers it."""
    name = hashlib.sha256(content).hexdigest()[:16] if earlier is None else _settings_hash(earlier)
    number = 1
    while True:
        target = path.with_name(f"{path.stem}.{name}{'' if number == 1 else f'-{number}'}.json")
        if not target.exists():
            return target
        there = _result(target.read_bytes())
        if target.read_bytes() == content or (there and earlier and _covers(there, earlier)):
            return None
        if there and earlier and _covers(earlier, there):
            return target
        number += 1


def _result(content: bytes) -> dict[str, Any] | None:
    """A result; None for anything else, which is kept all the more."""
    try:
        raw = json.loads(content)
        _judged(raw)
        sampled = all(len(problem["samples"]) for problem in raw["problems"])
        shaped = isinstance(raw["settings"], dict) and sampled and isinstance(raw["answer_rule"], str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return raw if shaped else None


def _judged(result: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(samples, greedy responses) with a verdict, by problem."""
    return {
        problem["id"]: (_verdicts(problem["samples"]), _verdicts([one] if (one := problem.get("greedy")) else []))
        for problem in result["problems"]
    }


def _verdicts(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["reward"] is not None for row in rows)


def _settings_hash(result: Mapping[str, Any]) -> str:
    stated = result["settings"].get("hash")
    return stated if isinstance(stated, str) and _HASH.fullmatch(stated) else hash_of(dict(result["settings"]))


def _covers(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    same = all(new.get(key) == old.get(key) for key in ("model", "protocol", "benchmark", "answer_rule"))
    if not same or _settings_hash(new) != _settings_hash(old):
        return False
    here = _judged(new)
    return all(
        here.get(name, (0, 0))[0] >= samples and here.get(name, (0, 0))[1] >= greedy
        for name, (samples, greedy) in _judged(old).items()
    )


def _described(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "something else"
    k = "varies" if result.get("k") is None else result["k"]
    return f"{len(result['problems'])} problems with k {k} by answer rule {result['answer_rule']}"
