"""README.md of a set of problems: what is in it, where it is from, under which licences as given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acereason.tracking.files import write_bytes
from data_pipeline.croissant import CROISSANT, croissant
from data_pipeline.report.view import SetView

CARD = "README.md"


def description(view: SetView) -> str:
    """One sentence on the set, used by card and metadata."""
    about = view.problems.manifest.about
    names = ", ".join(source["name"] for source in view.sources())
    return (
        f"{about.get('train', 0):,} problems for reinforcement learning with verifiable rewards and "
        f"{about.get('heldout', 0):,} held-out ones, curated from {names}."
    )


def licences(view: SetView) -> list[str]:
    """The licences of the sources as their publishers give them, each once."""
    return list(dict.fromkeys(str(source.get("licence") or "not stated") for source in view.sources()))


def card(view: SetView, config: Any, files: Sequence[str]) -> str:
    """README.md: a block that the Hub reads, counts, sources, how it was made, what to know before use."""
    about = view.problems.manifest.about
    head = {
        "pretty_name": view.name,
        "license": "other",
        "license_name": "see-sources",
        "task_categories": ["question-answering", "text-generation"],
        "language": ["en"],
        "configs": [
            {"config_name": "default",
             "data_files": [{"split": "train", "path": files[0]}, {"split": "test", "path": files[1]}]}
        ],
    }  # fmt: skip
    sources = "\n".join(
        f"| {_cell(s['name'])} | {_cell(s.get('licence') or 'not stated')} | {_cell(s.get('revision') or '')} | "
        f"{_cell(s.get('link') or '')} | {s.get('records', 0):,} | {s['kept'] + s['heldout']:,} |"
        for s in view.sources()
    )
    funnel = "\n".join(
        f"| {stage.folder.name} | {stage.manifest.rows_in:,} | {stage.manifest.rows_out:,} | "
        f"{_cell(', '.join(f'{name} {count:,}' for name, count in stage.manifest.drops.items()))} |"
        for stage in view.stages
    )
    block = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    return f"""---
{block}
---

# {view.name}

{description(view)}

| file | rows | |
|---|---|---|
| `{files[0]}` | {about.get("train", 0):,} | for training |
| `{files[1]}` | {about.get("heldout", 0):,} | held out: no statement of it is among the training problems |
| `{files[2]}` | {about.get("train", 0) + about.get("heldout", 0):,} | both, with every signal; column `split` |

## Sources and licences

Each problem stays under the licence of its source, as its publisher gives it; `source`, `source_row` and `revision` of
a row say where it is from.

| source | licence as given | revision | published at | records | kept |
|---|---|---|---|---|---|
{sources}

## How it was made

`acereason data {"code" if view.code else "math"}`, seed {config.seed}, key `{view.problems.manifest.key[:16]}`.
Each stage keeps what it dropped and why; `report.html` beside this folder shows it.

| stage | rows in | rows out | dropped |
|---|---|---|---|
{funnel}

## Before use

{_before_use(view)}
"""


def _before_use(view: SetView) -> str:
    teacher = view.stage("teacher")
    lines = _tests(view) if view.code else _answers(view)
    if teacher is not None:
        name = teacher.manifest.about.get("teacher")
        if "stand_in" in (teacher.manifest.about.get("asked") or {}):
            lines.append(
                f"The teacher, {name}, is a **stand-in** without a model behind it: pass rates and lengths say nothing "
                "about difficulty."
            )
        else:
            lines.append(f"Difficulty is what the attempts of {name} came to; another model finds other problems hard.")
    leaks = view.stage("decontamination")
    if leaks is None:
        lines.append("The problems were compared with no benchmark.")
    else:
        compared = leaks.manifest.about.get("benchmarks", [])
        named = ", ".join(f"{row['benchmark']} ({row['content_hash']})" for row in compared)
        lines.append(f"Compared with {named}. A paraphrase shares no n-grams and is not found.")
    return "\n".join(f"- {line}" for line in lines)


def _answers(view: SetView) -> list[str]:
    """What the stated answers of a math set are worth."""
    teacher = view.stage("teacher")
    if teacher is None:
        return ["No teacher was asked: answers are as their sources state them, wrong ones included."]
    return [
        f"Answers are as their sources state them, held against the attempts of {teacher.manifest.about['teacher']}; "
        "an answer that is wrong in the same way in both is not found."
    ]


def _tests(view: SetView) -> list[str]:
    """What the tests of a code set are worth."""
    lines = [
        "Tests are not as their sources state them: cases outside the stated limits were left out, made inputs were "
        "added with the answer that the reference solutions agree on, and time limits are those of the machine that "
        "made the set. Every problem's reference passes its tests; one that is wrong in a way that its own tests do "
        "not show is not found.",
        "`strength` in a row's metadata is the share of the wrong programs that its tests find: an upper bound, since "
        "a mutant that no input finds is presumed to be right.",
    ]
    return lines if view.stage("teacher") else [*lines, "No teacher was asked: no problem has a difficulty."]


def _cell(text: object) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def write_card(view: SetView, config: Any, folder: Path, files: Sequence[str]) -> None:
    """Writes README.md and croissant.json into the set's folder."""
    found = croissant(view, folder, files, description(view), licences(view))
    write_bytes(folder / CROISSANT, (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode())
    write_bytes(folder / CARD, card(view, config, files).encode())
