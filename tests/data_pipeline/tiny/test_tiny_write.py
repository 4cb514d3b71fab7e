"""The files: the same bytes for the same seed, disjoint sides, and rows that the readers accept."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace

import pytest
from tiny_oracle import meaning

from acereason.config.schema import DataConfig
from acereason.errors import ConfigError, RunError
from acereason.problems import read_problems, read_sft_rows
from data_pipeline.tiny.flaws import Flaws
from data_pipeline.tiny.sets import draw_problems
from data_pipeline.tiny.write import check_disjoint, generate, write_problem_files

SMALL = DataConfig(
    name="tiny", kind="tiny", train=None, heldout=None, sft=None, seed=None,
    train_per_domain=600, heldout_per_domain=192, sft_rows=3000, sft_code_fraction=0.3,
)  # fmt: skip
FILES = ("train.jsonl", "heldout.jsonl", "sft.jsonl", "dataset.json")


def digests(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write_problem_files(SMALL, 1, folder)
    return folder


def test_same_seed_same_bytes_and_no_global_state(written, tmp_path):
    random.seed(99)
    before = random.getstate()
    write_problem_files(SMALL, 1, tmp_path)
    assert digests(tmp_path) == digests(written)
    assert random.getstate() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)  # nothing half-written is left


def test_another_seed_gives_other_rows(written, tmp_path):
    write_problem_files(SMALL, 2, tmp_path)
    assert not set(digests(tmp_path).values()) & set(digests(written).values())


def test_the_data_seed_goes_before_the_run_seed(written, tmp_path):
    write_problem_files(replace(SMALL, seed=1), 2, tmp_path)
    assert digests(tmp_path) == digests(written)


def test_one_set_does_not_change_with_the_size_of_another(written, tmp_path):
    write_problem_files(replace(SMALL, sft_rows=10), 1, tmp_path)
    for name in ("train.jsonl", "heldout.jsonl"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()
    write_problem_files(replace(SMALL, train_per_domain=5), 1, tmp_path)
    for name in ("sft.jsonl", "heldout.jsonl"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_counts(written):
    train, heldout = read_problems(written / "train.jsonl"), read_problems(written / "heldout.jsonl")
    rows = read_sft_rows(written / "sft.jsonl")
    for problems, each in ((train, 600), (heldout, 192)):
        assert [sum(problem.domain == domain for problem in problems) for domain in ("math", "code")] == [each, each]
        assert len({problem.prompt for problem in problems}) == len(problems)
    assert len(rows) == 3000


def test_no_heldout_problem_is_in_any_training_data_of_any_seed(written, tmp_path):
    write_problem_files(SMALL, 2, tmp_path)
    heldout, training = set(), set()
    for folder in (written, tmp_path):
        heldout |= {meaning(problem.prompt) for problem in read_problems(folder / "heldout.jsonl")}
        training |= {meaning(problem.prompt) for problem in read_problems(folder / "train.jsonl")}
        training |= {meaning(row.prompt) for row in read_sft_rows(folder / "sft.jsonl")}
    assert heldout and training and not heldout & training


def test_the_check_finds_a_planted_leak():
    heldout = draw_problems("math", True, 20, 1)
    check_disjoint(heldout, draw_problems("math", False, 20, 1))
    with pytest.raises(RunError, match="also in the training data"):
        check_disjoint(heldout, [*draw_problems("math", False, 20, 1), heldout[7]])
    reworded = replace(heldout[3], statement="What might " + heldout[3].statement)
    with pytest.raises(RunError, match="also in the training data"):
        check_disjoint(heldout, [reworded])


def test_dataset_json_counts_what_is_in_the_files(written):
    about = json.loads((written / "dataset.json").read_text())
    heldout = read_problems(written / "heldout.jsonl")
    for domain in ("math", "code"):
        families = about["problems"]["heldout"][domain]
        assert sum(families.values()) == 192
        for family, count in families.items():
            assert count == sum(problem.metadata["family"] == family for problem in heldout)
        rows = sum(row.domain == domain for row in read_sft_rows(written / "sft.jsonl"))
        assert about["teacher"]["measured"][domain]["rows"] == rows
    assert about["seed"] == 1 and about["teacher"]["flaws"]["buggy_program"] == Flaws().buggy_program
    assert any("planted" in sentence for sentence in about["teacher"]["description"])


def test_generate_returns_what_it_wrote(tmp_path):
    about = generate(replace(SMALL, sft_rows=50, train_per_domain=10), 4, tmp_path)
    assert json.loads((tmp_path / "dataset.json").read_text()) == about


def test_more_problems_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr("data_pipeline.tiny.sets.FRUITLESS_DRAWS", 200)
    with pytest.raises(ConfigError, match=r"data\.heldout_per_domain=9999.*code problems"):
        draw_problems("code", True, 9999, 1)


def test_only_tiny_is_generated(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.kind=jsonl"):
        generate(replace(SMALL, kind="jsonl"), 1, tmp_path)


def test_works_without_torch():
    import subprocess
    import sys

    code = "import sys, data_pipeline.tiny.write; print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert shown.stdout.strip() == "False"
