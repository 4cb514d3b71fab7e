"""Lines that a call prints where its figures may not be what they look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eval.score import Scored

MANY = 0.1  # a share of responses without an answer that is said


def without_answer(scored: Mapping[str, Mapping[str, Scored]], rule: str) -> Iterator[str]:
    """Where a rule (of answer rule -> key -> verdict) finds no answer in many responses, and whether another does."""
    none = {
        name: {key for key, one in found.items() if one.verdict.verdict == "no_answer"}
        for name, found in scored.items()
    }
    count, whole = len(none[rule]), len(scored[rule])
    if count <= MANY * whole:
        return
    line = f"no answer found in {count} of {whole} responses under answer_rule={rule}"
    for name, missing in none.items():
        if more := len(none[rule] - missing):
            line += f"; protocol.answer_rule={name} finds one in {more} of them"
    yield line
