"""The warm process that programs are forked from: single-threaded, imports done, no secret in its memory.

It is told one test at a time by the trusted worker, with the program, its input and its two output files as
open descriptors; it forks a child, watches wall time, kills whatever the child left, empties the temporary
directory, and reports how the child ended. It never sees an expected output and never reads what a program wrote.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import resource
import select
import signal
import socket
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from acereason.verifiers.code import child, isolation, leftovers
from acereason.verifiers.code.landlock import FileRules
from acereason.verifiers.code.seccomp import SystemCallFilter
from acereason.verifiers.processes import die_with, prctl

RESULT_FD = 3
STACK_BYTES = 64 << 20
OPEN_FILES = 128
PROCESSES = 64
SHARED_USER_PROCESSES = 1024  # at level 0 beyond those that the user has at the start; they come and go
STARVED_MOST_S = 20.0  # how much longer a test may last for want of a processor
IDLE_S = 5.0  # a program that waits this long, with no thread that could run, waits for nothing
KILL_S = 10.0
LOOK_S = 0.1  # how often the size of a directory on disk is looked at
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_CPU_OF_PROCESS = 2  # with the inverted pid, the clock of its CPU time: clock_getcpuclockid(3)
_MESSAGE_BYTES = 1 << 16
_OOM_SCORE = 900  # when memory runs out the kernel takes a program first


class _WorkerGone(Exception):
    pass


def main(arguments: dict[str, Any]) -> None:
    """Starts the sandbox at `arguments["level"]`, says so on the socket, and serves tests until it closes."""
    channel = socket.socket(fileno=arguments["fd"])
    level = arguments["level"]
    launcher = os.getpid()
    if level < 2:  # ends in order, because there is a directory on disk to remove
        signal.signal(signal.SIGTERM, lambda *_: os._exit(_tidy_up(launcher, arguments["workdir"])))
    death_signal = signal.SIGKILL if level >= 2 else signal.SIGTERM
    die_with(arguments["parent"], death_signal)
    try:
        isolation.leave_namespaces(level, arguments["unique"])
    except OSError as error:
        channel.send(json.dumps({"error": str(error)}).encode())
        os._exit(1)
    die_with(arguments["parent"], death_signal)  # again: a change of credentials clears it
    first = os.fork()
    if first:
        channel.close()
        os.waitpid(first, 0)
        # A worker that dies closes the channel before its death is told, so the directory goes here, too.
        os._exit(_tidy_up(launcher, arguments["workdir"]) if level < 2 else 0)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # the kernel shields a first process from signals it does not handle
        die_with(launcher if level < 2 else 0)  # inside a pid namespace the parent has no number
        Zygote(channel, arguments).serve()
    except _WorkerGone:
        os._exit(0)
    except BaseException as error:
        channel.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(1)


def _tidy_up(launcher: int, workdir: str) -> int:
    for _ in range(100):
        try:
            for pid in leftovers.children(launcher):
                os.kill(pid, signal.SIGKILL)
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except (ChildProcessError, ProcessLookupError):
            break
    leftovers.wipe(workdir)
    for folder in (workdir, os.path.dirname(workdir)):
        try:
            os.rmdir(folder)
        except OSError:
            break
    return 0


class Zygote:
    """The state of the serving process: where programs work, what protects, and how much memory it holds itself."""

    def __init__(self, channel: socket.socket, arguments: dict[str, Any]) -> None:
        self.channel = channel
        self.level: int = arguments["level"]
        self.tmp_bytes, self.tmp_files = arguments["tmp_mb"] << 20, arguments["tmp_files"]
        for name in arguments["imports"]:
            _import(name)
        self.modules = child.empty_modules()
        self.own_bytes = _address_space()
        readable = arguments["readable"]
        self.workdir = isolation.workdir_of(self.level, readable, arguments["workdir"])
        _be_the_first_to_go()
        self.active = isolation.enter(
            self.level,
            readable,
            self.workdir,
            arguments["tmp_mb"],
            self.tmp_files,
            arguments["unique"],
            proc="proc" not in arguments["without"],
        )
        die_with(0)  # again: a change of credentials clears it
        prctl(_PR_SET_CHILD_SUBREAPER, 1)  # a daemon that a program leaves becomes ours, and is killed with the rest
        self.pid = os.getpid()
        self.process_limit = PROCESSES
        if self.level == 0:
            self.process_limit = SHARED_USER_PROCESSES + leftovers.threads_of_user(os.getuid())
        self.last_fd = max(256, channel.fileno() + 16)
        os.environ.clear()
        os.environ.update({"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.workdir, "LANG": "C.UTF-8"})
        os.environ.update({"TMPDIR": self.workdir, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        os.chdir(self.workdir)
        os.umask(0o077)
        self.file_rules = self._file_rules(readable) if "landlock" not in arguments["without"] else None
        self.filter = self._filter() if "seccomp" not in arguments["without"] else None
        leftovers.wipe(self.workdir)
        gc.collect()
        gc.freeze()

    def _file_rules(self, readable: list[str]) -> FileRules | None:
        seen = ["/"] if self.level >= 2 else [*isolation.SYSTEM, *readable]
        try:
            rules = FileRules(seen, [self.workdir, *(f"/dev/{name}" for name in isolation.DEVICES)])
        except OSError:
            return None
        if not _holds(rules.apply, lambda: os.listdir(self.workdir)):
            return None
        self.active.append(f"Landlock {rules.version}")
        return rules

    def _filter(self) -> SystemCallFilter | None:
        try:
            SystemCallFilter("sandbox").install()
            rest = SystemCallFilter("program" if self.level else "shared")
        except OSError:
            return None
        if not _holds(rest.install, lambda: _expect_refusal(os.fork)):
            return None
        self.active.append("system-call filter")
        return rest

    def serve(self) -> NoReturn:
        """Runs tests until the worker closes the socket."""
        self.channel.send(json.dumps({"level": self.level, "active": self.active}).encode())
        while True:
            data, fds, _, _ = socket.recv_fds(self.channel, _MESSAGE_BYTES, 4)
            if not data:
                raise _WorkerGone
            self.channel.send(json.dumps(self.run_test(json.loads(data), fds)).encode())

    def run_test(self, test: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """How one child ended: `{"exit" | "signal", "stopped", "spent", "cpu_s", "wall_s"}`."""
        started, used = time.monotonic(), _cpu_of_children()
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(test, fds)
            finally:
                os._exit(70)
        for fd in fds:
            os.close(fd)
        stopped = self._watch(pid, test["wall_s"])
        if stopped:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._kill_the_rest(pid)
        report = {
            "spent": not leftovers.wipe(self.workdir),  # then the worker starts a new sandbox, with a new directory
            "stopped": stopped,
            "cpu_s": _cpu_of_children() - used,
            "wall_s": time.monotonic() - started,
        }
        if stopped == "gone":
            raise _WorkerGone
        if os.WIFSIGNALED(status):
            return {**report, "signal": os.WTERMSIG(status)}
        return {**report, "exit": os.WEXITSTATUS(status)}

    def _watch(self, pid: int, wall_s: float) -> str | None:
        """Waits for the end of `pid`; or why to kill it: `late`, `idle`, `full` (of files), `gone` (the worker)."""
        watch = os.pidfd_open(pid)
        try:
            poller = select.poll()
            poller.register(watch, select.POLLIN)
            poller.register(self.channel, select.POLLHUP)
            deadline = time.monotonic() + wall_s
            extended = 0.0
            clock = (~pid << 3) | _CPU_OF_PROCESS
            used_s, idle_from = 0.0, time.monotonic()
            while True:
                left = deadline + extended - time.monotonic()
                if left <= 0.0:
                    # The clock only guards: time for which the machine had no processor is not the program's.
                    starved = min(STARVED_MOST_S, leftovers.starved_s(pid))
                    if starved < extended + 0.01:
                        return "late"
                    extended = starved
                    continue
                step = min(left, IDLE_S / 4 if self.level >= 2 else LOOK_S)
                ready = poller.poll(max(1.0, step * 1000.0))
                if any(fd == watch for fd, _ in ready):
                    return None
                if ready:
                    return "gone"
                before_s, used_s = used_s, time.clock_gettime(clock)
                if used_s != before_s or not leftovers.asleep(pid):
                    idle_from = time.monotonic()
                elif time.monotonic() - idle_from > IDLE_S:
                    return "idle"
                if self.level < 2:
                    size, entries = leftovers.usage(self.workdir)
                    if size > self.tmp_bytes or entries > self.tmp_files:
                        return "full"
        finally:
            os.close(watch)

    def _become_child(self, test: dict[str, Any], fds: list[int]) -> NoReturn:
        os.setsid()
        die_with(self.pid)
        prctl(_PR_SET_DUMPABLE, 1)  # so that /dev/stdin opens; nothing in this copy of the zygote is secret
        code, given, output, result = fds
        null = os.open("/dev/null", os.O_WRONLY)
        if self.file_rules is not None:
            self.file_rules.apply()
        top = 200  # first out of the way, since a descriptor may already hold the number another one is to get
        for offset, fd in enumerate((code, given, output, result, null)):
            os.dup2(fd, top + offset)
        os.dup2(top + 1, 0)
        os.dup2(top + 2, 1)
        os.dup2(top + 4, 2)
        os.dup2(top + 3, RESULT_FD)
        os.dup2(top, RESULT_FD + 1)
        os.dup2(top + 1, RESULT_FD + 2)
        os.closerange(RESULT_FD + 3, self.last_fd)
        self._set_limits(test)
        random.seed(0)  # the same draws for every program in every run: a verdict can be repeated
        if self.filter is not None:
            self.filter.install()
        child.run(test["mode"], RESULT_FD + 1, RESULT_FD + 2, RESULT_FD, self.modules, test["entry"])

    def _set_limits(self, test: dict[str, Any]) -> None:
        memory = self.own_bytes + (test["memory_mb"] << 20)
        cpu = max(1, math.ceil(test["cpu_s"]))  # whole seconds only; the worker compares the exact figure
        _, stack = resource.getrlimit(resource.RLIMIT_STACK)
        soft_stack = STACK_BYTES if stack == resource.RLIM_INFINITY else min(STACK_BYTES, stack)
        for limit, soft, hard in (
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_STACK, soft_stack, stack),
            (resource.RLIMIT_FSIZE, test["file_bytes"], test["file_bytes"]),
            (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
            (resource.RLIMIT_NPROC, self.process_limit, self.process_limit),
            (resource.RLIMIT_CPU, cpu, cpu + 1),
            (resource.RLIMIT_AS, memory, memory),
            (resource.RLIMIT_MEMLOCK, 0, 0),
            (resource.RLIMIT_MSGQUEUE, 0, 0),
        ):
            _, most = resource.getrlimit(limit)
            if most != resource.RLIM_INFINITY:  # never above what we were given ourselves
                soft, hard = min(soft, most), min(hard, most) if hard != resource.RLIM_INFINITY else most
            resource.setrlimit(limit, (soft, hard))

    def _kill_the_rest(self, session: int) -> None:
        """Kills and reaps every process that the child left, however it tried to get away."""
        deadline = time.monotonic() + KILL_S
        while _reap():
            if self.level:  # every process that we may signal is a program's: own pid namespace, or own uid
                _kill(os.kill, -1)
            else:
                _kill(os.killpg, session)
                for pid in leftovers.children(self.pid):  # unreaped, so the number is still theirs
                    _kill(os.kill, pid)
            if time.monotonic() > deadline:
                raise TimeoutError("a program left processes that do not end")
            time.sleep(0.0005)


def _reap() -> bool:
    """Takes the exit status of children that have ended; whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def _kill(how: Callable[[int, int], None], target: int) -> None:
    try:
        how(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _holds(*steps: Callable[[], object]) -> bool:
    """Whether `steps` end without an error in a child of its own."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for step in steps:
                step()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def _expect_refusal(call: Callable[[], object]) -> None:
    try:
        result = call()
    except PermissionError:
        return
    if result == 0:
        os._exit(1)
    raise RuntimeError("a system call that the filter refuses went through")


def _import(name: str) -> None:
    """Imports what programs will find loaded; a library that is not installed is theirs to miss."""
    try:
        module = import_module(name)
    except ImportError:
        return
    if name == "numpy":
        module.random.seed(0)


def _be_the_first_to_go() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write(str(_OOM_SCORE))
    except OSError:
        pass


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[0]) * resource.getpagesize()
    except OSError:  # no /proc at all: what such an interpreter holds at most
        return 64 << 20


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
