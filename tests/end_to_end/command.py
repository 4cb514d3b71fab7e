"""The `acereason` command as a user runs it, and what its runs leave behind."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# one engine and one rank, for tests in which the number of neither matters: half the processes to start
ONE_EACH = ["cluster.engine.engines=1", "cluster.trainer.data_parallel=1"]

# the whole recipe, a few steps of each stage: SFT, two math stages, code, a last math stage
SHORT = [
    "seed=7",
    "data.sft_rows=480",
    "data.train_per_domain=48",
    "data.heldout_per_domain=6",
    "eval.samples_per_problem=2",
    "eval.every_steps=2",
    "checkpoint.every_steps=2",
    "curriculum.stages.sft.steps=3",
    "curriculum.stages.sft.updates_per_step=15",
    "curriculum.stages.math_1.steps=3",
    "curriculum.stages.math_2.steps=2",
    "curriculum.stages.math_3.steps=1",
    "curriculum.stages.code_1.steps=3",
    "curriculum.stages.math_4.steps=1",
    *(f"curriculum.stages.{name}.prompts_per_step=4" for name in ("math_1", "math_2", "math_3", "code_1", "math_4")),
    *(f"curriculum.stages.{name}.group_size=4" for name in ("math_1", "math_2", "math_3", "code_1", "math_4")),
    # No answer is right after so little training: a penalty by length gives every step advantages, hence an update.
    *(
        f"curriculum.stages.{name}.{key}"
        for name, length in (("math_1", 48), ("math_2", 64), ("math_3", 88), ("code_1", 64), ("math_4", 88))
        for key in (f"max_response_length={length}", "overlong.policy=soft", f"overlong.buffer={length - 6}")
    ),
]


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """The command in a session of its own, with what it prints in `output.txt` under `cwd`."""
    log = open(cwd / "output.txt", "a")
    return subprocess.Popen(
        [sys.executable, "-m", "acereason.cli", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_hears_ctrl_c,
    )


def _hears_ctrl_c() -> None:
    """A shell has what it starts in the background ignore SIGINT, and that would be inherited from these tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(*words: str, cwd: Path, expect: int = 0, timeout_s: float = 900) -> str:
    """Runs the command to its end and returns what it printed."""
    before = (cwd / "output.txt").stat().st_size if (cwd / "output.txt").exists() else 0
    process = start(*words, cwd=cwd)
    try:
        code = process.wait(timeout_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    printed = (cwd / "output.txt").read_bytes()[before:].decode("utf-8", "replace")
    assert code == expect, f"exit {code}, expected {expect}:\n{printed[-6000:]}"
    return printed


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], what: str, timeout_s: float = 900) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, f"the command ended ({process.returncode}) before {what}"
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.05)


def metrics(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / "metrics.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1] if line]


def without_clocks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Metrics rows without what differs between two runs of the same computation."""
    clocks = ("time/", "throughput/", "verifier/")
    return [{k: v for k, v in row.items() if k != "wall_s" and not k.startswith(clocks)} for row in rows]


def rollouts(run_dir: Path) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for path in sorted((run_dir / "rollouts").glob("*/step_*.jsonl.gz")):
        with gzip.open(path, "rt") as stream:
            found[f"{path.parent.name}/{path.name}"] = [json.loads(line) for line in stream]
    return found


def weights_hash(checkpoint: Path) -> str:
    return hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()


def summary(run_dir: Path) -> dict[str, Any]:
    return json.loads((run_dir / "summary.json").read_text())


def processes_naming(text: str) -> list[str]:
    """Command lines of living processes (zombies apart) whose environment or arguments hold `text`."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            line = (folder / "cmdline").read_bytes()
            held = text.encode() in line or text.encode() in (folder / "environ").read_bytes()
            if held and (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found.append(line.replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
