"""The head of the report: what the set is, what it came to, and what it was told."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from typing import Any

from acereason.config.structured import to_plain
from acereason.tracking.markup import escape
from data_pipeline.report.figures import share
from data_pipeline.report.view import SetView
from data_pipeline.teacher.version import verifier_version

_TOLD = ("policy", "decontamination", "dedup", "curation", "split")  # the parts of a configuration that decide
_ELSEWHERE = ("benchmarks", "problems")  # what stands in a section of its own


def head(view: SetView, config: Any) -> str:
    """Name, counts, warnings, settings. There is no date: the same set is the same bytes."""
    about = view.problems.manifest.about
    read = view.source.manifest.rows_in
    kept = about.get("train", 0) + about.get("heldout", 0)
    kind = "code" if view.code else "math"
    facts = [
        ("records read", f"{read:,}"),
        ("for training", f"{about.get('train', 0):,}"),
        ("held out", f"{about.get('heldout', 0):,}"),
        ("teacher", ", ".join(stage.manifest.about["teacher"] for stage in view.teachers()) or "nobody"),
        ("seed", str(config.seed)),
        ("key", view.problems.manifest.key[:12]),
        ("acereason", _version("acereason")),
    ]
    cells = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(value)}</dd></div>" for term, value in facts)
    sources = ", ".join(str(source["name"]) for source in view.sources())
    return (
        f'<header><p class="kicker">acereason data {kind}</p><h1>Problem set “{escape(view.name)}”</h1>'
        f'<p class="lede">{kept:,} {kind} problems for reinforcement learning with verifiable rewards, from '
        f"{escape(sources)}. Of {read:,} records {share(kept, read)} are kept; every other one is counted below with "
        f'its reason.</p><dl class="facts">{cells}</dl>{_warning(view)}{_settings(config)}</header>'
    )


def _warning(view: SetView) -> str:
    if view.stage("teacher") is None:
        said = (
            "No teacher was asked: nothing here says how hard a problem is."
            if view.code
            else "No teacher was asked: the stated answers are taken as they were published."
        )
        return f'<p class="note">{said}</p>'
    if any("stand_in" in (stage.manifest.about.get("asked") or {}) for stage in view.teachers()):
        return (
            '<div class="error"><p>The teacher is a stand-in: its attempts were made from the problems\' own answers '
            "with seeded errors. What depends on them (pass rates, lengths, conflicts) says nothing of a model.</p>"
            "</div>"
        )
    return ""


def _settings(config: Any) -> str:
    """What decides, under the keys that the command takes."""
    rows = []
    for part in _TOLD:
        value = getattr(config, part, None)
        if value is not None:
            said = ", ".join(f"{name}={text}" for name, text in _flat(to_plain(value)))
            rows.append(f"<tr><td>{escape(part)}</td><td>{escape(said)}</td></tr>")
    versions = f"acereason={_version('acereason')}, polars={_version('polars')}, verifier="
    rows.append(f"<tr><td>versions</td><td>{escape(versions + verifier_version(config.verifier))}</td></tr>")
    return (
        '<details class="fold settings"><summary>Main settings and versions; all are in config.yaml</summary>'
        f'<table class="pairs"><tbody>{"".join(rows)}</tbody></table></details>'
    )


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        if name in _ELSEWHERE:
            continue
        if isinstance(one, Mapping):
            yield from _flat(one, f"{before}{name}.")
        else:
            yield f"{before}{name}", one if isinstance(one, str) else json.dumps(one)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
