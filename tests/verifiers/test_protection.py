"""The sandbox that is asked for, and the one that there is, for whoever starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from acereason.verifiers.code.isolation import levels
from acereason.verifiers.protection import protection_for, required_protection

from .conftest import affine_tests, code_problem, config, math_problem

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import json, sys
sys.path.insert(0, {root!r})
from acereason.errors import ConfigError
from acereason.verifiers.protection import required_protection
from acereason.verifiers.code import isolation
from tests.verifiers.conftest import config
isolation.levels = lambda: {levels}
try:
    print(json.dumps([required_protection(config(min_sandbox_level={wanted})).level, ""]))
except ConfigError as error:
    print(json.dumps([None, str(error)]))
"""


def ask(possible: tuple[int, ...], wanted: int) -> list[object]:
    """[level, message] where only the levels `possible` exist."""
    code = ASK.format(root=str(ROOT), levels=possible, wanted=wanted)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


def test_only_problems_with_programs_need_a_sandbox() -> None:
    assert protection_for(config(), [math_problem("1")]) is None
    found = protection_for(config(), [math_problem("1"), code_problem(affine_tests("stdin"))])
    assert found == required_protection(config())
    assert found is not None and found.to_json() == {"level": found.level, "active": list(found.active)}


def test_a_weaker_sandbox_is_refused_with_what_was_found_and_why() -> None:
    assert ask((0,), 0) == [0, ""]
    level, said = ask((0,), 2)
    assert level is None
    assert str(said).startswith("verifier.min_sandbox_level=2: the best sandbox that starts here is level 0 (level 2:")
    assert "level 3: needs root" in str(said) and "lower verifier.min_sandbox_level" in str(said)


def test_a_level_that_this_machine_has_is_taken() -> None:
    best = required_protection(config()).level
    assert required_protection(config(min_sandbox_level=best)).level == best


@pytest.mark.skipif(os.geteuid() == 0, reason="root may start every level there is")
def test_an_ordinary_user_is_told_that_level_3_needs_root() -> None:
    assert 3 not in levels()
    assert "level 3: needs root" in str(ask(levels(), 3)[1])
