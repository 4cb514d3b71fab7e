"""The teacher as stages of the pipeline: attempts asked, judged and voted on, and the difficulty for a named model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.errors import InputError, RunError
from acereason.verifiers.pool import VerifierPool
from data_pipeline.stages import OutsideFile, Stage, StageRun
from data_pipeline.teacher import vote
from data_pipeline.teacher.asking import asks_of
from data_pipeline.teacher.difficulty import difficulty, failures
from data_pipeline.teacher.judging import Health
from data_pipeline.teacher.ledger import ABOUT, Ledger
from data_pipeline.teacher.schema import TeacherConfig
from data_pipeline.teacher.shares import teach_all
from data_pipeline.teacher.standin import NAME as STAND_IN
from data_pipeline.teacher.teach import Taught
from data_pipeline.teacher.verdicts import ATTEMPTS as VERDICTS
from data_pipeline.teacher.verdicts import judge
from data_pipeline.teacher.version import verifier_version

COLUMNS = ("domain", "prompt", "answer", "tests", "starter_code", "metadata")
ATTEMPTS = "attempts.parquet"
CODE = ("data_pipeline.teacher.vote", "data_pipeline.teacher.verdicts", "data_pipeline.teacher.difficulty",
        "data_pipeline.teacher.asking", "acereason.prompts", "acereason.evaluation.majority")  # fmt: skip


def teacher_stage(name: str, config: TeacherConfig, verifier: VerifierConfig, over: str, where: Path) -> Stage:
    """A signal stage: the columns of `vote.SIGNALS`, `difficulty` (JSON text) and `difficulty_level` (failures).

    Its side table `attempts.parquet` has a row for every attempt (`verdicts.ATTEMPTS`). Relative paths are seen from
    `where`. An endpoint or engine is asked for what its ledger lacks; a replay's ledger is a file that the stage reads.
    """
    return Stage(
        name, _Work(config, verifier, where), over,
        settings={
            "teacher": config.name, "kind": config.kind, "attempts": config.attempts, "thinking": config.thinking,
            "asked": _asked(config), "max_missing_share": config.max_missing_share,
            "verifier": verifier_version(verifier),
        },
        outside=lambda fetch: _ledger_files(config, where), code=CODE,
    )  # fmt: skip


def _asked(config: TeacherConfig) -> list[object]:
    """What identifies the answers, as far as it is known before anybody is asked."""
    who = config.endpoint.model if config.endpoint is not None else config.model.name if config.model else None
    sampling = config.sampling
    values = [sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed]
    return [who, config.settings, config.prompt, *values]


def _ledger_files(config: TeacherConfig, where: Path) -> list[OutsideFile]:
    """A replay's shards. What is asked while the stage works cannot be known before."""
    if config.kind != "replay":
        return []
    ledger = Ledger(where / Path(config.ledger).expanduser())
    described = ledger.described()
    if config.settings in described or len(described) == 1:
        name_of(config, described[config.settings or next(iter(described))])  # a wrong name shows before any stage
    paths = [ledger.folder / ABOUT]
    for shard in range(ledger.shards):
        paths += [ledger.path(shard), ledger.packed(shard)]
    return [OutsideFile(path.name, path) for path in paths if path.exists()]


class _Work:
    def __init__(self, config: TeacherConfig, verifier: VerifierConfig, where: Path) -> None:
        self._config, self._verifier, self._where = config, verifier, where

    def __call__(self, run: StageRun) -> None:
        rows = run.table(COLUMNS)
        config = self._config.at(self._where)
        taught = teach_all(rows, config)
        run.say(f"{run.stage.name}: {taught}")
        check_complete(taught, config)
        ledger = Ledger(Path(config.ledger))
        name = name_of(config, ledger.described().get(taught.settings, {}))
        health, parts, attempts, unanswered = Health(), [], 0, 0
        with VerifierPool(self._verifier) as pool:
            for part in ledger.by_shard(rows.with_row_index("row")):  # no more than one shard's attempts are held
                asks = asks_of(part, config, taught.settings)
                judgements = judge(part, asks, ledger, self._verifier, pool, config.thinking, health)
                parts.append(vote.signals(part, judgements, pool).with_columns(part["row"]))
                run.side(ATTEMPTS, judgements)
                attempts += judgements.height
                unanswered += judgements.height - int(judgements.get_column("answered").sum())
                run.progress(sum(map(len, parts)), rows.height, "problems voted on")
        health.check(self._verifier.max_infra_error_share)
        found = pl.concat(parts).sort("row").drop("row") if parts else vote.nothing()
        run.side(ATTEMPTS, pl.DataFrame(schema=VERDICTS))
        run.emit(found.with_columns(difficulty(found, name), failures(found)))
        run.about.update(
            {
                "teacher": name,
                "settings": taught.settings,
                "asked": ledger.described().get(taught.settings),
                "attempts": attempts,
                "unanswered": unanswered,
            }
        )


def name_of(config: TeacherConfig, described: Mapping[str, Any]) -> str:
    """The name that goes with what the attempts say, into rows and report. `described`: the ledger's settings.

    Raises `InputError` where the ledger is a stand-in's and another name is asked for: nothing may be said of a model
    that was not asked.
    """
    asked = (described.get("model") or {}).get("name")
    if asked == STAND_IN and config.name not in (None, STAND_IN):
        raise InputError(
            f"teacher.name={config.name}: {config.ledger} was written by a stand-in, without a model behind it; leave "
            "the name out"
        )
    name = config.name or asked
    if name is None:
        raise InputError(f"{config.ledger}: does not say which model answered; give teacher.name=NAME")
    return str(name)


def check_complete(taught: Taught, config: TeacherConfig) -> None:
    """Raises `RunError` where more attempts stay unanswered than `max_missing_share` allows."""
    if taught.missing > config.max_missing_share * taught.asks:
        raise RunError(
            f"teacher: {taught}. At most {config.max_missing_share:g} of the attempts may be missing "
            "(teacher.max_missing_share)"
        )
