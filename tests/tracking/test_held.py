"""Folders and files that one process at a time may hold."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from acereason.errors import InputError
from acereason.tracking.files import LOCK, alone, is_being_written, try_lock


def test_a_folder_is_made_held_and_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with alone(folder, "out=b", "somebody is there"):
        assert is_being_written(folder)
        with pytest.raises(InputError, match="^out=b: somebody is there$"), alone(folder, "out=b", "somebody is there"):
            pass
        assert is_being_written(folder), "the second one took nothing away"
    assert not is_being_written(folder)
    with alone(folder, "out=b", "somebody is there"):
        pass


def test_a_place_where_no_folder_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="^out=x: cannot be made .*choose another"):
        with alone(tmp_path / "file" / "x", "out=x", ""):
            pass


def test_an_open_number_and_a_stream_are_locked_alike(tmp_path: Path) -> None:
    with open(tmp_path / LOCK, "ab") as stream:
        other = os.open(tmp_path / LOCK, os.O_RDWR)
        assert try_lock(other) and not try_lock(stream)
        os.close(other)
        assert try_lock(stream)


def test_a_file_system_without_locks_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for such a file system: there is none to be had here."""

    def refuses(file: object, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuses)
    with alone(tmp_path, "out", "somebody is there"), open(tmp_path / LOCK) as stream:
        assert try_lock(stream)
