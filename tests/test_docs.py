"""Every command in the README and in docs/ runs. Training commands run as written, with steps and sizes made small."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from acereason.problems import write_jsonl
from tests import shared_data
from tests.end_to_end import command
from tests.sweep.made_sweep import make_sweep

SWEEP_WORDS = (["sweep", "status"], ["sweep", "report"], ["sweep", "export"])
ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "data.sft_rows=48", "data.train_per_domain=24", "data.heldout_per_domain=2", "eval.samples_per_problem=1",
    "curriculum.stages.sft.steps=1", "curriculum.stages.sft.updates_per_step=2",
    *(
        f"curriculum.stages.{stage}.{key}"
        for stage in ("math_1", "math_2", "math_3", "code_1", "math_4")
        for key in ("steps=1", "prompts_per_step=2", "group_size=2", "max_response_length=16")
    ),
]  # fmt: skip


def commands() -> list[tuple[str, str]]:
    """(file, command) for every `acereason` line of every bash block, in order."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in re.findall(r"```bash\n(.*?)```", path.read_text(encoding="utf-8"), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.split(r"\s{2,}#", line)[0].strip()
                if line.startswith("acereason"):
                    found.append((path.name, line))
    return found


def _is_training(words: list[str]) -> bool:
    evaluates = words[0] == "eval" and words[1] not in ("score", "compare", "report", "rating")
    return (words[0] == "train" or evaluates) and not {"--cfg", "--help", "-m"} & set(words)


def _evaluation_files(folder: Path) -> bool:
    """What the commands about results of evaluations read; False where the benchmarks are not at hand."""
    if not shared_data.SHARED.is_dir():
        return False
    if not (folder / "BENCHMARKS").exists():
        (folder / "BENCHMARKS").mkdir()
        for file in [*(shared_data.SHARED / "benchmarks").iterdir(), *(shared_data.SHARED / "code").iterdir()]:
            (folder / "BENCHMARKS" / file.name).symlink_to(file)
        write_jsonl(folder / "seed111.jsonl", [{"task_id": "aime24-0", "output": "so</think>\\boxed{73}"}])
        sample = {"verdict": "correct", "reward": 1.0, "tokens": 9, "truncated": False, "answer": "73"}
        problems = [{"id": f"aime24-{number}", "topic": None, "samples": [sample]} for number in range(2)]
        result = {"model": "m", "protocol": "p", "benchmark": "aime24", "k": 1, "settings": {}, "problems": problems}
        result["answer_rule"] = "after_thinking"
        for name in ("before.json", "after.json", "BEFORE/aime24.json", "AFTER/aime24.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(result | {"model": name.split("/")[0]}), encoding="utf-8")
        contest = {"id": 1, "problems": {"aime24-0": 500, "aime24-1": 500}, "field": [[1500, 400], [1700, 1500]]}
        rated = {"model": "base", "rating": 1500.0, "standard_error": None, "percentile": None, "placings": []}
        (folder / "rating.json").write_text(json.dumps(rated), encoding="utf-8")
        (folder / "contests.json").write_text(json.dumps({"contests": [contest]}), encoding="utf-8")
    return True


CHECKED = [(name, line) for name, line in commands() if not _is_training(shlex.split(line)[1:])]
TRAINED = [(name, line) for name, line in commands() if _is_training(shlex.split(line)[1:])]


def test_the_documents_hold_commands() -> None:
    assert len(commands()) >= 12
    assert any(name == "README.md" for name, _ in TRAINED)


@pytest.mark.parametrize(("name", "line"), [(n, x) for n, x in TRAINED if "data=jsonl" not in x])
def test_training_commands_compose(name: str, line: str, tmp_path: Path) -> None:
    command.run(*shlex.split(line)[1:], "--cfg", "job", cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_readme_as_a_user_follows_it(tmp_path: Path) -> None:
    """The training commands of the README once, in order, and every other command against their runs."""
    write_jsonl(tmp_path / "answers.jsonl", [{"id": "a", "response": "so</think>\\boxed{4}", "answer": "4"}])
    (tmp_path / "FOLDER").symlink_to(shared_data.TOKENIZER)
    if shared_data.SHARED.is_dir():
        write_jsonl(tmp_path / "train.jsonl", shared_data.math_rows(0, 8) + shared_data.leetcode_rows(0, 8))
        write_jsonl(tmp_path / "math.jsonl", shared_data.math_rows(0, 250))
        write_jsonl(tmp_path / "code.jsonl", shared_data.leetcode_rows(0, 8))
        write_jsonl(tmp_path / "heldout.jsonl", shared_data.math_rows(8, 2) + shared_data.leetcode_rows(8, 2))
    done = set()
    for name, line in commands():
        words = shlex.split(line)[1:]
        if line in done or words[0] in ("-sc", "sweep") or "-m" in words:
            continue
        done.add(line)
        if words[0] == "eval" and not _is_training(words) and not _evaluation_files(tmp_path):
            continue
        if words[:2] in (["data", "code"], ["data", "join"]) and "preview=true" not in words:
            continue  # tests/end_to_end/test_pipeline.py: examining programs takes minutes
        if words[0] == "data" and "files=BENCHMARKS" in words and not _evaluation_files(tmp_path):
            continue
        if _is_training(words):
            if name != "README.md" or "temperature" in line:
                continue  # composed above; one run of each kind is enough
            if "data=jsonl" in words:
                if not shared_data.SHARED.is_dir():
                    continue
                words += ["eval.samples_per_problem=1"]
                for stage in ("math_1", "code_1"):
                    words += [f"curriculum.stages.{stage}.steps=1", f"curriculum.stages.{stage}.max_response_length=16"]
            else:
                words += SMALL
        if words == ["status", "RUN_DIR"] or words == ["resume", "RUN_DIR"]:
            words[1] = "runs/second"
        command.run(*words, cwd=tmp_path)
    assert command.summary(tmp_path / "runs" / "second")["status"] == "completed"
    verdict = json.loads((tmp_path / "verdicts.jsonl").read_text())
    assert verdict["verdict"] == "correct"


def test_the_commands_about_a_sweep(tmp_path: Path) -> None:
    make_sweep(tmp_path / "SWEEP", {"updates": ["1", "4"]}, seeds=(1, 2), stop={3: "failed"})
    lines = [line for _, line in commands() if shlex.split(line)[1:3] in SWEEP_WORDS and "SWEEP" in line]
    assert len(lines) >= 4
    for line in lines:
        command.run(*shlex.split(line)[1:], cwd=tmp_path)
    assert (tmp_path / "SWEEP" / "report.html").is_file() and (tmp_path / "figures.parquet").is_file()


@pytest.mark.parametrize("line", [line for _, line in commands() if " -m " in line and "sweep.search" not in line])
def test_grids_are_previewed(line: str, tmp_path: Path) -> None:
    printed = command.run(*shlex.split(line)[1:], "sweep.preview=true", cwd=tmp_path)
    assert " new" in printed and "still to be run" in printed
    assert not (tmp_path / "runs").exists()
