"""Calls that were sent to actors, and the ways of waiting for them: each has a deadline and a name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from acereason.errors import AceReasonError, DeadlineError, InputError, RunError
from acereason.runtime.host import ActorError
from acereason.runtime.processes import last_lines


@dataclass(frozen=True)
class Origin:
    """Where a value comes from, for messages."""

    actor: str
    method: str
    logs: dict[str, Path]
    """Log file of each actor of the cluster by Ray's actor id (shared, and growing as actors start)."""
    names: dict[str, str]
    """Name of each actor of the cluster by Ray's actor id."""

    def __str__(self) -> str:
        return f"{self.actor}: {self.method}"


class Call:
    """A call sent to an actor. Pass it as an argument of another call and its value goes there directly."""

    def __init__(self, ref: ray.ObjectRef, origin: Origin) -> None:
        self.ref = ref
        self.origin = origin

    def result(self, timeout_s: float, what: str) -> Any:
        """The value. Raises DeadlineError after `timeout_s` seconds, RunError when the actor or the call failed."""
        return gather([self], timeout_s, what)[0]


class Stream:
    """The items of a generator that runs in an actor; read it with `interleave`."""

    def __init__(self, generator: Any, origin: Origin) -> None:
        self.generator = generator
        self.origin = origin


def gather(calls: Sequence[Call], timeout_s: float, what: str) -> list[Any]:
    """The values of `calls` in their order, all within `timeout_s` seconds.

    The first failure is raised at once, while other calls may still run: a rank that died is
    reported although its peers hang waiting for it.
    """
    deadline = time.monotonic() + timeout_s
    pending = {call.ref: call for call in calls}
    values: dict[ray.ObjectRef, Any] = {}
    while pending:
        remaining = max(0.0, deadline - time.monotonic())
        done, _ = ray.wait(list(pending), num_returns=1, timeout=remaining)
        if not done:
            raise _missed(what, timeout_s, [call.origin for call in pending.values()])
        for ref in done:
            call = pending.pop(ref)
            values[ref] = fetch(ref, call.origin, max(1.0, deadline - time.monotonic()), what)
    return [values[call.ref] for call in calls]


def interleave(
    streams: Sequence[Stream], timeout_s: float, what: str, tick_s: float | None = None
) -> Iterator[tuple[int | None, Any]]:
    """(index of the stream, item) as items come, until all streams have ended.

    With `tick_s`, (None, None) whenever nothing came for that long, so that the caller can do something else.

    Raises DeadlineError when nothing comes from any stream for `timeout_s` seconds, RunError when an
    actor or its generator failed.
    """
    running = {stream.generator: index for index, stream in enumerate(streams)}
    progress = time.monotonic()
    while running:
        left = max(0.0, timeout_s - (time.monotonic() - progress))
        done, _ = ray.wait(list(running), num_returns=1, timeout=left if tick_s is None else min(left, tick_s))
        if not done:
            if time.monotonic() - progress >= timeout_s:
                raise _missed(what, timeout_s, [streams[index].origin for index in running.values()])
            yield None, None
            continue
        progress = time.monotonic()
        for generator in done:
            index = running[generator]
            try:
                ref = next(generator)
            except StopIteration:
                del running[generator]
                continue
            except Exception as error:
                raise failure(error, streams[index].origin, what) from None
            yield index, fetch(ref, streams[index].origin, timeout_s, what)


def fetch(ref: ray.ObjectRef, origin: Origin, timeout_s: float, what: str) -> Any:
    """The value of one reference, with Ray's errors turned into ours."""
    try:
        return ray.get(ref, timeout=timeout_s)
    except exceptions.GetTimeoutError:
        raise _missed(what, timeout_s, [origin]) from None
    except Exception as error:
        raise failure(error, origin, what) from None


def failure(error: Exception, origin: Origin, what: str) -> AceReasonError:
    """The error to show for what Ray raised while `what` was awaited from `origin`."""
    cause = getattr(error, "cause", None)
    if isinstance(error, ActorError):
        return _from_actor(error)
    if isinstance(cause, ActorError):
        return _from_actor(cause)
    dead = next((e for e in (error, cause) if isinstance(e, exceptions.RayActorError)), None)
    if dead is not None:
        # The value may depend on another actor's call, so the dead one need not be the one asked.
        actor = str(getattr(dead, "actor_id", "") or "")
        name = origin.names.get(actor, origin.actor)
        log = origin.logs.get(actor)
        quoted = last_lines(log) if log else ""
        return RunError(f"{name} died while waiting for {what} ({_reason(str(dead))}). Its last lines:\n{quoted}")
    return RunError(f"{origin} failed while waiting for {what}: {type(error).__name__}: {error}")


def _from_actor(error: ActorError) -> AceReasonError:
    if error.kind == "other":
        trace = "\n".join(f"  | {line}" for line in error.trace.splitlines()[-16:])
        return RunError(f"{error.actor}: {error.method} failed: {error.message}\n{trace}")
    shown = {"input": InputError, "deadline": DeadlineError}.get(error.kind, RunError)
    return shown(f"{error.actor}: {error.message}")


def _reason(text: str) -> str:
    """Ray's account of a death without the advice that follows it."""
    text = text.split("Worker exit detail:")[-1].split("Some common causes include")[0]
    return " ".join(text.split())[:300].rstrip(". ")


def _missed(what: str, timeout_s: float, origins: Sequence[Origin]) -> DeadlineError:
    shown = "; ".join(str(origin) for origin in origins[:4])
    more = f" and {len(origins) - 4} more" if len(origins) > 4 else ""
    return DeadlineError(f"waited {timeout_s:g} s for {what}; no answer yet from: {shown}{more}")
