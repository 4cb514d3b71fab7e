"""Every benchmark's own file is read whole; a file that differs by one problem is refused with what differs."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_benchmarks_unpinned import UNPINNED

from acereason.config.compose import compose_eval
from acereason.config.eval_schema import BenchmarkConfig
from acereason.errors import ConfigError, InputError, RowError
from acereason.problems import Problem
from acereason.verifiers.jobs import fault_of
from eval.benchmarks import Benchmark, content_hash_of, digest_of, load, read_known
from eval.benchmarks_formats import READERS
from eval.rows import rows_of
from tests.shared_data import SHARED, needs_shared

# figures of the publishers, but for AMC: those of its 90 problems whose answer is a whole number
COUNTS = {
    "aime24": 30, "aime25": 30, "hmmt_feb_2025": 30, "amc23": 83, "math500": 500, "minerva": 272,
    "olympiad_bench": 675, "gsm8k": 1319, "humaneval": 164, "mbpp": 500,
}  # fmt: skip
CONF = Path(__file__).resolve().parents[2] / "conf" / "benchmark"


def configured(name: str, path: Path | None = None) -> BenchmarkConfig:
    """The benchmark's configuration with its file in the shared data, or the one given."""
    config = compose_eval([f"benchmark={name}"])[0].benchmark
    found = next(SHARED.glob(f"*/{Path(config.path).name}")) if path is None else path
    return replace(config, path=str(found))


def test_every_benchmark_is_tried_here() -> None:
    assert sorted([*COUNTS, *UNPINNED, "heldout"]) == sorted(path.stem for path in CONF.glob("*.yaml"))


@needs_shared
@pytest.mark.parametrize("name", COUNTS)
def test_the_published_file_is_read_whole(name: str) -> None:
    problems = load(configured(name)).problems
    assert len(problems) == COUNTS[name] == len({problem.id for problem in problems})
    assert {problem.domain for problem in problems} == {"code" if name in ("humaneval", "mbpp") else "math"}
    assert {problem.source for problem in problems} == {name}
    assert [fault_of(problem, allow_weak=True) for problem in problems if fault_of(problem, allow_weak=True)] == []


@needs_shared
def test_rows_become_problems_as_their_publishers_mean_them() -> None:
    first = {name: load(replace(configured(name), limit=1)).problems[0] for name in COUNTS}
    assert first["aime24"].answer == "73" and first["aime24"].prompt.startswith("Among the 900 residents")
    assert first["hmmt_feb_2025"].id == "hmmt_feb_2025-1" and first["hmmt_feb_2025"].answer == "103"
    assert first["amc23"].answer == "142" and first["amc23"].metadata["topic"] == "2022_AMC_12A"  # the file says 142.0
    assert first["math500"].metadata["topic"] == "Precalculus"
    assert first["minerva"].answer == "9.6"
    assert first["olympiad_bench"].answer == "2" and first["olympiad_bench"].metadata["topic"] == "Combinatorics"
    assert first["gsm8k"].answer == "18"
    tests = first["humaneval"].tests
    assert tests is not None and tests.entry_point == "has_close_elements"
    assert str(tests.script).endswith("check(has_close_elements)\n")
    assert first["humaneval"].starter_code is not None and first["humaneval"].starter_code.startswith("from typing")
    assert first["mbpp"].id == "mbpp-11"
    by_id = {problem.id: problem for problem in load(configured("gsm8k")).problems}
    assert not [problem.id for problem in by_id.values() if "," in str(problem.answer)]  # 2,125 is written 2125
    minerva = {problem.id: problem for problem in load(configured("minerva")).problems}
    assert minerva["minerva-38"].answer == "-\\frac{1}{3}" and minerva["minerva-38"].metadata["alternatives"] == [
        "-1/3"
    ]


def rewritten(name: str, tmp_path: Path, change: Callable[[list[dict[str, Any]]], None]) -> BenchmarkConfig:
    """The benchmark with a copy of its file in which `change` was made."""
    rows = [row for _, row in rows_of(Path(configured(name).path))]
    change(rows)
    path = tmp_path / "changed"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return configured(name, path)


def refusal(config: BenchmarkConfig) -> str:
    with pytest.raises(InputError) as error:
        load(config)
    return str(error.value)


@needs_shared
@pytest.mark.parametrize("name", COUNTS)
def test_a_file_without_one_problem_is_refused_and_the_problem_named(name: str, tmp_path: Path) -> None:
    gone = load(configured(name)).problems[17].id
    position = 17 + (10 if name == "mbpp" else 0)  # whose file begins with ten problems of another split
    said = refusal(rewritten(name, tmp_path, lambda rows: rows.pop(position)))  # type: ignore[arg-type,return-value]
    assert f"({COUNTS[name]} problems, found {COUNTS[name] - 1}): missing: {gone}." in said


@needs_shared
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("aime24", "problem"),
        ("aime25", "expected_answer"),
        ("gsm8k", "answer"),
        ("humaneval", "test"),
        ("mbpp", "text"),
    ],
)
def test_a_file_with_one_edited_problem_is_refused_and_the_problem_named(name: str, field: str, tmp_path: Path) -> None:
    position = 3 + (10 if name == "mbpp" else 0)

    def edit(rows: list[dict[str, Any]]) -> None:
        rows[position][field] += "1"

    edited = load(configured(name)).problems[3].id
    said = refusal(rewritten(name, tmp_path, edit))
    assert f"({COUNTS[name]} problems, found {COUNTS[name]}): edited: {edited} (line {position + 1})." in said


@needs_shared
def test_one_problem_more_or_another_id_is_refused(tmp_path: Path) -> None:
    said = refusal(rewritten("aime24", tmp_path, lambda rows: rows.append({**rows[0], "id": "aime24-30"})))
    assert "found 31): not part of it: line 31 ('Among the 900 residents of Aimeville, th')" in said
    said = refusal(rewritten("aime24", tmp_path, lambda rows: rows[2].update(id="other")))
    assert "missing: aime24-2; not part of it: line 3" in said or "edited: aime24-2" in said


Rows = list[dict[str, Any]]


def as_the_toolkit(rows: Rows) -> Rows:
    """`data/aime24.jsonl` of the released toolkit, with whole numbers of three digits as the Hub has them."""
    return [
        {
            "id": number,
            "problem": row["problem"],
            "solution": "s",
            "answer": row["expected_answer"].zfill(3),
            "url": "u",
        }
        for number, row in enumerate(rows)
    ]


def without_ids(rows: Rows) -> Rows:
    return [{"problem": row["problem"], "answer": row["expected_answer"]} for row in rows]


def as_the_hub(rows: Rows) -> Rows:
    """HuggingFaceH4/aime_2024, the last contest first."""
    return [
        {"id": 60 + number, "problem": row["problem"], "answer": row["expected_answer"], "year": "2024"}
        for number, row in enumerate(reversed(rows))
    ]


def as_another_on_the_hub(rows: Rows) -> Rows:
    """Maxwell-Jia/AIME_2024."""
    return [
        {"ID": f"2024-I-{number}", "Problem": row["problem"], "Solution": "s", "Answer": int(row["expected_answer"])}
        for number, row in enumerate(rows)
    ]


def as_matharena_on_the_hub(rows: Rows) -> Rows:
    return [
        {"problem_idx": number, "problem": row["problem"], "answer": row["answer"], "problem_type": ["Algebra"]}
        for number, row in enumerate(rows, start=1)
    ]


LAYOUTS = [
    ("aime24", as_the_toolkit), ("aime24", as_the_hub), ("aime24", as_another_on_the_hub), ("aime25", without_ids),
    ("hmmt_feb_2025", as_matharena_on_the_hub),
]  # fmt: skip


@needs_shared
@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_another_publishers_layout_is_the_same_benchmark(
    name: str, layout: Callable[[Rows], Rows], tmp_path: Path
) -> None:
    rows = layout([row for _, row in rows_of(Path(str(configured(name).path)))])
    pl.DataFrame(rows).write_parquet(tmp_path / "file")
    assert load(configured(name, tmp_path / "file")) == load(configured(name))
    reading = {key.lower(): key for key in rows[0]}
    edited = [dict(row) for row in rows]
    edited[3][reading["problem"]] += "!"
    said = refusal(rewritten(name, tmp_path, lambda old: old.__setitem__(slice(None), edited)))
    known = [problem.id for problem in load(configured(name)).problems]
    gone = known[-4] if layout is as_the_hub else known[3]
    assert f"edited: {gone} (line 4)." in said
    said = refusal(rewritten(name, tmp_path, lambda old: old.__setitem__(slice(None), [*rows[:3], *rows[4:]])))
    assert f"missing: {gone}." in said and "unpinned" not in said
    answered = [dict(row) for row in rows]
    answered[3][reading["answer"]], answered[4][reading["answer"]] = rows[4][reading["answer"]], "7"
    said = refusal(rewritten(name, tmp_path, lambda old: old.__setitem__(slice(None), answered)))
    assert "missing: " in said and "not part of it: line 4 (" in said and "line 5 (" in said


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "heldout"))
def test_the_command_that_fetches_the_file_is_said_with_what_it_becomes(name: str) -> None:
    config = compose_eval([f"benchmark={name}"])[0].benchmark
    commands = re.findall("`(.*?)`", config.obtain)
    assert commands and commands[0].startswith(("curl -L -o ", "hf download ", "git clone "))
    assert Path(str(config.path)).name in commands[0]
    assert "@" not in commands[0] and not re.search("[0-9a-f]{40}", commands[0])  # no revision that nobody stated


def test_another_publishers_wording_is_known_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two publishers of three problems, one of which they word alike; each file is whole in its own wording alone."""
    monkeypatch.setattr("eval.benchmarks.KNOWN", tmp_path)
    ours = {"own-0": "One and  $one$ ?", "own-1": "Two?", "own-2": "Three and  $three$ ?"}
    theirs = {"own-0": "One and $one$?", "own-1": "Two?", "own-2": "Three and $three$?"}
    for file, texts in (("own.tsv", ours), ("own.hub.tsv", theirs)):
        problems = [Problem(name, "math", text, "x", answer=name[-1]) for name, text in texts.items()]
        (tmp_path / file).write_text("".join(f"{p.id}\t{digest_of(p)}\n" for p in problems))
    config = replace(configured("aime24", tmp_path / "rows.jsonl"), name="own", problems=3)
    config = replace(config, content_hash=content_hash_of(read_known("own")))

    def loaded(*rows: tuple[str, str]) -> Benchmark:
        lines = (json.dumps({"problem": text, "answer": f"00{answer}"}) + "\n" for text, answer in rows)
        (tmp_path / "rows.jsonl").write_text("".join(lines))
        return load(config)

    first, second, third = ((theirs[f"own-{n}"], str(n)) for n in range(3))
    other = loaded(third, first, second)
    assert [problem.id for problem in other.problems] == list(theirs)
    assert other.content_hash == content_hash_of(read_known("own.hub")) != config.content_hash
    assert loaded(*((text, name[-1]) for name, text in ours.items())).content_hash == config.content_hash
    with pytest.raises(InputError, match=r"edited: own-2 \(line 3\)"):
        loaded(first, second, (third[0], "4"))
    with pytest.raises(InputError, match="missing: own-2"):
        loaded(first, second)
    with pytest.raises(InputError, match=r"missing: own-0, own-2; not part of it: line 1 \('One"):
        loaded((first[0] + "!", "0"), second, (third[0], "7"))


@needs_shared
def test_another_wording_is_refused_and_how_to_take_it_is_said(tmp_path: Path) -> None:
    def reword(rows: Rows) -> None:
        rows[:] = [row | {"problem": row["problem"].replace(" ", "  ")} for row in without_ids(rows)]

    config = rewritten("aime25", tmp_path, reword)
    assert "benchmark.content_hash=null benchmark.unpinned=true takes such a file as it is" in refusal(config)
    taken = load(replace(config, content_hash=None, unpinned=True))
    assert len(taken.problems) == 30 and taken.content_hash != configured("aime25").content_hash


@needs_shared
def test_the_order_of_rows_and_compression_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "aime24.jsonl.gz"
    lines = Path(configured("aime24").path).read_bytes().splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(reversed(lines))))
    assert load(configured("aime24", path)) == load(configured("aime24"))


@needs_shared
def test_a_wrong_count_or_hash_in_the_configuration_is_an_error() -> None:
    with pytest.raises(ConfigError, match="benchmark.problems=29.*holds aime24 with 30 problems"):
        load(replace(configured("aime24"), problems=29))
    with pytest.raises(ConfigError, match="benchmark.content_hash=0"):
        load(replace(configured("aime24"), content_hash="0"))
    with pytest.raises(ConfigError, match="benchmark.name=aime26: its problems are not known here"):
        load(replace(configured("aime24"), name="aime26"))


def test_a_file_that_is_not_there_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    said = refusal(configured("gsm8k", tmp_path / "nowhere.jsonl"))
    assert (
        f"no such file; gsm8k is to be had so, in the folder {tmp_path}: `curl -L -o gsm8k_test.jsonl https://" in said
    )


@pytest.mark.parametrize(
    ("reader", "row", "field"),
    [
        ("nemo_skills", {"id": "a", "problem": "p"}, "answer"),
        ("nemo_skills", {"id": 3, "problem": "p", "expected_answer": "1"}, "id"),
        ("nemo_skills", {"id": 3, "problem": "p"}, "answer"),
        ("matharena", {"id": "1", "problem": "p", "answer": "1"}, "competition"),
        ("math500", {"unique_id": "a", "problem": " ", "answer": "1", "subject": "s"}, "problem"),
        ("rllm_amc", {"problem": "p", "answer": 1.5, "url": "x/2022_AMC_12A_Problems/Problem_1"}, "answer"),
        ("rllm_amc", {"problem": "p", "answer": 1.0, "url": "elsewhere"}, "url"),
        ("minerva", {"problem": "p", "answer": [], "idx": 1, "type": "t"}, "answer"),
        ("minerva", {"problem": "p", "answer": ["1"], "idx": True, "type": "t"}, "idx"),
        ("minerva", {"problem": "p", "answer": ["1"], "idx": float("nan"), "type": "t"}, "idx"),
        ("minerva", {"problem": "p", "answer": ["1"], "idx": float("inf"), "type": "t"}, "idx"),
        ("olympiad_bench", {"id": 1, "problem": "p", "answer": ["1", "2"], "subfield": "s"}, "answer"),
        ("gsm8k", {"question": "q", "answer": "18"}, "answer"),
        ("humaneval", {"task_id": "a", "prompt": "p", "test": "t"}, "entry_point"),
        ("mbpp", {"task_id": 11, "text": "t", "test_list": "assert f() == 1"}, "test_list"),
        (
            "mbpp",
            {"task_id": 11, "text": "t", "test_list": ["assert f() == 1"], "test_setup_code": 3},
            "test_setup_code",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_named(reader: str, row: dict[str, Any], field: str) -> None:
    with pytest.raises(RowError) as error:
        READERS[reader](Path("file.jsonl"), 7, row)
    assert (error.value.line, error.value.field) == (7, field)


def test_a_file_that_is_no_list_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, said in ((b"[1]", "expected a JSON object"), (b"{", "not valid JSON"), (b"\xff", "cannot read")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            list(rows_of(path))
