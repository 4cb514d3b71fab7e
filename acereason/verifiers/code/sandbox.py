"""The trusted worker's end of the sandbox: starts it at the best level there is, and runs one test in it."""

from __future__ import annotations

import json
import marshal
import os
from dataclasses import dataclass
from typing import Any

from acereason.errors import RunError
from acereason.verifiers.code import isolation
from acereason.verifiers.code.launch import SandboxProcess
from acereason.verifiers.processes import ProcessGone, library_paths

_ATTEMPTS = 3
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
    killed: bool = False  # by a signal that nothing in the sandbox explains


_KILLED = "killed: out of memory"
_Kind = tuple[tuple[str, ...], int]  # of a process: what it has loaded, and the seed of its hashes


class Sandbox:
    """One sandbox, replaced when it dies. `level` and `protections` are known after `start`.

    Another process, with numpy loaded or with another seed of its hashes, is started when the first program wants it.
    """

    def __init__(
        self, level: int | None = None, libraries: list[str] | None = None, without: tuple[str, ...] = ()
    ) -> None:
        """`level`: this one or none. `without` leaves out `seccomp`, `landlock` or `proc`, to test the rest."""
        self.level: int | None = None
        self.protections: tuple[str, ...] = ()
        self.restarts = 0
        self._libraries = library_paths() if libraries is None else libraries
        self._without = without
        self._wanted = isolation.levels() if level is None else (level,)
        self._running: dict[_Kind, SandboxProcess] = {}

    def start(self) -> None:
        """Starts the sandbox if none is running. Raises `RunError` where no level works."""
        if not self._running:
            self._process(((), 0))

    def _process(self, kind: _Kind) -> SandboxProcess:
        """The running process of a kind. Raises `RunError` where no level works."""
        if kind in self._running:
            return self._running[kind]
        imports, hash_seed = kind
        problems = []
        for level in self._wanted:
            try:
                process = SandboxProcess(level, self._libraries, imports, self._without, hash_seed)
            except (ProcessGone, OSError) as error:
                problems.append(f"level {level}: {error}")
                continue
            self.level, self.protections = level, process.active
            self._wanted = (level,)  # a replacement is no weaker and no stronger than the first
            self._running[kind] = process
            return process
        raise RunError("no sandbox for programs can be started here: " + "; ".join(problems))

    def _replace(self, kind: _Kind) -> None:
        self._running.pop(kind).close()
        self.restarts += 1

    def close(self) -> None:
        """Ends the sandbox with everything in it."""
        while self._running:
            self._running.popitem()[1].close()

    def run(
        self, mode: str, code: bytes, given: bytes, entry: str | None, limits: Limits, numpy: bool = False,
        hash_seed: int = 0,
    ) -> Outcome:  # fmt: skip
        """One test in a child of its own. A program that kills the sandbox again and again has crashed.

        `code` is the compiled program (marshalled); `given` is stdin, JSON arguments, or a compiled expression.
        `numpy`: the program imports it; it then runs where numpy is loaded already, which saves it some 0.1 s of CPU
        and the memory. Programs run alike without. `hash_seed`: another one than 0, which training has, shows what
        hangs on the order of a set. Raises `RunError` where no sandbox can be started, or where it dies of something
        that is not the program.
        """
        kind: _Kind = (("numpy",) if numpy else (), hash_seed)
        killed: Outcome | None = None
        for _ in range(_ATTEMPTS):
            try:
                outcome = self._run_once(self._process(kind), mode, code, given, entry, limits)
            except ProcessGone:
                self._replace(kind)
                continue
            if not outcome.killed or killed is not None:
                return outcome
            killed = outcome  # by itself, or by a machine without memory: once more, to be sure
        self._control(kind, limits)
        return killed or Outcome("crash", "the program ended its sandbox", b"", b"", 0.0)

    def _control(self, kind: _Kind, limits: Limits) -> None:
        """A program that does nothing. Raises `RunError` if that does not work either: then the machine is at fault."""
        nothing = marshal.dumps(compile("pass", "<control>", "exec"))
        try:
            outcome = self._run_once(self._process(kind), "stdin", nothing, b"", None, limits)
        except ProcessGone as error:
            self._replace(kind)
            raise RunError(f"the sandbox does not stay alive: {error}") from None
        if outcome.failure is not None:
            raise RunError(f"an empty program fails in the sandbox: {outcome.detail}")

    def _run_once(
        self, process: SandboxProcess, mode: str, code: bytes, given: bytes, entry: str | None, limits: Limits
    ) -> Outcome:
        file_bytes = max(limits.output_kb << 10, 1 << 16)
        message = {
            "mode": mode,
            "entry": entry,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "memory_mb": limits.memory_mb,
            "file_bytes": file_bytes,
        }
        fds: list[int] = []
        try:
            for content in (code, given, b"", b""):
                fds.append(_memory_file(content))
            report = process.ask(message, tuple(fds), limits.wall_s)
            stdout, record = (_contents(fd, file_bytes) for fd in fds[2:])
        finally:
            for fd in fds:
                os.close(fd)
        if report["spent"]:
            self._replace(next(kind for kind, running in self._running.items() if running is process))
        failure, detail = _failure(report, limits, file_bytes, stdout, record)
        return Outcome(failure, detail, stdout, record, report["cpu_s"], detail == _KILLED)


def probe_sandbox(libraries: list[str] | None = None) -> tuple[int, tuple[str, ...]]:
    """The level and the protections that a sandbox has here: starts one, which takes some 0.1 s, and ends it.

    Raises `RunError` where none starts.
    """
    box = Sandbox(None, libraries)
    try:
        box.start()
        assert box.level is not None
        return box.level, box.protections
    finally:
        box.close()


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
    if report["stopped"] == "late":
        return "timeout", f"over {limits.wall_s:g} s wall time"
    if report["stopped"] == "idle":
        return "timeout", "waited for nothing"
    if report["stopped"] == "full":
        return "resource", "wrote too much, or too many files"
    if killed == 24 or report["cpu_s"] > limits.cpu_s:  # SIGXCPU
        return "timeout", f"over {limits.cpu_s:g} s CPU time"
    if max(len(stdout), len(record)) >= file_bytes:
        return "resource", f"output over {file_bytes >> 10} KB"
    if killed == 9:
        return "resource", _KILLED
    if killed is not None:
        return "crash", f"signal {killed}"
    if report["exit"] != 0:
        error = error_of(record)
        if error.startswith(("MemoryError", "OSError: [Errno 12]")):  # ENOMEM
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
