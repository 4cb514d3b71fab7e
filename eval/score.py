"""Verdicts on responses that are there already: an answer rule finds the answer, training's verifiers judge it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from acereason.errors import DeadlineError, RunError
from acereason.problems import Problem, Verdict
from acereason.verifiers.pool import VerifierPool
from eval.answers import ALTERNATIVES, MATCH, MATCH_TEXT, plain_text
from eval.programs import FENCED
from eval.protocol import answer_in, shown

POLL_S = 0.5


@dataclass(frozen=True)
class Response:
    """A response to judge. `key` is unique among those that are judged together; `form` as in `eval.programs`."""

    key: str
    problem: Problem
    text: str
    truncated: bool
    form: str = FENCED


@dataclass(frozen=True)
class Scored:
    """What one rule makes of a response. `answer` is None for programs and where there is none."""

    verdict: Verdict
    answer: str | None


def score(responses: Iterable[Response], rule: str, verifiers: VerifierPool) -> dict[str, Scored]:
    """Verdicts by key. A math answer is also right where it equals another wording that the benchmark gives.

    Raises `DeadlineError` where no verdict arrives for `verifiers.longest_wait_s`.
    """
    listed = list(responses)
    answers = {r.key: answer_in(rule, r.problem, r.text, r.truncated, r.form) for r in listed}
    verdicts = _judge([(r.key, r.problem, answers[r.key]) for r in listed], verifiers)
    attempt = 0
    while True:
        again = [r for r in listed if verdicts[r.key].verdict == "wrong" and attempt < len(_alternatives(r.problem))]
        if not again:
            break
        others = [(r.key, replace(r.problem, answer=_alternatives(r.problem)[attempt]), answers[r.key]) for r in again]
        for key, verdict in _judge(others, verifiers).items():
            if verdict.verdict == "correct":
                verdicts[key] = verdict
        attempt += 1
    return {r.key: Scored(verdicts[r.key], shown(r.problem, answers[r.key])) for r in listed}


def check_health(verdicts: Iterable[Verdict], limit: float) -> None:
    """Raises `RunError` where too many verdicts are the verifiers' own failures."""
    listed = list(verdicts)
    failed = [verdict for verdict in listed if verdict.verdict == "infra_error"]
    if len(failed) > limit * len(listed):
        raise RunError(
            f"the verifiers failed on {len(failed)} of {len(listed)} responses (limit "
            f"verifier.max_infra_error_share={limit}); the first: {failed[0].detail}"
        )


def _alternatives(problem: Problem) -> Sequence[str]:
    found: Sequence[str] = problem.metadata.get(ALTERNATIVES, ())
    return found


def _judge(asked: Sequence[tuple[str, Problem, str | None]], verifiers: VerifierPool) -> dict[str, Verdict]:
    """Verdicts on (key, problem, answer or program)."""
    verdicts = {key: Verdict("no_answer") for key, _, answer in asked if answer is None}
    for key, problem, answer in asked:
        if answer is not None and problem.metadata.get(MATCH) == MATCH_TEXT:
            verdicts[key] = Verdict("correct" if plain_text(answer) == plain_text(str(problem.answer)) else "wrong")
        elif answer is not None:
            verifiers.submit(key, problem, answer, bare=True, allow_weak=True)
            verdicts.update(verifiers.poll(0.0))
    verdicts.update(_rest(len(asked) - len(verdicts), verifiers))
    return verdicts


def _rest(count: int, verifiers: VerifierPool) -> Iterator[tuple[str, Verdict]]:
    progress = time.monotonic()
    while count:
        arrived = verifiers.poll(POLL_S)
        yield from arrived
        count -= len(arrived)
        now = time.monotonic()
        progress = now if arrived else progress
        if now - progress > verifiers.longest_wait_s:
            raise DeadlineError(f"no verdict for {now - progress:.0f} s; {count} responses are waiting to be scored")


def by_problem(
    problems: Sequence[Problem], scored: Mapping[str, Scored], keys: Mapping[str, Sequence[str]]
) -> list[list[float]]:
    """Rewards of each problem's samples, in the order of `problems`; verifier failures are left out."""
    rewards = [[scored[key].verdict.reward for key in keys[problem.id]] for problem in problems]
    return [[reward for reward in row if reward is not None] for row in rewards]
