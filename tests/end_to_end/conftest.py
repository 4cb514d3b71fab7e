"""One undisturbed run for all tests that compare with it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.end_to_end import command


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A run of the whole recipe in short that nobody disturbed; its finished stages are noted in `store` beside it.

    Where pytest's workers share the tests, they share the run: the first to need it makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "whole"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            command.run("train", *command.SHORT, "run_dir=run", "train.share=store", cwd=folder)
            (folder / "made").touch()
    return folder / "run"
