"""What every process of a run owes its parent: to die with it, and to leave a log that can be quoted."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process as soon as its parent is gone, even when that was killed with -9.

    `parent`: process id of the parent, where the caller knows it (in a container it may be 1). Only Linux can do
    this; elsewhere the call does nothing and Ray's own connection check remains.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() == 1 if parent is None else os.getppid() != parent:  # it died before the call above took effect
        os._exit(1)


@contextmanager
def importing() -> Iterator[None]:
    """Around heavy imports: the collector walks over nothing while they go on, and never over what they made.

    They make a million objects that stay. To walk over them again and again takes a quarter of the time of importing
    vLLM, and afterwards nearly a second at each full collection, of which an engine asks three when it starts.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
    gc.freeze()


def log_path(logs: Path, name: str) -> Path:
    """The log file of the actor `name`: "engine 0" writes to logs/engine_0.log."""
    return logs / (re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_") + ".log")


def last_lines(path: Path, count: int = 20, at_most_bytes: int = 16384) -> str:
    """The last lines of a log, indented for quoting; a short remark where there is nothing to quote."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - at_most_bytes))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return f"  (no log at {path})"
    lines = [line for line in text.splitlines() if line.strip()][-count:]
    if not lines:
        return f"  (the log {path} is empty)"
    return "\n".join(f"  | {line}" for line in lines) + f"\n  (from {path})"
