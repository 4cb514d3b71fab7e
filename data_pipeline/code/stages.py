"""The stages of `acereason data code`, in their order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.config.structured import to_plain
from acereason.problems import to_json
from data_pipeline import lengths
from data_pipeline.code import duplicates, policies, repeats, statement
from data_pipeline.code.curation import Curated, as_row, curate, tests_of
from data_pipeline.code.examiner import VERSION, Course, Examiner
from data_pipeline.code.limits import machine
from data_pipeline.code.reading import source_stage
from data_pipeline.code.schema import CodeDataConfig
from data_pipeline.code.settings import CurationConfig
from data_pipeline.decontamination import policies as leaks
from data_pipeline.dedup.pairs import SameAnswers
from data_pipeline.policy import Policy, policy_work
from data_pipeline.split import output_stage
from data_pipeline.stages import Stage, StageRun, signal_work
from data_pipeline.steps.duplicates import Comparison, duplicate_stages
from data_pipeline.steps.leaks import decontamination_stage
from data_pipeline.teacher import vote
from data_pipeline.teacher.difficulty import LEVEL
from data_pipeline.teacher.stage import teacher_stage

FINDINGS = "findings.jsonl"  # in the folder of the set: what programs did, kept over all runs
_COLUMNS = ("prompt", "starter_code", "tests", "reference_solutions", "wrong_solutions", "metadata", "url")

CURATION_COLUMNS: dict[str, Any] = {
    "curation_why": pl.String,  # why the tests cannot be used, null where they can
    "curation_references": pl.Int64,
    "curation_references_passing": pl.Int64,
    "curation_references_random": pl.Int64,
    "curation_first_failure": pl.String,
    "curation_answers_differ": pl.Int64,
    "curation_answers_reordered": pl.Int64,
    "curation_cases_given": pl.Int64,
    "curation_cases_outside_limits": pl.Int64,
    "curation_cases_added": pl.Int64,
    "curation_cases_front": pl.Int64,
    "curation_cases_final": pl.Int64,
    "curation_inputs_tried": pl.Int64,
    "curation_inputs_refused": pl.Int64,
    "curation_inputs_disagreed": pl.Int64,
    "curation_inputs_not_made": pl.String,
    "curation_mutants": pl.Int64,
    "curation_mutants_equivalent": pl.Int64,
    "curation_strength_before": pl.Float64,
    "curation_strength_after": pl.Float64,
    "curation_held_out": pl.Int64,
    "curation_held_out_before": pl.Int64,
    "curation_held_out_after": pl.Int64,
    "curation_wrong_given": pl.Int64,
    "curation_wrong_passing": pl.Int64,
    "curation_constant_output": pl.Boolean,
    "curation_time_limit_s": pl.Float64,
    "curation_survivors": pl.List(pl.String),
    "curation_tests": pl.String,
}


def code_stages(config: CodeDataConfig, where: Path) -> list[Stage]:
    """Every stage with its settings; nothing is read or fetched yet. Relative paths are seen from `where`."""
    compared = bool(config.decontamination.benchmarks or config.decontamination.problems)
    signals = [
        Stage("lengths", signal_work(lengths.signals, lengths.COLUMNS), "source", code=("data_pipeline.lengths",)),
        Stage(
            "statements",
            signal_work(statement.signals, _COLUMNS),
            "source",
            code=("data_pipeline.code.statement", "data_pipeline.code.pictures", "data_pipeline.code.urls"),
        ),
        Stage("repeats", _repeats, "source", code=("data_pipeline.code.repeats", "data_pipeline.code.urls")),
        *([decontamination_stage("source", config.decontamination, where)] if compared else []),
    ]
    findings = where / Path(config.out).expanduser() / FINDINGS
    stages = [
        source_stage(config, where),
        *signals,
        _screen(config, [stage.name for stage in signals]),
        *duplicate_stages("screen", config.dedup, _duplicates(config, findings)),
        curation_stage("unique", config.curation, config.verifier, findings),
        _tests(config),
    ]
    if config.teacher is not None:
        stages.append(teacher_stage("teacher", config.teacher, config.verifier, "tests", where))
        stages.append(
            Stage(
                "select",
                policy_work({"vote": Policy(partial(vote.decide, settings=config.policy.vote), tuple(vote.SIGNALS))}),
                "tests", ("teacher",), settings={"vote": to_plain(config.policy.vote)},
                code=("data_pipeline.teacher.vote", "data_pipeline.policy"), kind="policy",
            )
        )  # fmt: skip
    last = "tests" if config.teacher is None else "select"
    return [*stages, output_stage(last, config.split, config.seed, published)]


def published(row: Mapping[str, Any]) -> dict[str, Any]:
    """What else of a row goes to its problem: difficulty, and how strong its tests are."""
    said = {"strength": row.get("curation_strength_after"), LEVEL: row.get(LEVEL)}
    found: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if row.get("difficulty"):
        found["difficulty"] = json.loads(row["difficulty"])
    return found


# ---- signals


def _repeats(run: StageRun) -> None:
    run.emit(repeats.signals(run.table(("prompt", "url"))))


# ---- policies


def _screen(config: CodeDataConfig, signals: Sequence[str]) -> Stage:
    """What can be told before any program runs."""
    policy, leaky = config.policy, config.decontamination
    of_statements = partial(statement.decide, settings=policy.statements)
    decide = {
        "lengths": Policy(partial(lengths.decide, settings=policy.lengths), ("lengths_characters",)),
        "statements": Policy(of_statements, tuple(statement.COLUMNS)),
        "dates": Policy(partial(policies.by_date, settings=policy.dates), ("release_date",)),
    }
    if policy.without_reference:
        decide["reference"] = Policy(policies.by_reference)
    if policy.repeats:
        decide["repeats"] = Policy(repeats.decide, tuple(repeats.COLUMNS))
    review = None
    if "decontamination" in signals:
        decide["decontamination"] = Policy(partial(leaks.decide, settings=leaky), tuple(leaks.SIGNALS))
        review = partial(leaks.review, settings=leaky)
    settings = {
        "lengths": to_plain(policy.lengths),
        "statements": to_plain(policy.statements),
        "dates": to_plain(policy.dates),
        "policies": list(decide),
        "decontamination": {name: getattr(leaky, name) for name in leaks.SETTINGS},
    }
    code = (
        "data_pipeline.code.policies", "data_pipeline.code.statement", "data_pipeline.decontamination.policies",
        "data_pipeline.policy",
    )  # fmt: skip
    return Stage(
        "screen", policy_work(decide, review=review), "source", tuple(signals), settings=settings, code=code,
        kind="policy",
    )  # fmt: skip


def _duplicates(config: CodeDataConfig, findings: Path) -> Comparison:
    """Two problems have the same answer where each one's reference passes the other one's tests."""
    limits = {name: value for name, value in asdict(config.verifier).items() if name.startswith("code_")}
    reference_cpu_s = config.curation.reference_cpu_s

    def same(run: StageRun) -> SameAnswers:
        return partial(
            duplicates.same_programs, run=run, verifier=config.verifier, reference_cpu_s=reference_cpu_s,
            findings=findings,
        )  # fmt: skip

    return Comparison(
        duplicates.COLUMNS, duplicates.answers, same, shown=False,
        settings={"verifier": limits, "reference_cpu_s": reference_cpu_s, "findings": VERSION},
        code=("data_pipeline.code.duplicates", "acereason.verifiers.code"),
    )  # fmt: skip


def _tests(config: CodeDataConfig) -> Stage:
    settings = config.policy.tests
    told = tuple(name for name in CURATION_COLUMNS if name not in ("curation_tests", "curation_survivors"))
    decide = {"tests": Policy(partial(policies.by_tests, settings=settings), told)}
    return Stage(
        "tests", policy_work(decide, policies.with_curated_tests), "unique", ("curation",),
        settings={"tests": to_plain(settings)}, kind="policy",
        code=("data_pipeline.code.policies", "data_pipeline.policy"),
    )  # fmt: skip


# ---- curation


def curation_stage(over: str, settings: CurationConfig, verifier: VerifierConfig, findings: Path) -> Stage:
    """The stage `curation`. What programs did is kept in `findings`: a stage that is made anew asks nothing twice."""
    limits = {name: value for name, value in asdict(verifier).items() if name.startswith("code_")}
    return Stage(
        "curation", partial(_curate, settings=settings, verifier=verifier, findings=findings), over,
        settings={"curation": to_plain(settings), "verifier": limits, "findings": VERSION},
        code=("data_pipeline.code", "acereason.verifiers.code"),
    )  # fmt: skip


def _curate(run: StageRun, settings: CurationConfig, verifier: VerifierConfig, findings: Path) -> None:
    totals: Counter[str] = Counter()
    run.emit(pl.DataFrame(schema={"id": pl.String, **CURATION_COLUMNS}))
    with Examiner(verifier, findings) as examiner:
        ((_, run.about["machine"]),) = examiner.follow([("machine", machine())])
        done = 0
        for batch in run.batches(_COLUMNS):
            courses = ((row["id"], _course(row, settings)) for row in batch.iter_rows(named=True))
            found: dict[str, Curated] = {}
            for name, curated in examiner.follow(courses):
                found[name] = curated
                done += 1
                run.progress(done, what="problems")
            rows = [{"id": name, **_columns(found[name])} for name in batch["id"]]
            run.emit(pl.DataFrame(rows, schema={"id": pl.String, **CURATION_COLUMNS}))
            for row in rows:
                for column in ("mutants", "mutants_equivalent", "held_out", "held_out_before", "held_out_after"):
                    totals[column] += row[f"curation_{column}"]
    run.about.update(totals)


def _columns(curated: Curated) -> dict[str, Any]:
    tests = None if curated.tests is None else json.dumps(to_json(curated.tests), ensure_ascii=False)
    columns = {f"curation_{name}": value for name, value in as_row(curated).items()}
    return {**columns, "curation_tests": tests}


def _course(row: Mapping[str, Any], settings: CurationConfig) -> Course[Curated]:
    return curate(
        row["prompt"], row["starter_code"], tests_of(row["tests"]), row["reference_solutions"],
        row["wrong_solutions"], settings,
    )  # fmt: skip
