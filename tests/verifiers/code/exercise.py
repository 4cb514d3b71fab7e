"""Runs the hostile programs in a sandbox and says what went wrong. As a script: under another user, in a new process.

python -m tests.verifiers.code.exercise '{"level": 2, "uid": 12345}'
python -m tests.verifiers.code.exercise '{"level": 3, "endure": 10000}'
"""

from __future__ import annotations

import ctypes
import json
import marshal
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acereason.errors import RunError
from acereason.verifiers.code.sandbox import Limits, Outcome, Sandbox
from acereason.verifiers.processes import library_paths

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
LIMITS = Limits(cpu_s=0.3, wall_s=0.25, memory_mb=128, output_kb=64)
HONEST = "a, b = map(int, input().split())\nprint(a * b + 7)"
_PREFIX = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18


def blocks(name: str) -> Iterator[tuple[str, set[str], str]]:
    """(name, flags, program) for each block of a file in `hostile`."""
    for block in (HERE / "hostile" / name).read_text().split("\n=== ")[1:]:
        heading, _, program = block.partition("\n")
        title, *flags = heading.split()
        yield title, set(flags), (_PREFIX if "c" in flags else "") + program


def compiled(program: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return marshal.dumps(compile(program, "<program>", "exec"))


def run(box: Sandbox, program: str, limits: Limits = LIMITS) -> Outcome:
    return box.run("stdin", compiled(program), b"3 4\n", None, limits)


def honest(box: Sandbox) -> str | None:
    """What is wrong with an honest program's outcome now."""
    outcome = run(box, HONEST, Limits(5.0, 30.0, 128, 64))
    return None if (outcome.failure, outcome.stdout) == (None, b"19\n") else f"{outcome.failure}: {outcome.detail}"


def processes_below(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def state() -> dict[str, Any]:
    """What must be the same before and after: mounts, descriptors, IPC objects, sandbox directories, processes."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text().count("\n"),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "ipc": [Path(f"/proc/sysvipc/{kind}").read_text().count("\n") for kind in ("shm", "msg", "sem")],
        "directories": sorted(
            name for name in os.listdir(tempfile.gettempdir()) if name.startswith("acereason-sandbox")
        ),
        "processes": processes_below(os.getpid()),
    }


def hostile(level: int, without: tuple[str, ...] = (), shared: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Every hostile program, an honest one behind each: `{"problems", "runs", "level", "protections", "restarts"}`."""
    before = state()
    box = Sandbox(level, without=without)
    problems = []
    programs = [(name, "right" in flags, program) for name, flags, program in blocks("programs.txt")]
    programs += [(name, name in ("ok", "no_read_stdin_big"), program) for name, program in shared or []]
    try:
        box.start()
        for name, may_pass, program in programs:
            outcome = run(box, program)
            if b"ESCAPED" in outcome.stdout:
                problems.append(f"{name}: {outcome.stdout[:200]!r}")
            if outcome.failure is None and outcome.stdout.split() == [b"19"] and not may_pass:
                problems.append(f"{name}: paid")
            if wrong := honest(box):
                problems.append(f"after {name}: {wrong}")
            if len(left := processes_below(os.getpid())) > 2 + len(before["processes"]):
                problems.append(f"after {name}: processes {left}")
        report = {"level": box.level, "protections": box.protections, "restarts": box.restarts}
    finally:
        box.close()
    if (after := state()) != before:
        problems.append(f"left behind: {before} became {after}")
    return {**report, "problems": problems, "runs": 2 * len(programs)}


def channels(level: int, without: tuple[str, ...] = ()) -> list[str]:
    """The names of the channels by which one test saw something of the one before it."""
    box = Sandbox(level, without=without)
    found = []
    try:
        for name, _, program in blocks("channels.txt"):
            leave, look = program.split("--- then\n")
            run(box, leave)
            outcome = run(box, look)
            if b"FOUND" in outcome.stdout:
                found.append(f"{name}: {outcome.stdout[:100]!r}")
    finally:
        box.close()
    return found


def endure(level: int, runs: int, every: int = 500) -> list[dict[str, Any]]:
    """Figures after every `every` of `runs` hostile runs, an honest one behind each: what must not grow."""
    box = Sandbox(level)
    limits = Limits(cpu_s=0.1, wall_s=0.1, memory_mb=128, output_kb=64)
    programs = [compiled(program) for _, _, program in blocks("programs.txt")]
    figures = []
    try:
        box.start()
        for number in range(runs):
            box.run("stdin", programs[number % len(programs)], b"3 4\n", None, limits)
            if wrong := honest(box):
                raise AssertionError(f"after {number} hostile runs: {wrong}")
            if (number + 1) % every == 0:
                figures.append(_figures(box) | {"runs": number + 1, "restarts": box.restarts})
    finally:
        box.close()
    return figures


def _figures(box: Sandbox) -> dict[str, Any]:
    """Processes below us; descriptors and memory of us and of the sandbox's processes; the tmp as a program sees it."""
    below = processes_below(os.getpid())
    free = run(box, "import os; s = os.statvfs('.'); print(s.f_bfree, s.f_ffree, os.listdir('.'))").stdout.decode()
    return {
        "processes": len(below),
        "descriptors": [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), *below)],
        "resident_kb": [_resident_kb(pid) for pid in (os.getpid(), *below)],
        "tmp": free.strip() if box.level and box.level >= 2 else "on disk",
    }


def _resident_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


def in_new_process(**what: Any) -> dict[str, Any]:
    """`hostile` and `channels` at `level`, in a process of the user `uid`. `error` where that level cannot be had."""
    with tempfile.TemporaryDirectory(prefix="exercise-", dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        (Path(folder) / "xyzzy_secret").write_text("1")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(f"{folder}/xyzzy_socket")
        os.chmod(f"{folder}/xyzzy_socket", 0o777)
        if what.get("uid"):  # the user whose program is to leave it alone
            os.chown(f"{folder}/xyzzy_secret", what["uid"], what["uid"])
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XYZZY_SECRET": "1", "TMPDIR": folder}
        process = subprocess.run(
            [sys.executable, "-m", "tests.verifiers.code.exercise", json.dumps(what)],
            cwd=ROOT, env=environment, capture_output=True, timeout=600,
        )  # fmt: skip
        listening.close()
    if process.returncode:
        return {"error": process.stderr.decode()[-2000:]}
    return json.loads(process.stdout)  # type: ignore[no-any-return]


def _open_to_all() -> None:
    """In a mount namespace of our own: what Python needs can be read by every user, wherever it lies.

    A directory that others may not enter is covered with an empty one, on which only what is needed appears again.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str, flags: int) -> None:
        if libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), b"mode=755") != 0:
            raise OSError(ctypes.get_errno(), f"mount {target}")

    if libc.unshare(0x20000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    needed = [os.path.realpath(sys.base_prefix), os.path.realpath(sys.prefix), str(ROOT), *library_paths()]
    needed.append(os.path.realpath(sysconfig.get_paths()["stdlib"]))
    closed: dict[str, list[str]] = {}
    for path in dict.fromkeys(needed):
        for parent in reversed(Path(path).parents):
            if not parent.stat().st_mode & 0o005 == 0o005:
                closed.setdefault(str(parent), []).append(path)
                break
    for folder, paths in closed.items():
        stash = tempfile.mkdtemp(dir="/dev/shm")
        for number, path in enumerate(paths):
            os.mkdir(f"{stash}/{number}")
            mount(path, f"{stash}/{number}", "", _MS_BIND | _MS_REC)
        mount("tmpfs", folder, "tmpfs", 0)
        for number, path in enumerate(paths):
            os.makedirs(path, exist_ok=True)
            mount(f"{stash}/{number}", path, "", _MS_BIND | _MS_REC)
            libc.umount2(f"{stash}/{number}".encode(), 2)
            os.rmdir(f"{stash}/{number}")
        os.rmdir(stash)


def main(what: dict[str, Any]) -> None:
    if os.geteuid() == 0:
        _open_to_all()
    if what.get("uid"):
        os.setgroups([])
        os.setresgid(what["uid"], what["uid"], what["uid"])
        os.setresuid(what["uid"], what["uid"], what["uid"])
        ctypes.CDLL(None).prctl(4, 1)  # a change of uid makes /proc/self belong to root
    without = tuple(what.get("without", ()))
    if "endure" in what:
        for row in endure(what["level"], what["endure"]):
            print(json.dumps(row))
        return
    try:
        report = hostile(what["level"], without, what.get("shared"))
        report["channels"] = channels(what["level"], without)
    except RunError as error:
        report = {"error": str(error)}
    print(json.dumps(report))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
