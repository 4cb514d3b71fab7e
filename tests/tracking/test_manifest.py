"""The manifest names the code, the packages, the data and the parents of a run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import acereason
from acereason.errors import InputError
from acereason.tracking import manifest


def test_manifest_content(tmp_path: Path) -> None:
    data = tmp_path / "run" / "data" / "train.jsonl"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"abc")
    parent = tmp_path / "parent"
    parent.mkdir()
    (parent / "model.safetensors").write_bytes(b"12345")
    manifest.write_manifest(tmp_path / "run", "abc", [data], [parent], "acereason train seed=3")
    written = json.loads((tmp_path / "run" / "manifest.json").read_text())
    # SHA-256 of "abc", from FIPS 180-2, appendix B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert written["config_sha256"] == abc and written["data"] == {"data/train.jsonl": abc}
    assert written["parents"] == [{"path": str(parent), "files": {"model.safetensors": 5}}]
    assert written["command"] == "acereason train seed=3" and written["resumed"] == []
    assert written["packages"]["rich"] and written["cpu_count"] >= 1
    manifest.record_resume(tmp_path / "run", 40)
    assert [
        entry["from_step"] for entry in json.loads((tmp_path / "run" / "manifest.json").read_text())["resumed"]
    ] == [40]


def test_unreadable_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.jsonl"):
        manifest.write_manifest(tmp_path, "", [tmp_path / "nothing.jsonl"])
    with pytest.raises(InputError, match="parent checkpoint"):
        manifest.write_manifest(tmp_path, "", [], [tmp_path / "nothing"])
    assert not (tmp_path / "manifest.json").exists()


def _checkout(folder: Path, track: bool) -> str:
    package = folder / "acereason"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (folder / "other").write_text("x")
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "commit.gpgsign=false",
    ]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "acereason" if track else "other"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_git_state_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = _checkout(tmp_path, track=True)
    monkeypatch.setattr(acereason, "__file__", str(tmp_path / "acereason" / "__init__.py"))
    assert manifest.git_state() == {"sha": sha, "dirty": False}
    (tmp_path / "acereason" / "__init__.py").write_text("changed = 1\n")
    assert manifest.git_state() == {"sha": sha, "dirty": True}


def test_git_state_needs_the_package_to_be_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _checkout(tmp_path, track=False)
    monkeypatch.setattr(acereason, "__file__", str(tmp_path / "acereason" / "__init__.py"))
    assert manifest.git_state() is None
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert manifest.git_state() is None
