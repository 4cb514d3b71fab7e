"""Whether a folder that does not exist yet can be made, asked before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

from acereason.errors import ConfigError

_LONGEST_NAME = 255  # bytes of one path component, on all usual file systems


def check_can_be_made(key: str, folder: Path) -> None:
    """Raises `ConfigError`, naming `key` and what is in the way, where `folder` cannot be made or written."""
    for part in folder.parts:
        if len(os.fsencode(part)) > _LONGEST_NAME:
            raise ConfigError(f"{key}={folder}: a name of {len(os.fsencode(part))} bytes is too long for a folder")
    nearest = folder
    while not os.path.lexists(nearest) and nearest.parent != nearest:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ConfigError(f"{key}={folder}: {nearest} is not a folder; choose another place")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"{key}={folder}: {nearest} cannot be written to; choose another place")
