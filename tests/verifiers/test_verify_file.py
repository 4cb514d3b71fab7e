"""`verify`: rows checked first, verdicts in input order, the target written whole or not at all."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from acereason.errors import InputError, RowError
from acereason.verifiers import progress, unfinished
from acereason.verifiers.protection import required_protection
from acereason.verifiers.verify_file import verify_file
from tests.end_to_end import command

from .conftest import boxed, config, fenced
from .processes import processes_below, wait_until_gone, words_of

TESTS = {"kind": "stdin", "cases": [{"input": "3 4\n", "output": "19\n"}, {"input": "5 6\n", "output": "37\n"}]}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_math_in_input_order(tmp_path: Path) -> None:
    rows = []
    for i in range(200):
        text = boxed(r"\frac{1}{\sqrt{3}}") if i % 50 == 0 else boxed("12") if i % 2 else "no box"
        rows.append({"id": i, "response": text, "answer": r"\frac{\sqrt{3}}{3}" if i % 50 == 0 else "12"})
    target = tmp_path / "out.jsonl"
    assert verify_file("math", write(tmp_path / "in.jsonl", rows), target, False, config(queue=4)) == 0
    got = read(target)
    assert [row["id"] for row in got] == list(range(200))
    wanted = ["correct" if i % 50 == 0 or i % 2 else "no_answer" for i in range(200)]
    assert [row["verdict"] for row in got] == wanted
    assert all(set(row) == {"id", "verdict", "reward", "seconds", "detail"} for row in got)
    assert all(row["reward"] == (row["verdict"] == "correct") for row in got)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_code_and_bare(tmp_path: Path) -> None:
    program = "a, b = map(int, input().split())\nprint(a * b + 7)"
    for bare, text in ((False, fenced(program)), (True, program)):
        rows = [{"id": "a", "response": text, "tests": TESTS}, {"id": "b", "response": "x =", "tests": TESTS}]
        target = tmp_path / f"{bare}.jsonl"
        verify_file("code", write(tmp_path / "in.jsonl", rows), target, bare, config())
        assert [row["verdict"] for row in read(target)] == ["correct", "unparsable" if bare else "no_answer"]


@pytest.mark.parametrize(
    ("domain", "bad", "says"),
    [
        ("math", "{", "not valid JSON"),
        ("math", {"id": "a", "answer": "1"}, "'response'"),
        ("math", {"id": "a", "response": "x"}, "'answer'"),
        ("math", {"id": "a", "response": "x", "answer": " "}, "'answer'"),
        ("math", {"response": "x", "answer": "1"}, "'id'"),
        ("code", {"id": "a", "response": "x"}, "'tests'"),
        ("code", {"id": "a", "response": "x", "tests": {"kind": "stdin", "cases": []}}, "tests.cases"),
        ("code", {"id": "a", "response": "x", "tests": {"kind": "assert", "script": "x = 1"}}, "tests.script"),
    ],
)
def test_a_bad_row_stops_with_its_line_before_anything_is_judged(
    tmp_path: Path, domain: str, bad: Any, says: str
) -> None:
    good = {"id": "g", "response": "r", **({"answer": "1"} if domain == "math" else {"tests": TESTS})}
    source = write(tmp_path / "in.jsonl", [good, good, bad, good])
    with pytest.raises(RowError, match=says) as caught:
        verify_file(domain, source, tmp_path / "out.jsonl", False, config())
    assert caught.value.line == 3 and caught.value.exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [])
    with pytest.raises(InputError, match="holds no rows"):
        verify_file("math", source, tmp_path / "out.jsonl", False, config())
    with pytest.raises(InputError, match="cannot read"):
        verify_file("math", tmp_path / "absent.jsonl", tmp_path / "out.jsonl", False, config())
    with pytest.raises(InputError, match="does not exist"):
        verify_file("math", source, tmp_path / "no" / "out.jsonl", False, config())
    with pytest.raises(InputError, match="not one of"):
        verify_file("sft", source, tmp_path / "out.jsonl", False, config())


def test_what_a_second_reading_cannot_find_again_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="rows are read twice"):
        verify_file("math", tmp_path / "pipe", tmp_path / "out.jsonl", False, config())
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_programs_need_the_sandbox_that_was_asked_for(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"id": "a", "response": fenced("print(1)"), "tests": TESTS}])
    level = required_protection(config()).level
    verify_file("code", source, tmp_path / "out.jsonl", False, config(min_sandbox_level=level))
    assert read(tmp_path / "out.jsonl")[0]["verdict"] == "wrong"
    if level < 3:
        (tmp_path / "out.jsonl").unlink()
        with pytest.raises(InputError, match="min_sandbox_level"):
            verify_file("code", source, tmp_path / "out.jsonl", False, config(min_sandbox_level=level + 1))
        assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    endless = fenced("while True: pass  # 0")  # not asleep: idle programs are ended early
    rows = [{"id": i, "response": endless.replace("0", str(i)), "tests": TESTS} for i in range(4)]
    write(tmp_path / "in.jsonl", rows)
    process = command.start("verify", "code", "in.jsonl", "out.jsonl", "verifier.code_cpu_s=50",
                            "verifier.code_wall_s=60", "verifier.code_program_s=60", cwd=tmp_path)  # fmt: skip
    try:
        command.wait_for(lambda: len(programs_below(process.pid)) >= 2, process, "two running programs")
        below = processes_below(process.pid)
        os.kill(process.pid, number)
        assert process.wait(180) == (130 if number == signal.SIGINT else -number)
    finally:
        process.kill()
    assert not wait_until_gone(below)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "output.txt"]
    printed = (tmp_path / "output.txt").read_text()
    assert printed == ("acereason: interrupted\n" if number == signal.SIGINT else "")


def test_the_preset_for_shared_machines_judges_where_namespaces_are(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"id": "a", "response": fenced("print(1)"), "tests": TESTS}])
    enough = required_protection(config()).level >= 2
    words = ("verify", "code", "in.jsonl", "out.jsonl", "verifier=cluster", "verifier.workers=2")
    printed = command.run(*words, cwd=tmp_path, expect=0 if enough else 2)
    assert (tmp_path / "out.jsonl").exists() == enough
    assert ("wrong" if enough else "verifier.min_sandbox_level=2: the best sandbox") in printed


def test_a_weak_script_is_judged_and_said_to_be_weak(tmp_path: Path) -> None:
    tests = {"kind": "assert", "script": "x = f(3)\nwhile x > 0:\n    x -= 1\nassert x == 0"}
    rows = [{"id": "a", "response": fenced("def f(x): return x"), "tests": tests}]
    verify_file("code", write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", False, config())
    (row,) = read(tmp_path / "out.jsonl")
    assert row["verdict"] == "correct" and "weak" in row["detail"]


def test_a_tolerance_is_taken_from_the_row(tmp_path: Path) -> None:
    given = {"response": boxed("3.14"), "answer": "3.1416"}
    rows = [{"id": 0, **given}, {"id": 1, **given, "metadata": {"answer_tolerance": 1e-3, "other": 1}}]
    verify_file("math", write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", False, config())
    assert [row["verdict"] for row in read(tmp_path / "out.jsonl")] == ["wrong", "correct"]
    bad = write(tmp_path / "bad.jsonl", [*rows, {"id": 2, **given, "metadata": {"answer_tolerance": 7}}])
    with pytest.raises(RowError, match="metadata.answer_tolerance") as caught:
        verify_file("math", bad, tmp_path / "out.jsonl", False, config())
    assert caught.value.line == 3


def programs_below(pid: int) -> set[int]:
    """Sessions below `pid` that are a program's: a test is the leader of its own, three processes below a worker."""
    return {child for child in processes_below(pid) if "zygote" in words_of(child) and session_of(child) == child}


def session_of(pid: int) -> int:
    """The session of a process, 0 where it has ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def test_where_no_terminal_is_a_line_tells_how_far_it_is(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress.Progress("judged", 1234) as shown:
        for _ in range(1234):
            shown.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1234 // 16
    assert lines[-1].startswith("judged 1,232 of 1,234 rows, ")


def test_a_file_system_without_unnamed_files_serves_too(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(unfinished.os, "O_TMPFILE", os.O_DIRECTORY | os.O_EXCL | os.O_CREAT)  # refused with EINVAL
    with unfinished.unfinished(tmp_path / "a") as stream:
        stream.write("whole")
        assert [p.name for p in tmp_path.iterdir()] == [f".a.{os.getpid()}.part"]
    assert (tmp_path / "a").read_text() == "whole"
    with pytest.raises(ValueError, match="stop"), unfinished.unfinished(tmp_path / "a") as stream:
        stream.write("half")
        raise ValueError("stop")
    assert (tmp_path / "a").read_text() == "whole" and len(list(tmp_path.iterdir())) == 1
