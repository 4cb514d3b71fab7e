"""The inside of an actor process: environment first, then the import, then calls by name.

Nothing heavy is imported here, so that an actor's environment variables are set before the library
that reads them is loaded.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import os
import resource
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ray
import ray.exceptions

from acereason.errors import AceReasonError, DeadlineError, InputError
from acereason.runtime.processes import die_with_parent, importing

RESOLVE_S = 900.0  # for the value of an argument to arrive; the caller's own deadline is usually shorter


class ActorError(Exception):
    """An exception inside an actor, in a form that always survives the way to the driver."""

    def __init__(self, actor: str, method: str, kind: str, message: str, trace: str) -> None:
        super().__init__(actor, method, kind, message, trace)
        self.actor = actor
        self.method = method
        self.kind = kind
        """"input", "deadline" or "run" for our own errors, which are written to be shown; else "other"."""
        self.message = message
        self.trace = trace


def describe(actor: str, method: str, error: BaseException) -> ActorError:
    """`error`, raised by `method` of `actor`, as an ActorError."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, AceReasonError):
        kind = "input" if isinstance(error, InputError) else "deadline" if isinstance(error, DeadlineError) else "run"
        return ActorError(actor, method, kind, str(error), trace)
    return ActorError(actor, method, "other", f"{type(error).__name__}: {error}", trace)


def resolve(value: Any) -> Any:
    """`value` with every object reference inside lists, tuples and dicts replaced by what it refers to."""
    if isinstance(value, ray.ObjectRef):
        try:
            return ray.get(value, timeout=RESOLVE_S)
        except ray.exceptions.RayTaskError as error:  # the call that should have made the value failed
            raise error.cause if isinstance(error.cause, ActorError) else error from None
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if type(value) is tuple:
        return tuple(resolve(item) for item in value)
    if type(value) is dict:
        return {key: resolve(item) for key, item in value.items()}
    return value


class Host:
    """The Ray actor: holds one object of a class named by a dotted path and calls its methods."""

    def __init__(self, name: str, log: str, local: bool) -> None:
        """Tie the process to its parent and send everything it prints to the file `log`.

        `local`: all actors of the cluster are on this machine.
        """
        die_with_parent()
        self._name = name
        self._local = local
        self._subject: Any = None
        self._start_error: ActorError | None = None
        _redirect_output(Path(log))

    def construct(self, target: str, env: Mapping[str, str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Set `env`, import `target` ("package.module:Class") and construct it. Returns the actor's name."""
        args, kwargs = self._ready(args, kwargs)
        try:
            os.environ.update(env)
            module, _, attribute = target.partition(":")
            with importing():
                constructor = getattr(importlib.import_module(module), attribute)
            self._subject = constructor(*args, **kwargs)
        except Exception as error:
            self._start_error = describe(self._name, "start", error)
            print(self._start_error.trace, file=sys.stderr, flush=True)
            raise self._start_error from None
        gc.collect()
        gc.freeze()  # what is here now stays for good, so the collector need not walk over it again and again
        return self._name

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The value of `method(*args, **kwargs)` of the object held."""
        args, kwargs = self._ready(args, kwargs)
        try:
            return getattr(self._subject, method)(*args, **kwargs)
        except Exception as error:
            raise self._report(method, error) from None

    def stream(self, method: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The items of the generator `method(*args, **kwargs)` of the object held, one by one."""
        args, kwargs = self._ready(args, kwargs)
        try:
            yield from getattr(self._subject, method)(*args, **kwargs)
        except Exception as error:
            raise self._report(method, error) from None

    def rendezvous(self) -> tuple[str, int]:
        """Address of this actor's node and a TCP port that was free there just now."""
        address = "127.0.0.1" if self._local else str(ray.util.get_node_ip_address())
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
            return address, int(probe.getsockname()[1])

    def peak_memory(self) -> int:
        """Bytes held at most: by tensors on this GPU since the last call, or without one by the process so far."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            peak = int(torch.cuda.max_memory_allocated())
            torch.cuda.reset_peak_memory_stats()
            return peak
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def pid(self) -> int:
        """Process id of the actor on its node."""
        return os.getpid()

    def _ready(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with references resolved, once it is certain that there is an object to call."""
        if self._start_error is not None:
            raise self._start_error
        return resolve(args), resolve(kwargs)

    def _report(self, method: str, error: Exception) -> ActorError:
        described = describe(self._name, method, error)
        print(described.trace, file=sys.stderr, flush=True)
        return described


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="replace")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    faulthandler.enable(sys.stderr, all_threads=False)
