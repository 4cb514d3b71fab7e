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
import shutil
import signal
import socket
import stat
import time
from typing import Any, NoReturn

from acereason.verifiers.code import child, isolation
from acereason.verifiers.processes import die_with, prctl

RESULT_FD = 3
STACK_BYTES = 64 << 20
OPEN_FILES = 128
PROCESSES = 64
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_MESSAGE_BYTES = 1 << 16


def main(arguments: dict[str, Any]) -> None:
    """Starts the sandbox at `arguments["level"]`, says so on the socket, and serves tests until it closes."""
    die_with(arguments["parent"])
    channel = socket.socket(fileno=arguments["fd"])
    try:
        isolation.leave_namespaces(arguments["level"])
    except OSError as error:
        channel.send(json.dumps({"error": str(error)}).encode())
        os._exit(1)
    launcher = os.getpid()
    first = os.fork()
    if first:
        channel.close()
        os.waitpid(first, 0)
        os._exit(0)
    try:
        die_with(launcher if arguments["level"] < 2 else 0)  # inside a pid namespace the parent has no number
        Zygote(channel, arguments).serve()
    except BaseException as error:
        channel.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(1)


class Zygote:
    """The state of the serving process: where programs work and how much memory it holds itself."""

    def __init__(self, channel: socket.socket, arguments: dict[str, Any]) -> None:
        self.channel = channel
        self.level: int = arguments["level"]
        self.modules = child.empty_modules()
        self.workdir = isolation.enter(
            self.level, arguments["readable"], arguments["workdir"], arguments["tmp_mb"], arguments["parent"]
        )
        prctl(_PR_SET_CHILD_SUBREAPER, 1)  # a daemon that a program leaves becomes ours, and is killed with the rest
        self.own_bytes = _address_space()
        self.process_limit = PROCESSES if self.level else PROCESSES + _processes_of(os.getuid())
        os.environ.clear()
        os.environ.update({"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.workdir, "LANG": "C.UTF-8"})
        os.environ.update({"TMPDIR": self.workdir, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        os.chdir(self.workdir)
        os.umask(0o077)
        gc.collect()
        gc.freeze()

    def serve(self) -> NoReturn:
        """Runs tests until the worker closes the socket."""
        self.channel.send(json.dumps({"level": self.level}).encode())
        while True:
            data, fds, _, _ = socket.recv_fds(self.channel, _MESSAGE_BYTES, 4)
            if not data:
                os._exit(0)
            self.channel.send(json.dumps(self.run_test(json.loads(data), fds)).encode())

    def run_test(self, test: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """How one child ended: `{"exit" | "signal", "late", "spent", "cpu_s", "wall_s"}`."""
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(test, fds)
            finally:
                os._exit(70)
        for fd in fds:
            os.close(fd)
        watch = os.pidfd_open(pid)
        poller = select.poll()
        poller.register(watch, select.POLLIN)
        poller.register(self.channel, select.POLLHUP)
        ready = poller.poll(test["wall_s"] * 1000.0)
        os.close(watch)
        if any(fd == self.channel.fileno() for fd, _ in ready):
            os._exit(0)  # the worker has gone
        late = not ready
        if late:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._kill_the_rest(pid)
        report = {
            "spent": not self._empty_workdir(),  # then the worker starts a new sandbox, with a new directory
            "late": late,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": time.monotonic() - started,
        }
        if os.WIFSIGNALED(status):
            return {**report, "signal": os.WTERMSIG(status)}
        return {**report, "exit": os.WEXITSTATUS(status)}

    def _become_child(self, test: dict[str, Any], fds: list[int]) -> NoReturn:
        os.setsid()
        die_with(0)
        prctl(_PR_SET_DUMPABLE, 1)  # so that /dev/stdin opens; nothing in this copy of the zygote is secret
        code, given, output, result = fds
        null = os.open("/dev/null", os.O_WRONLY)
        top = 200  # first out of the way, since a descriptor may already hold the number another one is to get
        for offset, fd in enumerate((code, given, output, result, null)):
            os.dup2(fd, top + offset)
        os.dup2(top + 1, 0)
        os.dup2(top + 2, 1)
        os.dup2(top + 4, 2)
        os.dup2(top + 3, RESULT_FD)
        os.dup2(top, RESULT_FD + 1)
        os.dup2(top + 1, RESULT_FD + 2)
        os.closerange(RESULT_FD + 3, top + 5)
        try:
            with open("/proc/self/oom_score_adj", "w") as stream:
                stream.write("1000")  # when memory runs out it is this process that the kernel takes
        except OSError:
            pass
        self._set_limits(test)
        random.seed(0)  # the same draws for every program in every run: a verdict can be repeated
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
        ):
            _, most = resource.getrlimit(limit)
            if most != resource.RLIM_INFINITY:  # never above what we were given ourselves
                soft, hard = min(soft, most), min(hard, most) if hard != resource.RLIM_INFINITY else most
            resource.setrlimit(limit, (soft, hard))

    def _kill_the_rest(self, session: int) -> None:
        """Kills and reaps every process that the child left, however it tried to get away."""
        while True:
            if self.level:  # every process that we may signal is a program's: own pid namespace, or own uid
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            else:
                try:
                    os.killpg(session, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, 0):
                    pass
            except ChildProcessError:
                return

    def _empty_workdir(self) -> bool:
        """Removes what the program left; False where something will not go."""
        if not os.listdir(self.workdir):
            return True
        for attempt in range(2):
            for name in os.listdir(self.workdir):
                path = os.path.join(self.workdir, name)
                try:
                    if not stat.S_ISDIR(os.lstat(path).st_mode):
                        os.unlink(path)
                        continue
                    if attempt:
                        _make_enterable(path)
                    shutil.rmtree(path, ignore_errors=True)
                except (OSError, RecursionError):
                    continue
        return not os.listdir(self.workdir)


def _make_enterable(top: str) -> None:
    """A program may leave directories that even their owner cannot enter."""
    stack = [top]
    while stack:
        path = stack.pop()
        os.chmod(path, 0o700)
        with os.scandir(path) as entries:
            stack += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[0]) * resource.getpagesize()
    except OSError:  # no /proc inside: what such an interpreter holds at most
        return 64 << 20


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as stream:
            return [int(pid) for pid in stream.read().split()]
    except OSError:
        return []


def _processes_of(uid: int) -> int:
    """Threads of this user: at level 0 they count against the limit on processes."""
    count = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.stat(f"/proc/{entry}").st_uid == uid:
                count += len(os.listdir(f"/proc/{entry}/task"))
        except OSError:
            continue
    return count
