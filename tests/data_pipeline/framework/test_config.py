"""The configuration of the pipeline: every file composes, and faults are one line that says what to do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from acereason.config.compose import compose_root
from acereason.config.places import conf_dir
from acereason.config.rules import single_values
from acereason.errors import ConfigError, InputError
from data_pipeline.command import run_command
from data_pipeline.folders import alone
from data_pipeline.rules import violations
from data_pipeline.schema import GROUPS, ROOTS
from tests.data_pipeline.framework import made

FILES = sorted((group, path.stem) for group in GROUPS for path in (conf_dir() / group).glob("*.yaml"))


@pytest.mark.parametrize("root", sorted(ROOTS))
def test_each_root_composes(root: str) -> None:
    config = compose_root(root, ROOTS[root])
    assert list(single_values(config)) == []


MIXES = sorted(name for group, name in FILES if group == "sources")


def parts_of(mix: str) -> dict[str, str]:
    """Key -> file of `conf/source`, of a mix."""
    text = (conf_dir() / "sources" / f"{mix}.yaml").read_text()
    return dict(re.findall(r"- /source@(\w+): (\w+)", text))


@pytest.mark.parametrize("mix", MIXES)
def test_each_mix_of_sources_composes(mix: str) -> None:
    root = "data_code" if mix.startswith("code") else "data_math"
    parts = parts_of(mix)
    texts = {key: (conf_dir() / "source" / f"{name}.yaml").read_text() for key, name in parts.items()}
    files = [f"sources.{key}.files=[a.json]" for key, text in texts.items() if "files: ???" in text]
    config = compose_root(root, ROOTS[root], [f"sources={mix}", *files])
    assert list(config.sources) == list(parts)


def test_every_source_is_in_a_mix() -> None:
    mixed = {name for mix in MIXES for name in parts_of(mix).values()}
    assert {name for group, name in FILES if group == "source"} == mixed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sources.local.hub=a/b"], r"sources\.local: give either files=\[FILE,\.\.\.\] or hub=ID"),
        (["sources.local.layout=mapped"], "sources.local.fields=null: layout=mapped needs to know"),
        (["sources.local.layout=maped"], "allowed: mapped, problems; did you mean 'mapped'"),
        (["polcy.lengths.most_characters=3"], "did you mean 'policy'"),
        (["policy.lengths.most_characters=0"], "must be at least 1"),
        (["sources.locl.name=x"], "no 'locl' in sources|sources.locl"),
        (["decontamination.review=0.5"], r"review=0\.5: must be at most decontamination\.coverage=0\.3"),
        (["policy.statements.figures=[imge]"], r"figures=\[imge\]: 'imge' is none of .*did you mean 'image'"),
        (["policy.statements.min_tokens=9", "policy.statements.max_tokens=8"], "min_tokens=9: must be at most .*=8"),
        (["policy.statements.max_asks=-1"], "policy.statements.max_asks=-1: must be at least 0"),
        (["policy.vote.thin_below=1000"], r"thin_below=1000: must be at least policy\.vote\.min_tokens=2000"),
        (
            ["teacher=replay", "teacher.ledger=x", "teacher.attempts=2", "policy.vote.attempts=3"],
            r"policy\.vote\.attempts=3: must be at most teacher\.attempts=2",
        ),
        (
            ["dedup.prefer=[lokal]"],
            r"dedup\.prefer=\[lokal\]: 'lokal' is none of the sources' names; did you mean 'local'",
        ),
        (["out="], "out=: is empty; name a folder"),
        (["stages=[sauce]"], "stages=sauce: no such stage; did you mean 'source'"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    made.write(tmp_path)
    with pytest.raises(ConfigError, match=said) as caught:
        made.run(tmp_path, *words)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "01_source").exists()


def test_a_second_command_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    made.write(tmp_path)
    with alone(tmp_path / "out"), pytest.raises(InputError, match="another command is writing there"):
        made.run(tmp_path)


@pytest.mark.parametrize("root", sorted(ROOTS))
def test_what_is_shipped_breaks_no_rule(root: str) -> None:
    for mix in MIXES:
        if mix.startswith("code") == (root == "data_code"):
            files = [f"sources.{key}.files=[a.json]" for key, name in parts_of(mix).items()
                     if "files: ???" in (conf_dir() / "source" / f"{name}.yaml").read_text()]  # fmt: skip
            assert list(violations(compose_root(root, ROOTS[root], [f"sources={mix}", *files]))) == [], mix


def test_a_field_that_is_kept_and_ignored(tmp_path: Path) -> None:
    config = compose_root("data_math", ROOTS["data_math"], ["sources=acereason_math"])
    key, source = next(iter(config.sources.items()))
    fields = replace(source.fields, kept=("level",), ignored=("level",))
    config = replace(config, sources={key: replace(source, fields=fields)})
    assert list(violations(config)) == [
        f"sources.{key}.fields.ignored: names level, and so does sources.{key}.fields.kept; leave it in one of them"
    ]


@pytest.mark.parametrize("preview", [[], ["preview=true"]])
def test_missing_files_are_named_before_anything_runs(
    tmp_path: Path, preview: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made.write(tmp_path)
    words = ["sources=local", "sources.local.files=[in.jsonl]", "out=out", f"files={tmp_path / 'none'}", *preview]
    with pytest.raises(InputError) as caught:
        run_command("math", [*words, "decontamination.problems=[own.jsonl]"], tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"benchmarks.aime24.path={tmp_path / 'none'}/") and "there is no such file" in lines[0]
    assert lines[-2] == f"decontamination.problems={tmp_path / 'own.jsonl'}: there is no such file"
    assert lines[-1].startswith("give files=FOLDER") and len(lines) == len(set(lines)) == 8 + 2
    assert not (tmp_path / "out" / "01_source").exists()
    assert ("was never made" in capsys.readouterr().out) == bool(preview)
    run_command("math", [*words, "until=source"], tmp_path)  # which reads no benchmark


def test_a_source_that_cannot_be_read_is_named_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").mkdir()
    with pytest.raises(InputError, match=r"sources\.local\.files=.*in\.jsonl: cannot be read \(Is a directory\)"):
        made.run(tmp_path)


def test_a_folder_that_cannot_be_made_is_named_by_its_key(tmp_path: Path) -> None:
    made.write(tmp_path)
    with pytest.raises(InputError, match=r"out=/proc/x(/y)?: .*choose another place"):
        made.run(tmp_path, "out=/proc/x/y")


@pytest.mark.parametrize("stage", ["source", "screen"])
def test_more_held_out_than_there_is_stops_as_soon_as_it_is_known(
    tmp_path: Path, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write(tmp_path, 20)  # every tenth is long
    words = ["split.heldout=20"] if stage == "source" else ["split.heldout=18", "policy.lengths.most_characters=200"]
    left = 20 if stage == "source" else 18
    said = rf"split\.heldout={left}: only {left} problems are left after {stage}, and {left + 1} are needed at least"
    with pytest.raises(InputError, match=said):
        made.run(tmp_path, *words)
    last = sorted(path.name for path in (tmp_path / "out").glob("[0-9]*"))[-1]
    assert last.endswith(stage)
    with pytest.raises(InputError, match=said):
        made.run(tmp_path, *words, "preview=true")
    assert "kept" in capsys.readouterr().out
    made.run(tmp_path, *words, "until=unique")  # which holds nothing out
