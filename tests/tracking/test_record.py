"""The record: every step once, nothing half written, nothing left of what a resume takes back."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acereason.errors import InputError, RunError
from acereason.tracking import files
from acereason.tracking.record import RunRecord, StageSummary, accuracies, read_metrics, read_rollouts, run_state

from .synthetic import HOSTILE


def row(step: int, stage: str = "math", stage_step: int | None = None, **metrics: object) -> dict[str, object]:
    return {"step": step, "stage": stage, "stage_step": stage_step or step, "wall_s": step * 0.5, **metrics}


def test_a_step_is_one_line_and_readable_at_once(tmp_path: Path) -> None:
    with RunRecord(tmp_path) as record:
        record.log_step(
            row(1, **{"reward/mean": np.float32(0.5), "policy/grad_norm": math.nan, "x": math.inf, "n": np.int64(3)})
        )
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [
            {"step": 1, "stage": "math", "stage_step": 1, "wall_s": 0.5,
             "reward/mean": 0.5, "policy/grad_norm": None, "x": None, "n": 3}
        ]  # fmt: skip
        assert "NaN" not in lines[0] and "Infinity" not in lines[0]


def test_steps_go_up_and_need_their_keys(tmp_path: Path) -> None:
    with RunRecord(tmp_path) as record:
        record.log_step(row(4))
        with pytest.raises(RunError, match="step 4 follows step 4"):
            record.log_step(row(4))
        with pytest.raises(RunError, match="lack wall_s"):
            record.log_step({"step": 5, "stage": "math", "stage_step": 5})
    with RunRecord(tmp_path) as again, pytest.raises(RunError, match="step 3 follows step 4"):
        again.log_step(row(3))


def test_torn_last_line_is_left_out_and_never_written_onto(tmp_path: Path) -> None:
    with RunRecord(tmp_path) as record:
        record.log_step(row(1))
        record.log_step(row(2))
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert [r["step"] for r in read_metrics(tmp_path)] == [1]
    with RunRecord(tmp_path) as record:
        record.log_step(row(2))
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_damage_elsewhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl:2"):
        read_metrics(tmp_path)


@given(cut=st.integers(1, 60))
def test_any_cut_of_the_last_line_is_survived(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    with RunRecord(folder) as record:
        record.log_step(row(1))
        record.log_step(row(2, text=HOSTILE))
    path = folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with RunRecord(folder) as record:
        record.truncate_after(1)
        record.log_step(row(2))
    assert [json.loads(line)["step"] for line in path.read_bytes().splitlines()] == [1, 2]


def test_truncate_takes_back_all_that_came_after(tmp_path: Path) -> None:
    evaluation = {"math": {"avg_at_k": 0.5, "k": 4}}
    with RunRecord(tmp_path) as record:
        for stage, offset in (("a", 0), ("b", 4)):
            record.write_eval(stage, "before", evaluation)
            for stage_step in range(1, 5):
                record.log_step(row(offset + stage_step, stage, stage_step))
                record.write_rollouts(stage, stage_step, [{"id": "r"}])
                record.write_eval(stage, stage_step, evaluation)
            record.write_eval(stage, "after", evaluation)
        record.write_rollouts("c", 1, [{"id": "written before its metrics row"}])
        record.write_eval("c", "before", evaluation)
        record.write_summary("stopped", 4.0, [StageSummary("a", "math", 4, 2.0)], None)
        for _ in range(2):  # repeating it changes nothing
            record.truncate_after(6)
            assert [r["step"] for r in read_metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]
            assert [step for step, _ in files.recorded_rollouts(tmp_path, "a")] == [1, 2, 3, 4]
            assert [step for step, _ in files.recorded_rollouts(tmp_path, "b")] == [1, 2]
            assert files.recorded_rollouts(tmp_path, "c") == []
            assert set(files.read_eval(tmp_path, "a")) == {"before", "after", "steps"}
            assert set(files.read_eval(tmp_path, "b")) == {"before", "steps"}
            assert set(files.read_eval(tmp_path, "b")["steps"]) == {"1", "2"}
            assert files.read_eval(tmp_path, "c") == {}
            assert not (tmp_path / "summary.json").exists()
        record.log_step(row(7, "b", 3))
    assert [r["step"] for r in read_metrics(tmp_path)] == [1, 2, 3, 4, 5, 6, 7]


def test_truncate_to_the_beginning(tmp_path: Path) -> None:
    with RunRecord(tmp_path) as record:
        record.truncate_after(0)
        record.log_step(row(1))
        record.write_rollouts("math", 1, [{"id": "r"}])
        assert record.truncate_after(0) == 1
        assert read_metrics(tmp_path) == [] and files.recorded_rollouts(tmp_path, "math") == []


def test_kill_in_the_middle_of_writing_leaves_whole_files(tmp_path: Path) -> None:
    """A process that writes as fast as it can is killed; whatever it left can be read and gone on from."""
    program = (
        "import sys; from pathlib import Path; from acereason.tracking.record import RunRecord\n"
        "r = RunRecord(Path(sys.argv[1]), keep_rollouts=2)\n"
        "for s in range(1, 10**9):\n"
        "    r.log_step(dict(step=s, stage='m', stage_step=s, wall_s=s, text='x' * 3000))\n"
        "    r.write_rollouts('m', s, [dict(id=i, text='y' * 500) for i in range(50)])\n"
        "    r.write_eval('m', s % 3, {'math': {'avg_at_k': 0.5}})\n"
        "    if s == 20: print('going', flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"going\n"
    assert run_state(tmp_path) == "running"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(180)
    child.stdout.close()
    assert run_state(tmp_path) == "interrupted"
    rows = read_metrics(tmp_path)
    assert [r["step"] for r in rows] == list(range(1, len(rows) + 1)) and len(rows) >= 20
    recorded = files.recorded_rollouts(tmp_path, "m")
    assert recorded and all(len(read_rollouts(tmp_path, "m", step)) == 50 for step, _ in recorded)
    assert files.read_eval(tmp_path, "m")["steps"]
    with RunRecord(tmp_path) as record:
        record.truncate_after(10)
        record.log_step(row(11, "m"))
    assert [r["step"] for r in read_metrics(tmp_path)] == list(range(1, 12))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    files.write_json(path, {"status": "stopped"})

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_json(path, {"status": "completed"})
    assert files.read_json(path) == {"status": "stopped"}
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_rollouts_survive_hostile_text_and_are_kept_by_number(tmp_path: Path) -> None:
    rows = [
        {
            "id": "r0",
            "text": HOSTILE,
            "logprobs": np.array([-0.5, -1.25], np.float32),
            "token_ids": np.arange(3, dtype=np.int32),
        }
    ]
    with RunRecord(tmp_path, keep_rollouts=2) as record:
        for step in (8, 9, 10, 11):
            record.write_rollouts("math", step, rows)
        assert [step for step, _ in files.recorded_rollouts(tmp_path, "math")] == [10, 11]
        assert read_rollouts(tmp_path, "math", 11) == [
            {"id": "r0", "text": HOSTILE, "logprobs": [-0.5, -1.25], "token_ids": [0, 1, 2]}
        ]
        with pytest.raises(FileNotFoundError):
            read_rollouts(tmp_path, "math", 8)
    first = files.rollout_path(tmp_path, "math", 10).read_bytes()
    assert first == files.rollout_path(tmp_path, "math", 11).read_bytes()  # the bytes depend on the rows alone


def test_keeping_no_rollouts_writes_none(tmp_path: Path) -> None:
    with RunRecord(tmp_path, keep_rollouts=0) as record:
        assert record.write_rollouts("math", 1, [{"id": "r"}]) is None
    assert not (tmp_path / "rollouts").exists()


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with RunRecord(tmp_path):
        with pytest.raises(InputError, match="being written by another process"):
            RunRecord(tmp_path, lock_timeout_s=0.0)
        assert run_state(tmp_path) == "running"
    RunRecord(tmp_path).close()
    assert run_state(tmp_path) == "interrupted"


def test_a_lock_left_to_a_dying_child_is_waited_for(tmp_path: Path) -> None:
    first = RunRecord(tmp_path)
    threading.Timer(0.3, first.close).start()
    RunRecord(tmp_path, lock_timeout_s=30.0).close()


def test_eval_file_holds_before_after_and_steps(tmp_path: Path) -> None:
    result = {"math": {"avg_at_k": 0.5, "k": 4, "standard_error": math.nan}}
    with RunRecord(tmp_path) as record:
        record.write_eval("math", "before", result)
        record.write_eval("math", 25, result)
        record.write_eval("math", "after", result)
        with pytest.raises(RunError, match="'before', 'after'"):
            record.write_eval("math", "later", result)
    whole = json.loads((tmp_path / "eval" / "math.json").read_text())
    one = {"math": {"avg_at_k": 0.5, "k": 4, "standard_error": None}}
    assert whole == {"before": one, "steps": {"25": one}, "after": one}
    assert accuracies(whole["after"]) == {"math": 0.5} and accuracies(None) == {}


def test_summary_is_the_contract(tmp_path: Path) -> None:
    stage = StageSummary("sft", "sft", 10, 4.5, {"math": 0.0, "code": 0.0}, {"math": 0.5, "code": 0.2})
    with RunRecord(tmp_path) as record:
        record.write_summary("completed", 12.5, [stage], tmp_path / "checkpoints" / "sft" / "step_000010")
        assert run_state(tmp_path) == "completed"
        for arguments in (("done", [stage], None), ("completed", [StageSummary("x", "physics", 1, 1.0)], None),
                          ("completed", [stage], "/elsewhere/model"), ("completed", [stage], "../model")):  # fmt: skip
            with pytest.raises(RunError):
                record.write_summary(arguments[0], 1.0, arguments[1], arguments[2])
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "status": "completed",
        "wall_seconds": 12.5,
        "stages": [
            {
                "name": "sft", "domain": "sft", "steps": 10, "seconds": 4.5,
                "eval_before": {"math": 0.0, "code": 0.0}, "eval_after": {"math": 0.5, "code": 0.2},
                "stopped_by": None, "inherited_from": None,
            }
        ],
        "checkpoint": "checkpoints/sft/step_000010",
    }  # fmt: skip
