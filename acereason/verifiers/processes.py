"""Starting verifier processes and talking to them.

Every process is a fresh interpreter (never a fork of the caller, which may have threads), starts without
`site` so that it is up in some 15 ms, gets a cleared environment, and dies with the process that made it:
the kernel kills it when its parent's *thread* ends (PR_SET_PDEATHSIG), so start the pool from a thread
that lives as long as the pool, normally the main thread.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_LENGTH_BYTES = 4
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

libc = ctypes.CDLL(None, use_errno=True)


class ProcessGone(Exception):
    """The other process closed its socket, died, or did not answer before the deadline (`late`)."""

    def __init__(self, what: str, late: bool = False) -> None:
        super().__init__(what)
        self.late = late


def prctl(option: int, *values: int) -> None:
    """prctl(2). Raises `OSError`."""
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)][:4]
    if libc.prctl(option, *arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def die_with(parent: int, how: int = signal.SIGKILL) -> None:
    """From here on the kernel sends this process `how` when `parent` ends. `parent` 0: do not check who that is."""
    prctl(_PR_SET_PDEATHSIG, how)
    if parent and os.getppid() != parent:  # it had ended before the line above
        os._exit(1)


def library_paths() -> list[str]:
    """Where third-party packages of this interpreter lie. An interpreter without `site` does not know it."""
    paths = sysconfig.get_paths()
    return list(dict.fromkeys(os.path.realpath(paths[name]) for name in ("purelib", "platlib")))


def start_python(
    module: str, arguments: dict[str, Any], channel: socket.socket, libraries: list[str], hash_seed: int = 0
) -> subprocess.Popen[bytes]:
    """Runs `module.main(arguments)` in a new interpreter that holds `channel` (its number is in `arguments["fd"]`).

    The child ends with the calling thread. `libraries` come after the standard library on its path. `hash_seed` decides
    the order of its sets of texts; it is the same in every worker, so that what a program prints can be repeated.
    """
    bootstrap = (
        "import sys, json; given = json.loads(sys.argv[1]);"
        "sys.path[:] = [given['root'], *sys.path, *given['libraries']];"
        "from importlib import import_module;"
        "import_module(given['module']).main(given['arguments'])"
    )
    given = {
        "root": _PACKAGE_ROOT,
        "libraries": libraries,
        "module": module,
        "arguments": {**arguments, "fd": channel.fileno(), "parent": os.getpid()},
    }
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": str(hash_seed),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if "LD_LIBRARY_PATH" in os.environ:  # an interpreter linked with a shared library may need it to start
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return subprocess.Popen(
        [sys.executable, "-s", "-S", "-P", "-X", "utf8", "-c", bootstrap, json.dumps(given)],
        pass_fds=(channel.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if not os.environ.get("ACEREASON_VERIFIER_STDERR") else None,
        env=environment,
        start_new_session=True,  # Ctrl-C is the driver's to handle
        cwd="/",
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills `process` and takes its exit status, so that no zombie is left."""
    process.kill()
    try:
        process.wait(10.0)
    except subprocess.TimeoutExpired:  # stuck in the kernel; the next start does not wait for it
        pass


def pack(message: Any) -> bytes:
    """One message of a stream: its length, then JSON in ASCII."""
    body = json.dumps(message).encode("ascii")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class FrameReader:
    """Cuts a byte stream into the messages that `pack` wrote."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The messages that `data` completes."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _LENGTH_BYTES:
            stop = _LENGTH_BYTES + int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if len(self._buffer) < stop:
                break
            messages.append(json.loads(bytes(self._buffer[_LENGTH_BYTES:stop])))
            del self._buffer[:stop]
        return messages


def wait_readable(channel: socket.socket, deadline: float, what: str) -> None:
    """Returns once `channel` has something to read; `deadline` in `time.monotonic()`. Raises `ProcessGone`."""
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    left = deadline - time.monotonic()
    if not poller.poll(max(0.0, left) * 1000.0):
        raise ProcessGone(f"no answer from {what} before its deadline", late=True)


def receive_packet(channel: socket.socket, deadline: float, what: str) -> Any:
    """One JSON message of a SEQPACKET socket. Raises `ProcessGone`."""
    wait_readable(channel, deadline, what)
    try:
        data = channel.recv(1 << 16)
    except OSError as error:
        raise ProcessGone(f"{what}: {error.strerror}") from None
    if not data:
        raise ProcessGone(f"{what} has ended")
    return json.loads(data)


def send_packet(channel: socket.socket, message: Any, fds: tuple[int, ...] = (), what: str = "process") -> None:
    """One JSON message, with open files, to a SEQPACKET socket. Raises `ProcessGone`."""
    try:
        socket.send_fds(channel, [json.dumps(message).encode("ascii")], fds)
    except OSError as error:
        raise ProcessGone(f"{what}: {error.strerror}") from None


def packet_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a local socket that keeps message borders."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
