"""What a teacher's attempts say of a problem: the majority's answer, agreement with the stated one, lengths, passes.

Two answers are one vote where the verifier takes them for equal, as it would take one for the other's stated answer.
An attempt without an answer does not vote. Every attempt counts in the lengths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import polars as pl

from acereason.config.schema import within
from acereason.evaluation.majority import majority_at_k
from acereason.evaluation.statistics import Sample
from acereason.problems import Problem
from acereason.seeds import derive_seed
from acereason.verifiers.pool import VerifierPool
from data_pipeline.teacher.judging import judged
from data_pipeline.teacher.verdicts import problem_of

SIGNALS = {
    "vote_attempts": pl.Int64,  # that the teacher answered
    "vote_unanswered": pl.Int64,  # that it did not
    "vote_cut": pl.Int64,  # ended at the length limit
    "vote_solved": pl.Int64,  # right by the verifier
    "vote_unjudged": pl.Int64,  # whose verdict is the verifier's own failure
    "vote_classes": pl.Int64,  # different answers; null for code
    "vote_majority": pl.String,  # the answer with the most votes, in its first wording; null for code
    "vote_share": pl.Float64,  # of the attempts that vote for it; null for code
    "vote_tied": pl.Boolean,  # another answer has as many votes; null for code
    "vote_agrees": pl.Boolean,  # the majority's answer is the stated one; null for code
    "vote_never_solved": pl.Boolean,
    "vote_tokens_mean": pl.Float64,  # response tokens of all attempts; null where the teacher does not count
    "vote_tokens_min": pl.Int64,
    "vote_tokens_max": pl.Int64,
}


@dataclass(frozen=True)
class VoteConfig:
    """Which problems stay; see docs/teacher.md for what of it the paper states."""

    attempts: Annotated[int, within(1)]  # answered ones that a problem needs; fewer are a reason to go
    agreement: bool  # the majority's answer has to be the stated one (math)
    solved: bool  # some attempt has to be right
    min_tokens: Annotated[float, within(0.0)]  # mean response tokens below which a problem goes; 0: none
    thin_below: Annotated[float, within(0.0)]  # from min_tokens to here only a share stays
    thin_keep: Annotated[float, within(0.0, 1.0)]  # that share, chosen by the problem's id
    thin_seed: Annotated[int, within(0)]


def signals(rows: pl.DataFrame, attempts: pl.DataFrame, pool: VerifierPool) -> pl.DataFrame:
    """`id` and the columns of `SIGNALS`, one row a problem in the order of `rows`.

    rows: `id`, `domain`, `prompt` and `answer`. attempts: the table of `verdicts.judge`. pool: compares answers.
    """
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in rows.get_column("id")}
    for attempt in attempts.iter_rows(named=True):
        groups[attempt["id"]].append(attempt)
    problems = {row["id"]: problem_of(row) for row in rows.iter_rows(named=True) if row["domain"] == "math"}
    classes = classify({name: (problem, groups[name]) for name, problem in problems.items()}, pool)
    found = [{"id": name, **_counts(group), **_vote(group, classes.get(name))} for name, group in groups.items()]
    return pl.DataFrame(found, schema={"id": pl.String, **SIGNALS})


def nothing() -> pl.DataFrame:
    """The signals of no problems."""
    return pl.DataFrame(schema={"id": pl.String, **SIGNALS})


def classify(
    asked: Mapping[str, tuple[Problem, Sequence[Mapping[str, Any]]]], pool: VerifierPool
) -> dict[str, list[int | None]]:
    """Problem id -> the class of each attempt's answer: 0 for the stated one, then as they come; None without one."""
    wordings = {name: _wordings(attempts) for name, (_, attempts) in asked.items()}
    known: dict[str, dict[str, int]] = {}
    for name, (_, attempts) in asked.items():
        right = {a["answer"] for a in attempts if a["verdict"] == "correct"}
        known[name] = {wording: 0 for wording in wordings[name] if wording in right}
    heads: dict[str, list[str]] = {name: [] for name in asked}  # first wordings of the classes from 1 on
    turn = 0
    while any(turn < len(listed) for listed in wordings.values()):
        waiting = {name: listed[turn] for name, listed in wordings.items()
                   if turn < len(listed) and listed[turn] not in known[name]}  # fmt: skip
        equal = _equal_heads(asked, waiting, heads, pool)
        for name, wording in waiting.items():
            same = equal.get(name)
            if same is None:
                heads[name].append(wording)
                same = len(heads[name]) - 1
            known[name][wording] = same + 1
        turn += 1
    return {
        name: [known[name][a["answer"]] if _votes(a) else None for a in attempts]
        for name, (_, attempts) in asked.items()
    }


def _equal_heads(
    asked: Mapping[str, tuple[Problem, Any]],
    waiting: Mapping[str, str],
    heads: Mapping[str, Sequence[str]],
    pool: VerifierPool,
) -> dict[str, int]:
    """For each waiting answer the first class that it belongs to; absent where there is none."""
    pairs = [(name, index) for name in waiting for index in range(len(heads[name]))]
    # The statement is left out: "an expression of the problem, not worked out" is about the stated answer alone.
    responses = (
        (f"{number}", replace(asked[name][0], prompt="", answer=heads[name][index]), waiting[name])
        for number, (name, index) in enumerate(pairs)
    )
    found: dict[str, int] = {}
    for key, verdict in judged(responses, pool, bare=True):
        name, index = pairs[int(key)]
        if verdict.verdict == "correct":
            found[name] = min(index, found.get(name, index))
    return found


def _votes(attempt: Mapping[str, Any]) -> bool:
    return attempt["answer"] is not None and attempt["verdict"] != "infra_error"


def _wordings(attempts: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(a["answer"] for a in attempts if _votes(a)))


def _counts(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    there = [a for a in group if a["answered"]]
    tokens = [a["tokens"] for a in there if a["tokens"] is not None]
    solved = sum(a["verdict"] == "correct" for a in there)
    return {
        "vote_attempts": len(there),
        "vote_unanswered": len(group) - len(there),
        "vote_cut": sum(a["finish_reason"] == "length" for a in there),
        "vote_solved": solved,
        "vote_unjudged": sum(a["verdict"] == "infra_error" for a in there),
        "vote_never_solved": solved == 0,
        "vote_tokens_mean": sum(tokens) / len(tokens) if tokens else None,
        "vote_tokens_min": min(tokens, default=None),
        "vote_tokens_max": max(tokens, default=None),
    }


def _vote(group: Sequence[Mapping[str, Any]], classes: Sequence[int | None] | None) -> dict[str, Any]:
    if classes is None:
        return {}
    votes = Counter(place for place in classes if place is not None)
    answered = sum(a["answered"] for a in group)
    if not votes:
        return {"vote_classes": 0, "vote_share": 0.0, "vote_tied": False, "vote_agrees": False}
    samples = [
        Sample(place == 0, answer=None if place is None else str(place))
        for place, a in zip(classes, group, strict=True)
        if a["answered"]
    ]
    (winner, most), *others = votes.most_common()
    tied = bool(others) and others[0][1] == most
    wording = next(a["answer"] for a, place in zip(group, classes, strict=True) if place == winner)
    return {
        "vote_classes": len(votes),
        "vote_majority": wording,
        "vote_share": most / answered,
        "vote_tied": tied,
        # A tie counts in part there, so only a majority that is right by itself comes to 1.
        "vote_agrees": majority_at_k({"": samples}, len(samples)).mean == 1.0,
    }


def decide(table: pl.DataFrame, settings: VoteConfig) -> pl.Series:
    """Why a problem goes, or null: the first of

    `unanswered` (too few attempts), `unjudged`, `never_solved`, `majority_tied`, `majority_disagrees`, `too_short`,
    `thinned`. Lengths decide nothing where the teacher does not count tokens.
    """
    kept = pl.Series([_stays(name, settings) for name in table.get_column("id")], dtype=pl.Boolean)
    tokens = pl.col("vote_tokens_mean")
    rules: list[tuple[str, pl.Expr]] = [
        ("unanswered", pl.col("vote_attempts") < settings.attempts),
        ("unjudged", pl.col("vote_unjudged") > 0),
        ("never_solved", pl.col("vote_never_solved") & settings.solved),
        ("majority_tied", pl.col("vote_tied") & settings.agreement),
        ("majority_disagrees", ~pl.col("vote_agrees") & settings.agreement),
        ("too_short", tokens < settings.min_tokens),
        ("thinned", (tokens < settings.thin_below) & ~kept),
    ]
    reason = pl.coalesce(*(pl.when(rule).then(pl.lit(name)) for name, rule in rules), pl.lit(None, dtype=pl.String))
    return table.select(reason.alias("vote")).get_column("vote")


def _stays(name: str, settings: VoteConfig) -> bool:
    """Whether the problem is in the share of the thinned ones that stays: the same in every run."""
    return derive_seed(settings.thin_seed, "thin", name) < settings.thin_keep * 2**31
