"""Folders that are held by one command and replaced as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acereason.tracking import files


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Holds `out`, which is made where it is not there, for this process.

    Raises `InputError` where another one holds it, or it cannot be made.
    """
    with files.alone(out, f"out={out}", "another command is writing there; wait for it or choose another out="):
        yield


def put_in_place(aside: Path, folder: Path) -> None:
    """Puts a finished folder in its place, whole and durable.

    A kill in between leaves the old one, or none and the old one under `replaced`.
    """
    for path in aside.rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
    old = replaced(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def replaced(folder: Path) -> Path:
    """Where the old folder lies for the moment in which the new one takes its place."""
    return folder.with_name(f".{folder.name}.old")
