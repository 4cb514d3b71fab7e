"""Runs many judgements through a verifier pool, and says what each came to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from acereason.errors import DeadlineError, RunError
from acereason.problems import Problem, Verdict
from acereason.verifiers.pool import VerifierPool

POLL_S = 0.5
COLLECT_EVERY = 32


def judged(
    responses: Iterable[tuple[str, Problem, str]], pool: VerifierPool, bare: bool = False
) -> Iterator[tuple[str, Verdict]]:
    """(key, verdict) of each (key, problem, text), as they become ready; keys are unique.

    Raises `DeadlineError` where none arrives for `pool.longest_wait_s`.
    """
    for number, (key, problem, text) in enumerate(responses, start=1):
        pool.submit(key, problem, text, bare=bare, allow_weak=True)
        if number % COLLECT_EVERY == 0:
            yield from pool.poll(0.0)
    progress = time.monotonic()
    while pool.outstanding:
        arrived = pool.poll(POLL_S)
        yield from arrived
        now = time.monotonic()
        progress = now if arrived else progress
        if now - progress > pool.longest_wait_s:
            raise DeadlineError(f"no verdict for {now - progress:.0f} s; {pool.outstanding} responses wait for theirs")


@dataclass
class Health:
    """Verdicts so far, and those of them that are the verifiers' own failures."""

    total: int = 0
    failed: int = 0
    first: str = ""

    def add(self, details: Sequence[str | None]) -> None:
        """The next verdicts: what a failure said, None for a verdict."""
        failures = [detail for detail in details if detail is not None]
        self.first = self.first or next(iter(failures), "")
        self.total, self.failed = self.total + len(details), self.failed + len(failures)

    def check(self, limit: float) -> None:
        """Raises `RunError` where more than this share are failures."""
        if self.failed > limit * max(1, self.total):
            raise RunError(
                f"the verifiers failed on {self.failed} of {self.total} responses (limit "
                f"verifier.max_infra_error_share={limit}); the first: {self.first}"
            )
