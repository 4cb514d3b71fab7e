"""The ledger: what was written is there, whatever happens next; what cannot be read is said."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acereason import cli
from acereason.errors import InputError, RowError, RunError
from acereason.problems import write_jsonl
from data_pipeline.teacher.ledger import Damage, Ledger
from data_pipeline.teacher.records import Record, from_line, key_of, to_line
from data_pipeline.teacher.tables import pack, table, take_in

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def answer(problem: str, attempt: int = 0, text: str = "so</think>\\boxed{4}") -> Record:
    return Record(problem, attempt, "s", "answer", text=text, finish_reason="stop", tokens=9, at=1)


def everything(ledger: Ledger, damage: Damage | None = None) -> list[Record]:
    return [record for shard in range(ledger.shards) for record in ledger.records(shard, damage)]


@settings(max_examples=60, deadline=None)
@given(problem=TEXT, attempt=st.integers(0, 99), text=TEXT, detail=st.none() | TEXT)
def test_a_record_comes_back_from_its_line(problem: str, attempt: int, text: str, detail: str | None) -> None:
    record = replace(answer(problem, attempt, text), detail=detail)
    line = to_line(record)
    assert line.count(b"\n") == 1
    assert from_line(line) == record


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert from_line(to_line(answer("p", 0, "a\ud800b"))).text == "a?b"


def test_keys_differ_wherever_a_part_does() -> None:
    parts = [("a", 1, "s"), ("a", 2, "s"), ("b", 1, "s"), ("a", 1, "t"), ("a1", 1, "s"), ("a", 11, "s"), ("", 1, "as")]
    assert len({key_of(*part) for part in parts}) == len(parts)


def test_what_one_bit_changes_is_no_record() -> None:
    line = to_line(answer("p"))
    rng = random.Random(1)
    for place in rng.sample(range(len(line) - 1), 60):
        changed = bytearray(line)
        changed[place] ^= 1 << rng.randrange(7)
        with pytest.raises(ValueError):
            from_line(bytes(changed))


def test_writers_share_a_ledger_but_not_a_shard(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path, 4)
    names = [f"p{n}" for n in range(40)]
    with ledger.writer([0, 1]) as first, Ledger(tmp_path).writer([2, 3]) as second:
        for name in names:
            (first if ledger.shard_of(name) < 2 else second).add(answer(name))
        with pytest.raises(InputError, match="another process asks"), ledger.writer([1]):
            pass
        with pytest.raises(ValueError, match="not open"):
            first.add(answer(next(name for name in names if ledger.shard_of(name) == 2)))
    assert sorted(record.problem for record in everything(ledger)) == sorted(names)
    assert all(record.problem in {r.problem for r in ledger.records(ledger.shard_of(record.problem))}
               for record in everything(ledger))  # fmt: skip


def test_a_torn_line_is_set_aside_and_said_and_a_whole_one_without_its_end_is_kept(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path, 1)
    with ledger.writer() as writer:
        writer.add(answer("a"))
    whole = ledger.path(0).read_bytes()
    line = to_line(answer("b"))
    for cut in (1, 9, 40, len(line) - 2):
        ledger.path(0).write_bytes(whole + line[:cut])
        assert [record.problem for record in everything(ledger)] == ["a"]
        with ledger.writer() as writer:
            assert str(cut) in str(writer.damage)
            writer.add(answer("c"))
        assert [record.problem for record in everything(ledger)] == ["a", "c"]
        aside = ledger.path(0).with_name(ledger.path(0).name + ".torn")
        assert aside.read_bytes().endswith(line[:cut] + b"\n")
    ledger.path(0).write_bytes(whole + line[:-1])
    with ledger.writer() as writer:
        assert not str(writer.damage)
    assert [record.problem for record in everything(ledger)] == ["a", "b"]


def test_a_damaged_line_in_the_middle_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path, 1)
    with ledger.writer() as writer:
        for name in "abc":
            writer.add(answer(name))
    lines = ledger.path(0).read_bytes().splitlines(keepends=True)
    ledger.path(0).write_bytes(lines[0] + lines[1].replace(b"boxed{4}", b"boxed{5}") + lines[2])
    damage = Damage()
    assert [record.problem for record in everything(ledger, damage)] == ["a", "c"]
    assert f"{ledger.path(0).name}:2: its checksum does not agree" in str(damage)


def _add_until_killed(folder: Path, seed: int) -> None:
    with Ledger(folder).writer() as writer:
        for number in range(1_000_000):
            writer.add(answer(f"{seed}-{number}", text="x" * 1000))
            os.write(1, b"")  # a system call between two lines, so that a kill may come there


def test_kill_at_random_moments_leaves_a_ledger_that_goes_on(tmp_path: Path) -> None:
    """Each round is killed with -9 while it writes; all lines of all rounds are read, without a gap."""
    ledger = Ledger.create(tmp_path, 2)
    context, rng = multiprocessing.get_context("fork"), random.Random(3)
    for seed in range(4):
        child = context.Process(target=_add_until_killed, args=(tmp_path, seed))
        child.start()
        deadline = time.monotonic() + 30
        while not any(record.problem.startswith(f"{seed}-") for record in everything(ledger)):
            assert time.monotonic() < deadline, "the writer wrote nothing for 30 s"
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join(10)
    with ledger.writer():
        pass
    damage = Damage()
    numbers: dict[str, list[int]] = {}
    for record in everything(ledger, damage):
        seed_text, number = record.problem.split("-")
        numbers.setdefault(seed_text, []).append(int(number))
    assert not damage.lines
    assert len(numbers) == 4
    assert all(sorted(found) == list(range(len(found))) for found in numbers.values())


def test_a_full_disk_ends_asking_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.create(tmp_path, 1)
    write = os.write
    with ledger.writer() as writer:
        writer.add(answer("a"))

        def full(file: int, data: bytes) -> int:
            if len(data) < 100:
                raise OSError(28, "No space left on device")
            return write(file, data[: len(data) // 2])

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(RunError, match="No space left"):
                writer.add(answer("b"))
    assert ledger.path(0).read_bytes() == to_line(answer("a"))


def test_lines_are_forced_to_the_disk_after_their_time_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, forced = [0.0], [0]
    ledger = Ledger.create(tmp_path, 1)
    with ledger.writer(fsync_s=5.0) as writer:
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        monkeypatch.setattr(os, "fsync", lambda file: forced.__setitem__(0, forced[0] + 1))
        for at, expected in ((0.0, 0), (4.9, 0), (5.0, 1), (20.0, 1)):
            now[0] = at
            if at == 0.0:
                writer.add(answer("a"))
            writer.sync_due()
            assert forced[0] == expected, at
        writer.add(answer("b"))
        assert forced[0] == 1
    assert forced[0] == 2


def test_a_folder_that_is_no_ledger_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no ledger"):
        Ledger(tmp_path)
    Ledger.create(tmp_path / "l", 3)
    assert Ledger.create(tmp_path / "l", 8).shards == 3


def filled(folder: Path, names: str, shards: int = 2) -> Ledger:
    ledger = Ledger.create(folder, shards)
    ledger.describe("s", {"model": {"name": "m"}})
    with ledger.writer() as writer:
        for name in names:
            writer.add(answer(name))
        writer.add(Record(names[0], 1, "s", "timeout", detail="slow"))
    return ledger


def test_a_packed_ledger_holds_the_same_and_takes_more(tmp_path: Path) -> None:
    ledger = filled(tmp_path, "abcdef")
    before, as_table = everything(ledger), table(ledger)
    pack(ledger)
    assert not any(ledger.path(shard).stat().st_size for shard in range(2))
    assert everything(ledger) == before and table(ledger).equals(as_table)
    with ledger.writer() as writer:
        writer.add(answer("g"))
    pack(ledger)
    with ledger.writer() as writer:
        writer.add(answer("h"))
    assert sorted(r.problem for r in everything(ledger) if r.outcome == "answer") == list("abcdefgh")
    assert len(everything(ledger)) == 9
    packed = ledger.packed(ledger.shard_of("a"))
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(InputError, match="answers that were paid for lie in it"):
        everything(ledger)


def test_a_kill_while_packing_neither_loses_nor_doubles_a_record(tmp_path: Path) -> None:
    """The moment after the Parquet file is whole and before its lines are gone, for readers and for the next writer."""
    ledger = filled(tmp_path, "abcdef")
    before = everything(ledger)
    lines = {shard: ledger.path(shard).read_bytes() for shard in range(2)}
    pack(ledger)
    for shard, content in lines.items():
        ledger.path(shard).write_bytes(content)
    assert everything(ledger) == before
    with ledger.writer() as writer:
        assert everything(ledger) == before
        writer.add(answer("g"))
    assert len(everything(ledger)) == len(before) + 1


def test_a_damaged_ledger_is_not_packed(tmp_path: Path) -> None:
    ledger = filled(tmp_path, "ab", shards=1)
    path = ledger.path(0)
    path.write_bytes(path.read_bytes().replace(b"boxed{4}", b"boxed{5}", 1))
    content = path.read_bytes()
    with pytest.raises(InputError, match="is not packed.*:1: its checksum"):
        pack(ledger)
    assert path.read_bytes() == content and not ledger.packed(0).exists()


def test_answers_from_elsewhere_are_taken_in_once(tmp_path: Path) -> None:
    rows = [{"problem": "a", "attempt": n, "text": f"</think>{n}", "finish_reason": "stop"} for n in range(3)]
    write_jsonl(tmp_path / "in.jsonl", rows)
    for _ in range(2):
        settings = take_in(tmp_path / "in.jsonl", tmp_path / "l", {"model": {"name": "r1"}}, 2)
    ledger = Ledger(tmp_path / "l")
    assert [record.text for record in everything(ledger)] == [row["text"] for row in rows]
    assert ledger.described() == {settings: {"model": {"name": "r1"}}}
    write_jsonl(tmp_path / "in.jsonl", [rows[0], {**rows[1], "finish_reason": "tired"}])
    with pytest.raises(RowError, match="in.jsonl:2: .*finish_reason"):
        take_in(tmp_path / "in.jsonl", tmp_path / "other", {}, 2)
    assert not (tmp_path / "other").exists()


def test_the_command_says_what_a_ledger_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path, "abc")
    assert cli.main(["data", "ledger", str(tmp_path), "pack=true"]) == 0
    assert capsys.readouterr().out == "s m: 3 answers to 3 problems, 27 tokens, 1 timeout\n"
    assert cli.main(["data", "ledger", str(tmp_path / "no")]) == 2
    assert cli.main(["data", "ledger"]) == 2
