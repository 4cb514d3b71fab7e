"""What the configuration of the pipeline must satisfy across its fields, before anything is read or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acereason.config.nearest import did_you_mean
from data_pipeline.code.schema import CodeDataConfig, CodeSourceConfig, code_faults
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.math.statement import FIGURES, StatementSettings
from data_pipeline.schema import MathDataConfig
from data_pipeline.sources.settings import SourceConfig
from data_pipeline.teacher.schema import TeacherConfig
from data_pipeline.teacher.vote import VoteConfig


def violations(config: MathDataConfig | CodeDataConfig) -> Iterator[str]:
    """Every rule that is broken, one line each."""
    if not config.out.strip():
        yield "out=: is empty; name a folder for the stages, the set and the report, e.g. out=data/math"
    yield from _source_faults(config.sources)
    yield from _leak_faults(config.decontamination)
    known = [source.name for source in config.sources.values()]
    yield from _unknown("dedup.prefer", config.dedup.prefer, known, "none of the sources' names")
    yield from _vote_faults(config.policy.vote, config.teacher)
    if isinstance(config, CodeDataConfig):
        yield from code_faults(config)
    else:
        yield from _statement_faults(config.policy.statements)


def _unknown(key: str, given: tuple[str, ...], known: list[str] | tuple[str, ...], what: str) -> Iterator[str]:
    for name in given:
        if name not in known:
            yield f"{key}=[{','.join(given)}]: {name!r} is {what}{did_you_mean(name, known)}"


def _vote_faults(vote: VoteConfig, teacher: TeacherConfig | None) -> Iterator[str]:
    if 0 < vote.thin_below < vote.min_tokens:
        yield (
            f"policy.vote.thin_below={vote.thin_below:g}: must be at least policy.vote.min_tokens={vote.min_tokens:g}, "
            "below which every problem goes; 0 thins nothing"
        )
    if teacher is not None and vote.attempts > teacher.attempts:
        yield (
            f"policy.vote.attempts={vote.attempts}: must be at most teacher.attempts={teacher.attempts}, or every "
            "problem goes as unanswered"
        )


def _statement_faults(statements: StatementSettings) -> Iterator[str]:
    yield from _unknown("policy.statements.figures", statements.figures, FIGURES, "none of the kinds of figures")
    fewest, most = statements.min_tokens, statements.max_tokens
    if fewest is not None and most is not None and fewest > most:
        yield f"policy.statements.min_tokens={fewest}: must be at most policy.statements.max_tokens={most}"


def _leak_faults(leaks: DecontaminationConfig) -> Iterator[str]:
    if leaks.review > leaks.coverage:
        yield (
            f"decontamination.review={leaks.review:g}: must be at most decontamination.coverage={leaks.coverage:g}, "
            "from which on a problem is dropped"
        )
    if leaks.policy != "none" and not leaks.benchmarks and not leaks.problems:
        yield (
            f"benchmarks: none is named, and decontamination.policy={leaks.policy} compares with them; choose "
            "benchmarks=NAME, or give decontamination.policy=none"
        )


def _source_faults(sources: Mapping[str, SourceConfig | CodeSourceConfig]) -> Iterator[str]:
    if not sources:
        yield "sources: names none; choose them with sources=NAME"
    names: dict[str, Any] = {}
    for key, source in sources.items():
        at = f"sources.{key}"
        if bool(source.files) == (source.hub is not None):
            yield f"{at}: give either files=[FILE,...] or hub=ID, the other one [] or null"
        elif source.hub is not None and not source.hub_files:
            yield f"{at}.hub_files=[]: name the files of {source.hub} that are read, e.g. [data/*.parquet]"
        if isinstance(source, SourceConfig):
            yield from _field_faults(at, source)
        if source.name in names:
            other = names[source.name]
            yield f"{at}.name={source.name}: is the name of sources.{other} too; rows could not be told apart"
        names[source.name] = key


def _field_faults(at: str, source: SourceConfig) -> Iterator[str]:
    fields = source.fields
    if source.layout == "mapped" and fields is None:
        yield f"{at}.fields=null: layout=mapped needs to know which fields mean what"
    if source.layout == "mapped" and fields is not None:
        if source.answer_from == "field" and fields.answer is None:
            yield f"{at}.fields.answer=null: answer_from=field takes the answer from there"
        for name in sorted({*fields.kept} & {*fields.ignored}):
            yield f"{at}.fields.ignored: names {name}, and so does {at}.fields.kept; leave it in one of them"
        if source.answer_from != "field" and fields.solution is None:
            yield f"{at}.fields.solution=null: answer_from={source.answer_from} takes the answer from there"
