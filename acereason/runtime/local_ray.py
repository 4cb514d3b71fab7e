"""A Ray of our own on this machine: as few processes as an actor needs, gone when the run is gone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acereason.errors import RunError
from acereason.runtime.processes import process_alive

# Read by Ray when it is imported, hence set before. A variable that the user has set is left alone.
for _name, _value in {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_event_stats": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
import ray._private.node  # noqa: E402

_FOLDER = re.compile(r"acereason-ray-(\d+)-.*")
_LONGEST_FOLDER = 40  # Ray adds up to 65 characters for its sockets, and a socket's path ends at 107


def start(cpus: int) -> Path:
    """Start Ray on this machine with `cpus` CPU slots, and return the folder that `stop` must be given.

    Must be called in a thread that outlives Ray (the main thread): the kernel ends Ray's processes
    with the thread that started them. Raises RunError when Ray does not start.
    """
    _remove_stale_folders()
    folder = _short_folder()
    if not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        # Ray listens on TCP ports and asks callers for a token. One made for this process keeps other
        # users of the machine out without the file that Ray would otherwise write into the home folder.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        with _without_extra_processes():
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                _node_ip_address="127.0.0.1",
                _temp_dir=str(folder),
            )
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise RunError(f"Ray did not start on this machine: {type(error).__name__}: {error}") from error
    return folder


def stop(folder: Path) -> None:
    """End the Ray that `start` began, with every actor, and remove its folder."""
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _without_extra_processes() -> Iterator[None]:
    """Keep `ray.init` from starting its dashboard, autoscaler and log monitor.

    A run on one machine uses none of them, and each costs about a second of a core at every start.
    `ray.init` has no switch for them, so the methods that start them are replaced meanwhile; where a
    Ray version has no such method, its processes merely start.
    """
    node: Any = ray._private.node.Node
    kept = {}
    for name in ("start_api_server", "start_monitor", "start_log_monitor"):
        if hasattr(node, name):
            kept[name] = getattr(node, name)
            setattr(node, name, lambda self, *args, **kwargs: None)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(node, name, method)


def _short_folder() -> Path:
    """A new folder for Ray's sockets and its own logs, with a path short enough for a socket."""
    for parent in (tempfile.gettempdir(), "/tmp", "/dev/shm"):
        if len(parent) + len(f"/acereason-ray-{os.getpid()}-12345678") <= _LONGEST_FOLDER and os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix=f"acereason-ray-{os.getpid()}-", dir=parent))
    raise RunError(
        f"Ray needs a writable temporary folder with a path of at most {_LONGEST_FOLDER - 30} characters; "
        f"{tempfile.gettempdir()} and /tmp do not serve. Set TMPDIR to one."
    )


def _remove_stale_folders() -> None:
    """Remove the folders of runs that were killed and could not do it themselves."""
    for parent in {tempfile.gettempdir(), "/tmp", "/dev/shm"}:
        with contextlib.suppress(OSError):
            for entry in Path(parent).iterdir():
                match = _FOLDER.fullmatch(entry.name)
                if match and not process_alive(int(match[1])):
                    shutil.rmtree(entry, ignore_errors=True)
