"""What the report shows, read out of the stages' folders; of rows only what is counted or shown is held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.graph import folder_of
from data_pipeline.manifest import Manifest, read_manifest
from data_pipeline.stages import DECISIONS, DROPS, TABLE, Stage
from data_pipeline.tables import columns_of, read_batches, read_table

SAMPLES_EACH = 12  # dropped rows that are shown for each reason
SAMPLES_KEPT = 40


@dataclass(frozen=True)
class StageView:
    """A finished stage."""

    name: str
    kind: str
    folder: Path
    manifest: Manifest

    def holds(self, file: str) -> bool:
        """Whether the stage wrote this file."""
        return file in self.manifest.files

    def columns(self) -> list[str]:
        """Of its table."""
        return columns_of(self.folder / TABLE)


@dataclass(frozen=True)
class PolicyView:
    """What a policy by itself says: how many rows it would drop by reason, and how many no other policy would."""

    stage: str
    name: str
    reasons: dict[str, int]
    only: int
    rows: int


@dataclass(frozen=True)
class Sample:
    """A row that is shown: kept, held out or dropped, and why."""

    outcome: str
    reason: str
    source: str
    id: str
    prompt: str
    answer: str | None
    facts: dict[str, Any]


class SetView:
    """All stages of a set that are there. `code`: its problems are programs to write."""

    def __init__(self, out: Path, stages: Sequence[Stage], name: str) -> None:
        self.out, self.name = out, name
        self.code = any(stage.name == "curation" for stage in stages)
        self.stages: list[StageView] = []
        for stage in stages:
            folder = folder_of(out, stages, stage.name)
            manifest = read_manifest(folder)
            if manifest is not None:
                self.stages.append(StageView(stage.name, stage.kind, folder, manifest))

    def stage(self, name: str) -> StageView | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def of_kind(self, kind: str) -> list[StageView]:
        """Stages of a kind, in order."""
        return [stage for stage in self.stages if stage.kind == kind]

    @property
    def source(self) -> StageView:
        """The stage that brought the rows in."""
        return self.of_kind("source")[0]

    @property
    def problems(self) -> StageView:
        """The last stage."""
        return self.of_kind("output")[-1]

    def drops(self) -> pl.DataFrame:
        """Columns `stage`, `reason`, `source`, `count`, in order of stages."""
        counts: dict[tuple[str, str, str], int] = {}
        for stage in self.stages:
            for row in drops_of(stage):
                key = (stage.name, row["reason"], row["source"] or "–")
                counts[key] = counts.get(key, 0) + 1
        rows = [(*key, count) for key, count in counts.items()]
        return (
            pl.DataFrame(rows, schema=["stage", "reason", "source", "count"], orient="row", strict=False)
            if rows
            else (
                pl.DataFrame(schema={"stage": pl.String, "reason": pl.String, "source": pl.String, "count": pl.Int64})
            )
        )

    def policies(self) -> list[PolicyView]:
        """Every policy by itself, whatever others dropped before it."""
        found = []
        for stage in self.stages:
            if not stage.holds(DECISIONS):
                continue
            table = read_table(stage.folder / DECISIONS)
            names = [name for name in table.columns if name != "id"]
            for name in names:
                others = pl.all_horizontal(
                    [pl.col(other).is_null() for other in names if other != name] or [pl.lit(True)]
                )
                counts = table.group_by(name).len().drop_nulls(name).sort(["len", name], descending=[True, False])
                only = table.filter(pl.col(name).is_not_null() & others).height
                reasons = {row[name]: row["len"] for row in counts.iter_rows(named=True)}
                found.append(PolicyView(stage.name, name, reasons, only, table.height))
        return found

    def decided(self, policy: str) -> dict[str, str]:
        """id -> why that policy by itself would drop it, be it on record for another reason."""
        for stage in self.stages:
            if stage.holds(DECISIONS) and policy in columns_of(stage.folder / DECISIONS):
                table = read_table(stage.folder / DECISIONS, ["id", policy]).drop_nulls(policy)
                return dict(table.iter_rows())
        return {}

    def teachers(self) -> list[StageView]:
        """The stages in which a model was asked: the teacher, and the one that difficulty is told by."""
        return [stage for stage in self.stages if "teacher" in stage.manifest.about]

    def sources(self) -> list[dict[str, Any]]:
        """Each source with its counts: what its stage says of it, and `kept` and `heldout` rows at the end."""
        kept = read_table(self.problems.folder / TABLE, ["source", "split"])
        counts = {
            (row["source"], row["split"]): row["len"]
            for row in kept.group_by("source", "split").len().iter_rows(named=True)
        }
        found = []
        for key, about in self.source.manifest.about.items():
            if isinstance(about, dict) and "name" in about:
                name = about["name"]
                found.append(
                    {
                        "key": key,
                        "kept": counts.get((name, "train"), 0),
                        "heldout": counts.get((name, "heldout"), 0),
                        **about,
                    }
                )
        return found

    def final(self, columns: Sequence[str]) -> pl.DataFrame:
        """Those of the columns that the last table has."""
        return read_table(self.problems.folder / TABLE, [name for name in columns if name in self.problems.columns()])

    def samples(self) -> list[Sample]:
        """Rows to look at, the same ones for the same rows: some of each reason, some that were kept."""
        wanted = self._wanted()
        found: list[Sample] = []
        for batch in read_batches(self.source.folder / TABLE, ["id", "source", "prompt", "answer"]):
            for row in batch.filter(pl.col("id").is_in(list(wanted))).iter_rows(named=True):
                outcome, reason, facts = wanted[row["id"]]
                found.append(Sample(outcome, reason, row["source"], row["id"], row["prompt"], row["answer"], facts))
        found += [
            Sample(
                "dropped", row["reason"], str(row["source"]), f"row {row['row']}", str(row.get("prompt") or ""), None,
                {"detail": row.get("detail"), "record": _as_text(row.get("record"))},
            )
            for row in _first(drops_of(self.source), SAMPLES_EACH)
        ]  # fmt: skip
        return sorted(found, key=lambda sample: (sample.outcome, sample.reason, sample.id))

    def _wanted(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """id -> (outcome, reason, facts) of the rows that are shown."""
        wanted: dict[str, tuple[str, str, dict[str, Any]]] = {}
        for stage in self.stages:
            if stage.name != self.source.name:
                for row in _first(drops_of(stage), SAMPLES_EACH):
                    wanted[row["id"]] = ("dropped", row["reason"], row.get("why") or {})
        names = [
            name for name in self.problems.columns() if not name.startswith("prompt") and name != "reference_solutions"
        ]
        for batch in read_batches(self.problems.folder / TABLE, names):
            for row in batch.filter(
                pl.Series([_rank(name) < 1 << 56 for name in batch["id"]], dtype=pl.Boolean)
            ).iter_rows(named=True):
                if len(wanted) < 4096:
                    facts = {key: value for key, value in row.items() if "_" in key and value is not None}
                    wanted[row["id"]] = ("held out" if row["split"] == "heldout" else "kept", "", facts)
        kept = sorted((name for name, (outcome, _, _) in wanted.items() if outcome != "dropped"), key=_rank)
        return {name: value for name, value in wanted.items() if value[0] == "dropped" or name in kept[:SAMPLES_KEPT]}


def _as_text(record: Any) -> str | None:
    return None if record is None else json.dumps(record, ensure_ascii=False)


def _rank(name: str) -> int:
    """A place in an order that has nothing to do with the order of the rows."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def drops_of(stage: StageView) -> Iterator[dict[str, Any]]:
    """The dropped rows of a stage."""
    with open(stage.folder / DROPS, encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def _first(rows: Iterator[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Up to `most` rows of each reason, chosen by the hash of their names."""
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        listed = by_reason.setdefault(row["reason"], [])
        listed.append(row)
        if len(listed) >= 4 * most:
            listed.sort(key=lambda found: _rank(str(found["id"] or found["row"])))
            del listed[most:]
    return [
        row
        for listed in by_reason.values()
        for row in sorted(listed, key=lambda found: _rank(str(found["id"] or found["row"])))[:most]
    ]
