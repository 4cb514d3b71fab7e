"""kill -9 of each process of a sandbox, at random moments: nothing is left, and no verdict is made up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from acereason.errors import RunError
from acereason.verifiers.code.sandbox import Limits, Sandbox

from .exercise import HONEST, ROOT, processes_below, run

LEVELS = (3, 0) if os.geteuid() == 0 else (2, 0)
ROOMY = Limits(10.0, 30.0, 256, 64)


def started(level: int) -> Sandbox:
    box = Sandbox(level)
    try:
        box.start()
    except RunError as error:
        pytest.skip(str(error))
    return box


def below_besides(others: set[int]) -> list[int]:
    """The processes below this one, but for `others`: those of other tests' sandboxes."""
    return [pid for pid in processes_below(os.getpid()) if pid not in others]


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def gone(pids: list[int], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_is_replaced_and_the_test_is_run_again(level: int, victim: int) -> None:
    """`victim` 0: the sandbox's outer process; 1: the one that forks programs."""
    others = set(processes_below(os.getpid()))  # sandboxes of other tests of the session
    box = started(level)
    draw = random.Random(level * 2 + victim)
    try:
        for _ in range(6):
            below = below_besides(others)
            assert len(below) >= 2
            threading.Timer(draw.random() * 0.06, kill, (below[victim],)).start()
            outcome = run(box, "import time; time.sleep(0.05)\n" + HONEST, ROOMY)
            assert (outcome.failure, outcome.stdout) == (None, b"19\n"), outcome
            time.sleep(0.07)
            assert run(box, HONEST, ROOMY).stdout == b"19\n"
        below = below_besides(others)
        assert len(below) == 2, below
        assert box.restarts >= 4
    finally:
        box.close()
    assert gone(below)


def test_a_killed_program_is_run_once_more() -> None:
    """As by a machine that has run out of memory: the signal comes from outside the sandbox."""
    others = set(processes_below(os.getpid()))
    box = started(LEVELS[0])
    try:
        timer = threading.Timer(0.15, lambda: kill(below_besides(others)[-1]))
        timer.start()
        outcome = run(box, "import time; time.sleep(0.4)\n" + HONEST, ROOMY)
        assert (outcome.failure, outcome.stdout) == (None, b"19\n"), outcome
    finally:
        box.close()


def test_a_sandbox_that_keeps_dying_is_no_verdict() -> None:
    others = set(processes_below(os.getpid()))
    box = started(LEVELS[0])
    stop = threading.Event()

    def keep_killing() -> None:
        while not stop.wait(0.01):
            for pid in below_besides(others)[:1]:
                kill(pid)

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        with pytest.raises(RunError):
            for _ in range(3):
                run(box, "import time; time.sleep(0.5)\n" + HONEST, ROOMY)
    finally:
        stop.set()
        killer.join()
        box.close()


_OWNER = """
import sys, os
sys.path.insert(0, {root!r})
from tests.verifiers.code.exercise import *
box = Sandbox({level})
box.start()
print("ready", flush=True)
while True:
    run(box, "open('f', 'w').write('x'); import time; time.sleep(0.3)", Limits(5.0, 20.0, 128, 64))
"""


@pytest.mark.parametrize("level", LEVELS)
def test_the_owner_killed_takes_everything_along(level: int, tmp_path: Path) -> None:
    started(level).close()
    for delay in (0.0, 0.17, 0.33):
        owner = subprocess.Popen(
            [sys.executable, "-c", _OWNER.format(root=str(ROOT), level=level)],
            env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert owner.stdout is not None and owner.stdout.readline() == "ready\n"
        time.sleep(delay)
        below = processes_below(owner.pid)
        assert len(below) >= 2
        owner.kill()
        owner.wait(180)
        owner.stdout.close()
        assert gone(below), below
        deadline = time.monotonic() + 20.0  # what takes the folder away does so when it sees its owner gone
        while os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert os.listdir(tmp_path) == []


def test_a_sandbox_that_cannot_start_says_so() -> None:
    with pytest.raises(RunError, match="level 2|level 1"):
        Sandbox(1 if os.geteuid() != 0 else 2, libraries=["/proc/1/nowhere"]).start()
