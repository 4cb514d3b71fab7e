"""The trusted worker's end of the sandbox: starts it at the best level there is, and runs one test in it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from acereason.errors import RunError
from acereason.verifiers.code import isolation
from acereason.verifiers.processes import (
    ProcessGone,
    end,
    library_paths,
    packet_pair,
    receive_packet,
    send_packet,
    start_python,
)

START_S = 60.0
GRACE_S = 30.0  # for the zygote to report, beyond the wall time that it keeps itself
TMP_MB = 64
_PREFIX = "acereason-sandbox-"
_ERROR_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """What one test may use. `cpu_s` decides and `wall_s` guards; memory is beyond the interpreter's own."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    output_kb: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended. `failure` is `timeout`, `resource`, `crash`, or None where the program ended well."""

    failure: str | None
    detail: str
    stdout: bytes
    record: bytes
    cpu_s: float


class Sandbox:
    """One sandbox, replaced when it dies. `level` is known after `start`."""

    def __init__(self, level: int | None = None, libraries: list[str] | None = None) -> None:
        self.level: int | None = None
        self._libraries = library_paths() if libraries is None else libraries
        self.restarts = 0
        self._wanted = isolation.levels() if level is None else (level,)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._workdir: str | None = None

    def start(self) -> None:
        """Starts the sandbox if none is running. Raises `RunError` where no level works."""
        if self._process is not None:
            return
        problems = []
        for level in self._wanted:
            try:
                self._start_at(level)
            except (ProcessGone, OSError) as error:
                self._stop()
                problems.append(f"level {level}: {error}")
                continue
            self.level = level
            self._wanted = (level,)  # a replacement is no weaker and no stronger than the first
            return
        raise RunError("no sandbox for programs can be started here: " + "; ".join(problems))

    def _start_at(self, level: int) -> None:
        if level < 2 and self._workdir is None:
            _sweep_workdirs()
            self._workdir = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
            os.chmod(self._workdir, 0o777 if level == 1 else 0o700)
        self._channel, theirs = packet_pair()
        arguments = {
            "level": level,
            "workdir": self._workdir or "/tmp",
            "tmp_mb": TMP_MB,
            "readable": [os.path.realpath(sys.base_prefix), *self._libraries],
        }
        self._process = start_python("acereason.verifiers.code.zygote", arguments, theirs, self._libraries)
        theirs.close()
        hello = receive_packet(self._channel, time.monotonic() + START_S, "the sandbox's start")
        if "error" in hello:
            raise ProcessGone(hello["error"])

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            end(self._process)
        self._channel = self._process = None

    def close(self) -> None:
        """Ends the sandbox with everything in it."""
        self._stop()
        if self._workdir is not None:
            shutil.rmtree(self._workdir, ignore_errors=True)
            self._workdir = None

    def run(self, mode: str, code: bytes, given: bytes, entry: str | None, limits: Limits) -> Outcome:
        """One test in a child of its own. A program that kills the sandbox twice has crashed.

        `code` is the compiled program (marshalled); `given` is stdin, JSON arguments, or a compiled expression.
        Raises `RunError` where no sandbox can be started.
        """
        for _ in range(2):
            self.start()
            try:
                return self._run_once(mode, code, given, entry, limits)
            except ProcessGone:
                self._stop()
                self.restarts += 1
        return Outcome("crash", "the program ended its sandbox", b"", b"", 0.0)

    def _run_once(self, mode: str, code: bytes, given: bytes, entry: str | None, limits: Limits) -> Outcome:
        assert self._channel is not None
        file_bytes = max(limits.output_kb << 10, 1 << 16)
        message = {
            "mode": mode,
            "entry": entry,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "memory_mb": limits.memory_mb,
            "file_bytes": file_bytes,
        }
        fds = [_memory_file(code), _memory_file(given), _memory_file(b""), _memory_file(b"")]
        try:
            send_packet(self._channel, message, tuple(fds), "the sandbox")
            report = receive_packet(self._channel, time.monotonic() + limits.wall_s + GRACE_S, "the sandbox")
            if "error" in report:
                raise ProcessGone(report["error"])
            stdout, record = (_contents(fd, file_bytes) for fd in fds[2:])
        finally:
            for fd in fds:
                os.close(fd)
        if report["spent"]:
            self.close()
            self.restarts += 1
        failure, detail = _failure(report, limits, file_bytes, stdout, record)
        return Outcome(failure, detail, stdout, record, report["cpu_s"])


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC)
    written = 0
    while written < len(content):
        written += os.write(fd, content[written:])
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _contents(fd: int, most: int) -> bytes:
    return os.pread(fd, min(os.fstat(fd).st_size, most), 0)


def _failure(
    report: dict[str, Any], limits: Limits, file_bytes: int, stdout: bytes, record: bytes
) -> tuple[str | None, str]:
    killed = report.get("signal")
    if report["late"]:
        return "timeout", f"over {limits.wall_s:g} s wall time"
    if killed == 24 or report["cpu_s"] > limits.cpu_s:  # SIGXCPU
        return "timeout", f"over {limits.cpu_s:g} s CPU time"
    if max(len(stdout), len(record)) >= file_bytes:
        return "resource", f"output over {file_bytes >> 10} KB"
    if killed == 9:
        return "resource", "killed: out of memory or CPU"
    if killed is not None:
        return "crash", f"signal {killed}"
    if report["exit"] != 0:
        error = error_of(record)
        if error.startswith("MemoryError"):
            return "resource", f"over {limits.memory_mb} MB"
        if error.startswith(("OSError: [Errno 27]", "OSError: [Errno 28]")):  # EFBIG, ENOSPC
            return "resource", "wrote too much"
        return "crash", error or f"exit status {report['exit']}"
    return None, ""


def error_of(record: bytes) -> str:
    """The exception that the child named, or an empty text. The record is hostile: only text is taken from it."""
    try:
        error = json.loads(record[:_ERROR_CHARS]).get("error", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return error[:200] if isinstance(error, str) else ""


def _sweep_workdirs() -> None:
    """Removes working directories of workers that were killed."""
    root = tempfile.gettempdir()
    for name in os.listdir(root):
        pid = name.removeprefix(_PREFIX).split("-")[0]
        if name.startswith(_PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(os.path.join(root, name), ignore_errors=True)
