"""A small process that outlives the driver by a moment and ends whatever the driver's Ray has left.

The kernel ends Ray's own servers with the driver, but not what those started in turn: Ray's agents and
the children of actors live on after kill -9. They all inherit a mark in their environment, and when the
driver is gone, or has closed its end of the pipe, every process that carries the mark is killed.

Run as a script by path, without the package: it must start in milliseconds and import nothing else.
Arguments: the mark, the folder to remove, the driver's process id. Standard input: the pipe.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time

MARK = "ACEREASON_CLUSTER"


def marked_processes(mark: str) -> list[int]:
    """Ids of the processes of this user whose environment at their start carried the mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        found.append(int(entry))
            except OSError:
                continue  # it has ended, or belongs to someone else
    return found


def end_marked(mark: str, within_s: float) -> None:
    """Kill all marked processes, and look again until none is left: one may start another meanwhile."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = marked_processes(mark)
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.05)


def main() -> None:
    """Wait for the driver to go or to close the pipe, then end what it left."""
    mark, folder, driver = sys.argv[1], sys.argv[2], int(sys.argv[3])
    while os.getppid() == driver:
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable and not os.read(0, 1):
            break
    end_marked(mark, within_s=10.0)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
