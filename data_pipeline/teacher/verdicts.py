"""Verdicts on a ledger's answers: tables of their own, one a verifier version and shard, so no teacher is asked again.

A verdict is kept under the ledger key of its answer, with a digest of all that it depends on besides the verifier: the
stated answer or tests, and the text. Where that has changed, the answer is judged again. The verifier's own failures
are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from acereason.errors import InputError
from acereason.problems import Problem, parse_problem
from acereason.tracking.files import write_bytes
from acereason.verifiers.math.extract import MAX_ANSWER_CHARS, extract_answer
from acereason.verifiers.pool import VerifierPool
from acereason.verifiers.progress import Progress
from acereason.verifiers.thinking import END_OF_THINKING
from data_pipeline.teacher.asking import Ask
from data_pipeline.teacher.judging import Health, judged
from data_pipeline.teacher.ledger import Ledger
from data_pipeline.teacher.records import ANSWER, Record
from data_pipeline.teacher.version import verifier_version

FOLDER = "verdicts"
KEPT_EVERY = 2048  # new verdicts between two writings of a shard's table
SCHEMA = {"key": pl.String, "about": pl.String, "verdict": pl.String, "answer": pl.String, "detail": pl.String}
ATTEMPTS = {
    "id": pl.String,
    "attempt": pl.Int64,
    "key": pl.String,  # of the ledger
    "answered": pl.Boolean,
    "finish_reason": pl.String,
    "tokens": pl.Int64,
    "prompt_tokens": pl.Int64,
    "verdict": pl.String,  # null where the teacher gave no answer
    "answer": pl.String,  # math: what stands in the box, null where none does
    "detail": pl.String,
}


@dataclass(frozen=True)
class _Judged:
    about: str
    verdict: str
    answer: str | None
    detail: str


def problem_of(row: dict[str, Any]) -> Problem:
    """The problem of a row of the table (see `data_pipeline.rows`), as the verifiers take it. Raises `InputError`."""
    given: dict[str, Any] = {"id": row["id"], "domain": row["domain"], "prompt": row["prompt"], "source": "-"}
    if row["domain"] == "math":
        given["answer"] = row["answer"]
    else:
        given["tests"] = json.loads(row["tests"]) if row.get("tests") else None
    given["metadata"] = json.loads(row["metadata"]) if row.get("metadata") else {}
    return parse_problem(f"problem {row['id']}", 0, given)


def judge(
    rows: pl.DataFrame,
    asks: Sequence[Ask],
    ledger: Ledger,
    config: VerifierConfig,
    pool: VerifierPool,
    thinking: str = "required",
    health: Health | None = None,
) -> pl.DataFrame:
    """One row an ask, with the columns of `ATTEMPTS`, in the order of `asks`. Judges what has no verdict yet.

    rows: the problems, with `id`, `domain`, `prompt` and `answer` or `tests`. thinking: "optional" judges a text
    without `</think>` as a whole. health: counts the verifiers' own failures, for a caller who judges in parts.

    Raises `RunError` where more than `config.max_infra_error_share` of the verdicts are the verifiers' own failures;
    with `health` that is for the caller to check.
    """
    problems = {row["id"]: row for row in rows.iter_rows(named=True)}
    by_shard: dict[int, list[Ask]] = {}
    for ask in asks:
        by_shard.setdefault(ledger.shard_of(ask.problem), []).append(ask)
    folder = ledger.folder / FOLDER / verifier_version(config)
    found: dict[str, tuple[Record, _Judged]] = {}
    with Progress("judged", len(asks)) as progress:
        for shard, its in sorted(by_shard.items()):
            answers = _answers(ledger, shard, its)
            file = folder / ledger.path(shard).with_suffix(".parquet").name
            verdicts = _Verdicts(file)
            for key, verdict in verdicts.complete(answers, problems, pool, thinking):
                found[key] = answers[key], verdict
                progress.advance()
            for key, record in answers.items():  # the text is not needed any more
                answers[key] = _without_text(record)
                found[key] = answers[key], found[key][1]
    counted = health or Health()
    counted.add([verdict.detail if verdict.verdict == "infra_error" else None for _, verdict in found.values()])
    if health is None:
        counted.check(config.max_infra_error_share)
    return pl.DataFrame([_row(ask, found.get(ask.key)) for ask in asks], schema=ATTEMPTS, orient="row")


def _row(ask: Ask, found: tuple[Record, _Judged] | None) -> tuple[Any, ...]:
    if found is None:
        return ask.problem, ask.attempt, ask.key, False, None, None, None, None, None, None
    record, verdict = found
    counts = record.finish_reason, record.tokens, record.prompt_tokens
    return ask.problem, ask.attempt, ask.key, True, *counts, verdict.verdict, verdict.answer, verdict.detail


def _answers(ledger: Ledger, shard: int, asks: Sequence[Ask]) -> dict[str, Record]:
    """Key -> the first answer to the wording that is asked now."""
    prompts = {ask.key: ask.prompt for ask in asks}
    found: dict[str, Record] = {}
    for record in ledger.records(shard):
        key = record.key
        if record.outcome == ANSWER and key in prompts and record.prompt in (None, prompts[key]):
            found.setdefault(key, record)
    return found


def _without_text(record: Record) -> Record:
    return Record(
        record.problem,
        record.attempt,
        record.settings,
        record.outcome,
        finish_reason=record.finish_reason,
        tokens=record.tokens,
        prompt_tokens=record.prompt_tokens,
    )


class _Verdicts:
    """The verdicts of one shard by one verifier version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Judged] = {}
        if path.exists():
            try:
                table = pl.read_parquet(path)
                self._known = {row["key"]: _Judged(**{name: row[name] for name in SCHEMA if name != "key"})
                               for row in table.iter_rows(named=True)}  # fmt: skip
            except (pl.exceptions.PolarsError, OSError, TypeError, KeyError) as error:
                raise InputError(f"{path}: is damaged ({str(error)[:120]}); delete it, and it is made again") from None

    def complete(
        self, answers: dict[str, Record], problems: dict[str, dict[str, Any]], pool: VerifierPool, thinking: str
    ) -> Iterator[tuple[str, _Judged]]:
        """(key, verdict) of every answer; what is missing is judged and written."""
        about = {key: _about(problems[record.problem], record, thinking) for key, record in answers.items()}
        left = [key for key in sorted(answers) if key not in self._known or self._known[key].about != about[key]]
        yield from ((key, self._known[key]) for key in answers.keys() - set(left))
        for start in range(0, len(left), KEPT_EVERY):
            for key, verdict in self._judge(left[start : start + KEPT_EVERY], answers, problems, about, pool, thinking):
                if verdict.verdict != "infra_error":  # the fault of the moment: judged again next time
                    self._known[key] = verdict
                yield key, verdict
            self._write()

    def _judge(
        self,
        keys: Sequence[str],
        answers: dict[str, Record],
        problems: dict[str, dict[str, Any]],
        about: dict[str, str],
        pool: VerifierPool,
        thinking: str,
    ) -> Iterator[tuple[str, _Judged]]:
        parsed: dict[str, Problem] = {}
        texts: dict[str, str] = {}
        asked = []
        for key in keys:
            record = answers[key]
            if record.finish_reason == "length":  # it has not ended, so it has no answer, as in training
                yield key, _Judged(about[key], "no_answer", None, f"no end within {record.tokens} tokens")
                continue
            if record.problem not in parsed:
                parsed[record.problem] = problem_of(problems[record.problem])
            texts[key] = _text(record, thinking)
            asked.append((key, parsed[record.problem], texts[key]))
        for key, verdict in judged(asked, pool):
            math = parsed[answers[key].problem].domain == "math"
            answer = (extract_answer(texts[key]) or "")[: MAX_ANSWER_CHARS + 1] if math else ""
            yield key, _Judged(about[key], verdict.verdict, answer or None, verdict.detail)

    def _write(self) -> None:
        rows = [(key, v.about, v.verdict, v.answer, v.detail) for key, v in sorted(self._known.items())]
        table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
        aside = self._path.with_name(f".{self._path.name}.making")
        aside.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(aside, compression="zstd")
        write_bytes(self._path, aside.read_bytes())
        aside.unlink()


def _text(record: Record, thinking: str) -> str:
    text = record.text or ""
    return text if thinking == "required" or END_OF_THINKING in text else END_OF_THINKING + text


def _about(row: dict[str, Any], record: Record, thinking: str) -> str:
    """A digest of all that the verdict depends on besides the verifier."""
    state = blake2b(digest_size=8)
    for part in (row["prompt"], row.get("answer"), row.get("tests"), row.get("metadata"), record.text, thinking,
                 record.finish_reason):  # fmt: skip
        data = b"\xff" if part is None else part.encode("utf-8", "replace")
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()
