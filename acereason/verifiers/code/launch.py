"""One running sandbox process as its worker sees it: started, asked, ended, and its directory removed."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import sys
import tempfile
import time
from typing import Any

from acereason.verifiers.processes import (
    ProcessGone,
    end,
    packet_pair,
    receive_packet,
    send_packet,
    start_python,
)

START_S = 60.0
GRACE_S = 30.0  # for the sandbox to report, beyond the wall time that it keeps itself
TMP_MB = 64
TMP_FILES = 4096
_PREFIX = "acereason-sandbox-"
_starts = itertools.count()


class SandboxProcess:
    """A zygote at one level, with `imports` loaded. Raises `ProcessGone` or `OSError` where it does not start."""

    def __init__(
        self, level: int, libraries: list[str], imports: tuple[str, ...], without: tuple[str, ...], hash_seed: int = 0
    ) -> None:
        self.level = level
        self.active: tuple[str, ...] = ()
        self._folder = _Folder() if level < 2 else None
        self._channel, theirs = packet_pair()
        arguments = {
            "level": level,
            "workdir": "/tmp" if self._folder is None else self._folder.workdir,
            "tmp_mb": TMP_MB,
            "tmp_files": TMP_FILES,
            "readable": [os.path.realpath(sys.base_prefix), *libraries],
            "imports": imports,
            "without": without,
            "unique": os.getpid() * 16 + next(_starts) % 16,
        }
        try:
            self._process = start_python(
                "acereason.verifiers.code.zygote", arguments, theirs, libraries, hash_seed
            )  # fmt: skip
        except OSError:
            self._channel.close()
            self._remove_folder()
            raise
        finally:
            theirs.close()
        try:
            hello = receive_packet(self._channel, time.monotonic() + START_S, "the sandbox's start")
            if "error" in hello:
                raise ProcessGone(hello["error"])
        except ProcessGone:
            self.close()
            raise
        self.active = tuple(hello["active"])

    def ask(self, message: dict[str, Any], fds: tuple[int, ...], wall_s: float) -> dict[str, Any]:
        """The report on one test. Raises `ProcessGone`."""
        send_packet(self._channel, message, fds, "the sandbox")
        report = receive_packet(self._channel, time.monotonic() + wall_s + GRACE_S, "the sandbox")
        if "error" in report:
            raise ProcessGone(report["error"])
        return report  # type: ignore[no-any-return]

    def close(self) -> None:
        """Ends it with everything in it."""
        self._channel.close()
        end(self._process)
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()
            self._folder = None


class _Folder:
    """A directory on disk for levels 0 and 1. The lock on it says that its worker lives, in any pid namespace.

    Programs own only the directory inside, so that they cannot put something else in the place of it.
    """

    def __init__(self) -> None:
        _sweep()
        while True:
            self._path = tempfile.mkdtemp(prefix=_PREFIX)
            self._lock = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                self.workdir = os.path.join(self._path, "work")
                os.mkdir(self.workdir, 0o700)
                os.chmod(self._path, 0o711)
                return
            except FileNotFoundError:  # another one swept it before it was locked
                os.close(self._lock)

    def remove(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self._lock)


def _sweep() -> None:
    """Removes the directories of workers that were killed."""
    root = tempfile.gettempdir()
    for name in os.listdir(root):
        if not name.startswith(_PREFIX):
            continue
        path = os.path.join(root, name)
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:  # in use
            pass
        finally:
            os.close(lock)
