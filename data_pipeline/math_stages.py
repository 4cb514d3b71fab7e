"""The stages of `acereason data math`, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from acereason.config.structured import to_plain
from data_pipeline import lengths
from data_pipeline.decontamination import policies as leaks
from data_pipeline.math import statement
from data_pipeline.policy import Policy, policy_work
from data_pipeline.schema import MathDataConfig
from data_pipeline.sources.stage import source_stage
from data_pipeline.split import output_stage
from data_pipeline.stages import Stage, signal_work
from data_pipeline.steps.duplicates import duplicate_stages, stated_answers
from data_pipeline.steps.leaks import decontamination_stage
from data_pipeline.steps.statements import cleaned, statement_stage
from data_pipeline.teacher import vote
from data_pipeline.teacher.stage import teacher_stage

DIFFICULTY = "difficulty"  # the column, and the stage of the model that is named under this key


def math_stages(config: MathDataConfig, where: Path) -> list[Stage]:
    """Every stage with its settings; nothing is read or fetched yet. Relative paths are seen from `where`."""
    signals = _first_signals(config, where)
    stages = [source_stage(config.sources, config.bad_rows, where), *signals]
    stages.append(_screen(config, [stage.name for stage in signals]))
    stages += duplicate_stages("screen", config.dedup, stated_answers(config.verifier))
    if config.teacher is not None:
        stages.append(teacher_stage("teacher", config.teacher, config.verifier, stages[-1].name, where))
        stages.append(_select(config, stages[-2].name))
    last = stages[-1].name
    if config.difficulty is not None:
        stages.append(teacher_stage(DIFFICULTY, config.difficulty, config.verifier, last, where))
    beside = (DIFFICULTY,) if config.difficulty is not None else ()
    stages.append(output_stage(last, config.split, config.seed, difficulty_of, beside=beside))
    return stages


def _first_signals(config: MathDataConfig, where: Path) -> list[Stage]:
    """What is known of a problem from its statement and its stated answer alone."""
    compared = bool(config.decontamination.benchmarks or config.decontamination.problems)
    return [
        Stage("lengths", signal_work(lengths.signals, lengths.COLUMNS), "source", code=("data_pipeline.lengths",)),
        statement_stage("source"),
        *([decontamination_stage("source", config.decontamination, where)] if compared else []),
    ]


def _screen(config: MathDataConfig, signals: Sequence[str]) -> Stage:
    """The policies on the first signals, before anybody is asked."""
    policy, leaky = config.policy, config.decontamination
    of_statements = partial(statement.decide, settings=policy.statements)
    policies = {
        "lengths": Policy(partial(lengths.decide, settings=policy.lengths), ("lengths_characters",)),
        "statements": Policy(of_statements, of_reason=statement.columns_of_reasons()),
    }
    compared = "decontamination" in signals
    if compared:
        policies["decontamination"] = Policy(partial(leaks.decide, settings=leaky), tuple(leaks.SIGNALS))
    settings = {
        "lengths": to_plain(policy.lengths),
        "statements": to_plain(policy.statements),
        "policies": list(policies),
        "clean_statements": policy.clean_statements,
        "decontamination": {name: getattr(leaky, name) for name in leaks.SETTINGS},
    }
    return Stage(
        "screen",
        policy_work(
            policies,
            cleaned if policy.clean_statements else lambda rows: rows,
            partial(leaks.review, settings=leaky) if compared else None,
        ),
        "source",
        tuple(signals),
        settings=settings,
        code=(
            "data_pipeline.lengths",
            "data_pipeline.math.statement",
            "data_pipeline.decontamination.policies",
            "data_pipeline.policy",
        ),
        kind="policy",
    )


def _select(config: MathDataConfig, over: str) -> Stage:
    """The policy on what the teacher's attempts say."""
    return Stage(
        "select",
        policy_work({"vote": Policy(partial(vote.decide, settings=config.policy.vote), tuple(vote.SIGNALS))}),
        over, ("teacher",), settings={"vote": to_plain(config.policy.vote)},
        code=("data_pipeline.teacher.vote", "data_pipeline.policy"), kind="policy",
    )  # fmt: skip


def difficulty_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """`difficulty` of the problem format: what the teacher's and the named model's attempts came to."""
    said = [row[name] for name in (DIFFICULTY, f"{DIFFICULTY}.{DIFFICULTY}") if row.get(name)]
    return {DIFFICULTY: {name: figures for text in said for name, figures in json.loads(text).items()}} if said else {}
