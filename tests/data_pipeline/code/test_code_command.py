"""`acereason data code` from files to problems that training reads, with kill -9 in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from acereason.problems import read_problems, write_jsonl
from data_pipeline.code.stages import FINDINGS

ROOT = Path(__file__).resolve().parents[3]
COUNT = (
    "Count the numbers that are greater than k. They may repeat, and each of them counts.\n\nConstraints:\n\n"
    "1 <= a.length <= 60\n-9 <= a[i], k <= 9"
)
GREATEST = (
    "Print the greatest of the numbers, and how often it occurs, on one line.\n\nInput\n\nThe first line contains a "
    "single integer n (1 <= n <= 40).\n\nThe second line contains n integers a_1, a_2, ..., a_n (-99 <= a_i <= 99).\n\n"
    "Output\n\nTwo integers.\n"
)
COUNT_1 = "def f(a, k):\n    return sum(x > k for x in a)\n"
COUNT_2 = "def f(a, k):\n    n = 0\n    for x in a:\n        if x > k:\n            n += 1\n    return n\n"
GREATEST_1 = "n = int(input())\na = list(map(int, input().split()))\nprint(max(a), a.count(max(a)))\n"
FROM_ZERO = "n = int(input())\na = list(map(int, input().split()))\nprint(max(a + [0]), a.count(max(a + [0])))\n"


def problem(name: str, prompt: str, tests: dict[str, Any], references: list[str], **more: Any) -> dict[str, Any]:
    row = {"id": name, "domain": "code", "prompt": prompt, "source": "mine", "tests": tests, **more}
    return {**row, "reference_solutions": references}


def rows() -> list[dict[str, Any]]:
    cases = [{"input": [[1, 2], 1], "output": 1}, {"input": [[4], 5], "output": 0}, {"input": [[3, 3], 2], "output": 2}]
    function = {"kind": "function", "entry_point": "f", "cases": cases}
    texts = [("3\n1 2 2\n", "2 2\n"), ("1\n5\n", "5 1\n"), ("4\n1 0 -1 0\n", "1 1\n")]
    stdin = {"kind": "stdin", "cases": [{"input": given, "output": output} for given, output in texts]}
    starter = "def f(a: List[int], k: int) -> int:"
    old = {"release_date": "2020-01-01"}
    return [
        problem("count", COUNT, function, [COUNT_1, COUNT_2], starter_code=starter, **old),
        problem("greatest", GREATEST, stdin, [GREATEST_1], wrong_solutions=[FROM_ZERO], **old),
        problem("again", COUNT.replace("greater", "**greater**"), function, [COUNT_1], starter_code=starter, **old),
        problem("wrong", "This one is wrong. " + COUNT, function, ["def f(a, k):\n    return 0\n"], **old),
        problem("guess", "This is an interactive problem. " * 4, stdin, [GREATEST_1], **old),
        problem("new", GREATEST + " Again.", stdin, [GREATEST_1], release_date="2025-01-01"),
        problem("bare", GREATEST + " And again.", stdin, [], **old),
        problem(
            "near",
            COUNT.replace("the numbers", "all numbers"),
            {**function, "entry_point": "g"},
            [COUNT_2.replace("def f", "def g")],
            **old,
        ),
    ]


def words(folder: Path, out: str) -> list[str]:
    given = [
        "data", "code", "sources=code_local", f"sources.local.files=[{folder / 'rows.jsonl'}]", "benchmarks=none",
        "decontamination.policy=none", "split.heldout=0", f"out={folder / out}", "curation.mutants=4",
        "curation.made_inputs=12", "curation.added_cases=6", "curation.probe_inputs=6",
        "policy.tests.least_strength=0.5",
    ]  # fmt: skip
    return [sys.executable, "-m", "acereason.cli", *given]


def run(folder: Path, out: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    return subprocess.run(
        words(folder, out), capture_output=True, text=True, timeout=600, env=environment, cwd=folder
    )  # fmt: skip


def content(out: Path) -> dict[str, bytes]:
    """What a run made, but for manifests (which say how long stages took) and the log of findings (in any order)."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.suffix in (".parquet", ".jsonl") and path.name != FINDINGS
    }


@pytest.mark.slow
def test_from_files_to_problems_also_after_kill_9(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows())
    done = run(tmp_path, "whole")
    assert done.returncode == 0, done.stderr
    whole = tmp_path / "whole"

    kept = read_problems(whole / "dataset" / "problems.jsonl")
    assert [one.metadata["source_id"] for one in kept] == ["count", "greatest"]
    assert all(one.tests is not None and len(one.tests.cases) > 3 and one.tests.time_limit_s for one in kept)
    reasons = {}
    for path in whole.glob("0*/drops.jsonl"):
        for line in path.read_text().splitlines():
            reasons[json.loads(line)["row"]] = json.loads(line)["reason"]
    assert reasons == {
        3: "repeats:same_statement", 4: "tests:failing_reference", 5: "statements:interactive", 6: "dates:too_recent",
        7: "reference:no_reference", 8: "duplicates:duplicate_near",
    }  # fmt: skip
    (pairs,) = (pl.read_parquet(path) for path in whole.glob("0*_duplicates/pairs.parquet"))
    assert sorted(pairs["relation"]) == ["near", "unverified", "unverified"]  # a reference that fails says nothing
    (table,) = (pl.read_parquet(path) for path in whole.glob("0*_curation/table.parquet"))
    greatest = table.row(by_predicate=pl.col("curation_wrong_given") == 1, named=True)
    assert greatest["curation_wrong_passing"] == 0 and greatest["curation_strength_before"] < 1.0

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    killed = subprocess.Popen(
        words(tmp_path, "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=tmp_path,
        start_new_session=True,
    )  # fmt: skip
    findings = tmp_path / "killed" / FINDINGS
    deadline = time.monotonic() + 300.0
    while time.monotonic() < deadline and killed.poll() is None:
        if findings.exists() and findings.read_bytes().count(b"\n") >= 6:
            break
        time.sleep(0.02)
    assert killed.poll() is None, "the run ended before it could be killed"
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait(180)
    assert not list((tmp_path / "killed").glob("0*_curation")), "the stage was whole before the kill"
    before = findings.read_bytes()
    done = run(tmp_path, "killed")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "killed") == content(whole)
    after = findings.read_bytes()
    told = before[: before.rfind(b"\n") + 1]
    assert told and after.startswith(told), "what was known is kept as it was"
    keys = [json.loads(line)[0] for line in after.splitlines()]
    assert len(keys) == len(set(keys)), "nothing was asked twice"


def test_faults_of_the_configuration_are_one_message(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words(tmp_path, "x"), "policy.dates.not_from=soon", "curation.time_floor_s=30"], capture_output=True,
        text=True, timeout=300, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and not (tmp_path / "x").exists()
    assert "policy.dates.not_from=soon" in done.stderr and "time_floor_s" in done.stderr


def test_a_preview_names_the_stages_and_a_bad_row_its_place(tmp_path: Path) -> None:
    bad = rows()[0] | {"tests": {"kind": "function", "entry_point": "f", "cases": [{"input": 3, "output": 1}]}}
    write_jsonl(tmp_path / "rows.jsonl", [rows()[1], bad])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def said(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words(tmp_path, "x"), *more], capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path
        )  # fmt: skip

    asked = ["teacher=endpoint", "teacher.endpoint.url=http://127.0.0.1:9/v1", f"teacher.ledger={tmp_path / 'ledger'}"]
    preview = said(*asked, "preview=true")
    assert preview.returncode == 0, preview.stderr
    names = [line.split()[0].partition("_")[2] for line in preview.stdout.splitlines()]
    assert names == ["source", "lengths", "statements", "repeats", "screen", "duplicates", "unique", "curation",
                     "tests", "teacher", "select", "problems"]  # fmt: skip
    stopped = said("until=source")
    assert stopped.returncode == 2 and "rows.jsonl:2: field 'tests.cases[0].input'" in stopped.stderr
    write_jsonl(tmp_path / "rows.jsonl", [rows()[1], bad, rows()[1] | {"release_date": "2024/09/01"}])
    dropped = said("until=source", "bad_rows=drop")
    assert dropped.returncode == 0, dropped.stderr
    drops = [json.loads(line) for line in (tmp_path / "x" / "01_source" / "drops.jsonl").read_text().splitlines()]
    assert [one["reason"] for one in drops] == ["bad_row", "bad_date"]
