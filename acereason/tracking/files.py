"""Where things lie in a run directory, and how its files are read and written.

Every file but `metrics.jsonl` is written beside its place and renamed, so that a reader, or a run that
comes back after kill -9, sees the old file or the new one and never half of one.
"""

from __future__ import annotations

import fcntl
import gzip
import io
import json
import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from acereason.errors import InputError, RunError

METRICS = "metrics.jsonl"
SUMMARY = "summary.json"
MANIFEST = "manifest.json"
CONFIG = "config.yaml"
LINEAGE = "lineage.json"
REPORT = "report.html"
LOCK = ".lock"

_ROLLOUT_NAME = re.compile(r"step_(\d{6,})\.jsonl\.gz")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` beside `path`, makes it durable, then renames it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(aside, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON; NaN and infinities become null, since JSON has no word for them."""
    text = json.dumps(finite(value), ensure_ascii=False, indent=2, allow_nan=False)
    write_bytes(path, text.encode("utf-8", "replace") + b"\n")


def read_json(path: Path) -> Any:
    """The JSON value in `path`, or None where there is no such file. Raises `RunError` when it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: expected a JSON file of a run, could not read it ({error})") from None


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, empty where there is no such file. Raises `RunError` for anything else."""
    value = read_json(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RunError(f"{path}: expected a JSON object, got {str(value)[:60]}")
    return value


def finite(value: Any) -> Any:
    """A JSON-ready copy: numpy scalars become plain numbers, NaN and infinities None, tuples lists."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return finite(value.tolist())
    return str(value)


def read_metrics(run_dir: Path) -> list[dict[str, Any]]:
    """The rows of `metrics.jsonl` in file order; a last line cut short by a kill is left out.

    Raises `RunError` where any other line is not a JSON object with a whole number `step`.
    """
    path = Path(run_dir) / METRICS
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = []
    complete = raw[: raw.rfind(b"\n") + 1]
    for number, line in enumerate(complete.splitlines(), start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row["step"], int):
                raise ValueError("no object with a whole number 'step'")
        except (ValueError, KeyError, RecursionError) as error:
            raise RunError(f"{path}:{number}: expected one JSON object a step, got {line[:60]!r} ({error})") from None
        rows.append(row)
    return rows


def rollout_path(run_dir: Path, stage: str, stage_step: int) -> Path:
    """`rollouts/<stage>/step_NNNNNN.jsonl.gz`."""
    return Path(run_dir) / "rollouts" / stage / f"step_{stage_step:06d}.jsonl.gz"


def recorded_rollouts(run_dir: Path, stage: str) -> list[tuple[int, Path]]:
    """(stage step, file) of the recorded rollouts of a stage, oldest first."""
    folder = Path(run_dir) / "rollouts" / stage
    if not folder.is_dir():
        return []
    found = ((_ROLLOUT_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match.group(1)), path) for match, path in found if match)


def write_rollout_file(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Rows as gzipped JSONL. The bytes depend on the rows alone: no file name, no time of writing."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=5, mtime=0) as stream:
        for row in rows:
            # Escaped to ASCII: a lone surrogate in a model's text then survives the round trip.
            stream.write(json.dumps(finite(row), allow_nan=False).encode("ascii") + b"\n")
    write_bytes(path, buffer.getvalue())


def iter_rollout_file(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of one rollout file, read as they are asked for. Raises `RunError`, `FileNotFoundError`."""
    try:
        with gzip.open(path, "rb") as stream:
            for line in stream:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"a row is no JSON object: {str(row)[:60]}")
                yield row
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise RunError(f"{path}: expected gzipped JSONL of one step's rollouts ({error})") from None


def read_rollouts(run_dir: Path, stage: str, stage_step: int) -> list[dict[str, Any]]:
    """All rows of one step, in the order in which they were written.

    Raises `FileNotFoundError` where the step is not recorded (see `rollouts.keep`), and `RunError` where
    its file is damaged.
    """
    return list(iter_rollout_file(rollout_path(run_dir, stage, stage_step)))


def read_eval(run_dir: Path, stage: str) -> dict[str, Any]:
    """`eval/<stage>.json`: {"before": {...}, "after": {...}, "steps": {"25": {...}}}; what is absent is left out."""
    return read_object(Path(run_dir) / "eval" / f"{stage}.json")


def read_selection(run_dir: Path, stage: str) -> dict[str, int] | None:
    """Problems of a stage: "rows" of the data, "kept" by its filters, "left" after the epochs so far; None: no filter.

    Raises `RunError` where the record of its filters is damaged.
    """
    folder = Path(run_dir) / "filters" / stage
    about, epochs = read_object(folder / "selection.json"), read_json(folder / "epochs.json")
    if not about:
        return None
    kept = about.get("kept")
    left = epochs[-1].get("left") if isinstance(epochs, list) and epochs and isinstance(epochs[-1], dict) else kept
    found = {"rows": about.get("problems"), "kept": kept, "left": left}
    counts = {name: count for name, count in found.items() if isinstance(count, int)}
    if len(counts) < len(found):
        raise RunError(f"{folder / 'selection.json'}: expected whole numbers of problems, got {found}")
    return counts


def holds_run(run_dir: Path) -> bool:
    """True where the directory already holds a run, whatever became of it."""
    return any((Path(run_dir) / name).exists() for name in (CONFIG, METRICS, SUMMARY, MANIFEST))


def try_lock(file: int | IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    """Takes the lock of an open file for as long as it is open here; False where another process has it.

    On a file system without locks there is nothing to take and no reason not to work: True.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def alone(folder: Path, called: str, otherwise: str) -> Iterator[None]:
    """Holds `folder`, which is made where it is not there, for this process.

    Raises `InputError` where it cannot be made, or another process holds it; `called` is what the message calls it,
    `otherwise` how it goes on in the second case.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = open(folder / LOCK, "ab")
    except OSError as error:
        raise InputError(f"{called}: cannot be made or written to ({error.strerror}); choose another place") from None
    with stream:
        if not try_lock(stream):
            raise InputError(f"{called}: {otherwise}")
        yield


def is_being_written(run_dir: Path) -> bool:
    """True while some process holds the run directory open for writing."""
    try:
        with open(Path(run_dir) / LOCK, "rb") as stream:
            return not try_lock(stream, fcntl.LOCK_SH)  # shared: two that ask at once do not take each other for a run
    except OSError:
        return False


def run_state(run_dir: Path) -> str:
    """`completed`, `failed` or `stopped` as the summary has it, else `running` or `interrupted`."""
    if (Path(run_dir) / SUMMARY).exists():
        return str(read_object(Path(run_dir) / SUMMARY).get("status"))
    return "running" if is_being_written(run_dir) else "interrupted"
