"""The whole recipe on the real stack: Megatron-Core, vLLM, Ray, the sandbox. Short, but nothing is replaced."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest

from acereason.tracking.wandb_agreement import check_agreement, read_session
from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STAGES = ["sft", "math_1", "math_2", "math_3", "code_1", "math_4"]
STEPS = [3, 3, 2, 1, 3, 1]


def test_the_run_directory_keeps_its_contract(whole: Path) -> None:
    summary = command.summary(whole)
    assert summary["status"] == "completed"
    assert [s["name"] for s in summary["stages"]] == STAGES
    assert [s["domain"] for s in summary["stages"]] == ["sft", "math", "math", "math", "code", "math"]
    assert [s["steps"] for s in summary["stages"]] == STEPS
    for stage in summary["stages"]:
        for when in ("eval_before", "eval_after"):
            assert set(stage[when]) == {"math", "code"}
            assert all(0 <= accuracy <= 1 for accuracy in stage[when].values())
        inside = json.loads((whole / "eval" / f"{stage['name']}.json").read_text()).get("steps", {})
        assert list(inside) == [str(step) for step in range(2, stage["steps"], 2)]  # eval.every_steps=2
    checkpoint = whole / summary["checkpoint"]
    assert {"model.safetensors", "config.json", "tokenizer.json", "state.json"} <= {
        p.name for p in checkpoint.iterdir()
    }
    assert json.loads((checkpoint / "state.json").read_text())["parent"] == "checkpoints/code_1/step_000003"
    for name in ("config.yaml", "manifest.json", "metrics.jsonl", "report.html"):
        assert (whole / name).stat().st_size > 0
    assert any((whole / "wandb").glob("offline-run-*"))


def test_every_step_is_logged_once_with_the_contracts_keys(whole: Path) -> None:
    rows = command.metrics(whole)
    assert [row["step"] for row in rows] == list(range(1, sum(STEPS) + 1))
    rl = [row for row in rows if row["stage"] != "sft"]
    wanted = {
        "reward/mean", "reward/zero_std_groups", "response/length_mean", "response/truncated", "policy/entropy",
        "policy/grad_norm", "policy/lr", "policy/skipped_updates", "sync/logprob_abs_diff_mean",
        "sync/logprob_abs_diff_max", "sync/staleness", "time/step_s", "time/rollout_s", "time/verify_exposed_s",
        "time/train_s", "time/sync_s", "throughput/tokens_per_s", "verdict/correct", "verdict/wrong",
        "verifier/seconds_p50", "verifier/seconds_p99", "verifier/queue_depth_max", "verifier/restarts",
    }  # fmt: skip
    for row in rl:
        assert wanted <= set(row)
        assert row["sync/logprob_abs_diff_max"] < 1e-4
        assert row["sync/staleness"] == 0
        assert row["policy/skipped_updates"] == 0
        assert sum(value for key, value in row.items() if key.startswith("verdict/")) == pytest.approx(1.0)


def test_the_sandbox_of_the_run_is_recorded(whole: Path) -> None:
    sandbox = json.loads((whole / "manifest.json").read_text())["sandbox"]
    assert sandbox["level"] in (0, 1, 2, 3) and isinstance(sandbox["active"], list)
    assert f"level {sandbox['level']}" in (whole / "report.html").read_text()


def test_recorded_rollouts_hold_what_was_sampled(whole: Path) -> None:
    recorded = command.rollouts(whole)
    assert len(recorded) == sum(STEPS[1:])
    for rows in recorded.values():
        assert len(rows) == 16
        assert len({row["seed"] for row in rows}) == 16
        for row in rows:
            assert row["reward"] in (0.0, 1.0)
            assert len(row["token_ids"]) == len(row["logprobs"]) == row["tokens"]


def test_the_checkpoint_is_a_hugging_face_model(whole: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    checkpoint = whole / command.summary(whole)["checkpoint"]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    stage, rows = next((s, r) for s, r in command.rollouts(whole).items() if s.startswith("math_4/"))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": rows[0]["prompt"]}], add_generation_prompt=True, return_dict=False
    )
    with torch.no_grad():
        logits = model(torch.tensor([prompt + rows[0]["token_ids"]])).logits
    assert torch.isfinite(logits).all(), stage
    assert tokenizer.decode(model.config.eos_token_id) == "<|im_end|>"


def test_kill_and_resume_equals_the_run_never_killed(whole: Path, tmp_path: Path) -> None:
    """kill -9 after a random step, twice; then the same prompts, responses, weights and metrics.

    W&B's sessions of it, of which two lack their last steps, hold together what metrics.jsonl holds.
    """
    run_dir = tmp_path / "run"
    cell = {"group": "kills", "id": "cell-1a2b", "name": "seed=7, killed", "artifacts": "all"}
    kills = sorted(random.sample(range(2, sum(STEPS)), 2))
    words = ["train", *command.SHORT, "run_dir=run", *(f"tracking.wandb.{key}='{cell[key]}'" for key in cell)]
    for kill_after in kills:
        process = command.start(*words, cwd=tmp_path)
        command.wait_for(lambda n=kill_after: len(command.metrics(run_dir)) >= n, process, f"step {kill_after}")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(180)
        words = ["resume", "run"]
    command.run(*words, cwd=tmp_path)
    assert command.without_clocks(command.metrics(run_dir)) == command.without_clocks(command.metrics(whole)), kills
    assert command.rollouts(run_dir) == command.rollouts(whole), kills
    mine, theirs = command.summary(run_dir), command.summary(whole)
    assert mine["checkpoint"] == theirs["checkpoint"]
    assert command.weights_hash(run_dir / mine["checkpoint"]) == command.weights_hash(whole / theirs["checkpoint"]), (
        kills
    )
    evals = [(s["eval_before"], s["eval_after"]) for s in mine["stages"]]
    assert evals == [(s["eval_before"], s["eval_after"]) for s in theirs["stages"]]
    told = check_agreement(run_dir)
    assert told.agrees and told.steps > sum(STEPS) and len(told.folders) > 1, f"{kills}: {told}"
    read = [read_session(folder) for folder in told.folders]
    sessions = [session for session in read if session.run]  # one that was killed early holds no record yet
    assert read[-1].run, "the last session was not killed"
    assert {(s.run["run_id"], s.run["run_group"], s.run["display_name"]) for s in sessions} == {
        (cell["id"], cell["group"], cell["name"])
    }
    assert {s.run["job_type"] for s in sessions} == {"sft-math-code-math"}
    kept = {name for session in sessions for name in session.artifacts}
    assert kept == {"data-tiny", *(f"cell-1a2b-{stage}" for stage in STAGES)}


def test_replay_trains_the_same_weights_without_an_engine(whole: Path, tmp_path: Path) -> None:
    printed = command.run("train", *command.SHORT, "run_dir=replayed", f"train.replay={whole}", cwd=tmp_path)
    replayed = command.summary(tmp_path / "replayed")
    final = command.summary(whole)["checkpoint"]
    assert replayed["checkpoint"] == final, printed
    assert command.weights_hash(tmp_path / "replayed" / final) == command.weights_hash(whole / final)
    assert not list((tmp_path / "replayed/logs").glob("*engine*"))


def test_ctrl_c_finishes_the_step_saves_and_can_be_resumed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = command.start("train", *command.SHORT, "checkpoint.every_steps=100", "run_dir=run", cwd=tmp_path)
    command.wait_for(lambda: len(command.metrics(run_dir)) >= 4, process, "step 4")
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: the whole foreground group gets it
    assert process.wait(180) == 130
    stopped = command.summary(run_dir)
    assert stopped["status"] == "stopped"
    steps = [row["step"] for row in command.metrics(run_dir)]
    assert steps == list(range(1, len(steps) + 1))
    state = json.loads((run_dir / stopped["checkpoint"] / "state.json").read_text())
    assert state["step"] == steps[-1]
    assert "stopped" in command.run("status", "run", cwd=tmp_path)
    assert "already holds a run" in command.run("train", *command.SHORT, "run_dir=run", cwd=tmp_path, expect=2)


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    mark = f"outlive{os.getpid()}"
    process = command.start("train", *command.SHORT, f"name={mark}", f"run_dir={mark}", cwd=tmp_path)
    command.wait_for(lambda: len(command.metrics(tmp_path / mark)) >= 4, process, "step 4")
    session = process.pid
    before = _session_members(session)
    assert len(before) > 3, "the run should have had children"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(180)
    command_gone(before)


def _session_members(session: int) -> set[int]:
    """Process ids of all descendants of `session`, by walking parents."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    members, grew = {session}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grew = bool(more)
    return members - {session}


def command_gone(pids: set[int]) -> None:
    import time

    deadline = time.monotonic() + 30
    left = pids
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if _alive(pid)}
        time.sleep(0.2)
    assert not left, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left if _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
