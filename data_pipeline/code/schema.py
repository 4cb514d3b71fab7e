"""The configuration of `acereason data code`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from acereason.config.eval_schema import BenchmarkConfig
from acereason.config.schema import LARGEST_SEED, VerifierConfig, among, within
from data_pipeline.code.policies import CodePolicyConfig
from data_pipeline.code.settings import CurationConfig
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.dedup.settings import DedupConfig
from data_pipeline.split import SplitConfig
from data_pipeline.teacher.schema import TeacherConfig


@dataclass(frozen=True)
class CodeSourceConfig:
    """A set of code problems, on disk or on the Hub."""

    name: str  # what `source` says in every row
    format: Annotated[str, among("leetcode", "code_contests", "codeforces", "local")]
    files: tuple[str, ...]  # on disk, in order; instead of `hub`
    hub: str | None  # id of a dataset of the Hugging Face Hub
    revision: str | None  # its commit, tag or branch; of files on disk, what is known of their version
    hub_files: tuple[str, ...]  # patterns of the files that are read, in the order of their names
    licence: str  # as given by whoever published it
    link: str  # where it was published
    limit: Annotated[int | None, within(1)]  # only the first so many records; null: all


@dataclass(frozen=True)
class CodeDataConfig:
    """What `acereason data code` is told."""

    name: str  # of the set that is made, as its card has it
    seed: Annotated[int, within(0, LARGEST_SEED)]
    out: str  # folder of the stages, the set and the report; what is there and still right is kept
    preview: bool  # only say what would run
    stages: tuple[str, ...]  # only these; empty: all
    until: str | None  # the last stage that runs
    redo: str | None  # this stage, and what follows from it, is made anew
    bad_rows: Annotated[str, among("stop", "drop")]  # of a record that does not fit
    files: str  # folder in which the benchmarks' files are looked for
    sources: dict[str, CodeSourceConfig]
    benchmarks: dict[str, BenchmarkConfig]  # what problems are compared with
    decontamination: DecontaminationConfig
    dedup: DedupConfig
    curation: CurationConfig
    policy: CodePolicyConfig
    verifier: VerifierConfig
    split: SplitConfig
    teacher: TeacherConfig | None = None  # null: nobody is asked, and no problem has a level


def code_faults(config: CodeDataConfig) -> Iterator[str]:
    """Rules across fields, one line a violation."""
    day = config.policy.dates.not_from
    if day is not None:
        try:
            datetime.date.fromisoformat(day)
        except ValueError:
            yield f"policy.dates.not_from={day}: expected a date as 2024-08-01, or null"
    if config.curation.time_floor_s > config.curation.time_ceiling_s:
        yield "curation.time_floor_s: is above curation.time_ceiling_s, so that no limit is left"
