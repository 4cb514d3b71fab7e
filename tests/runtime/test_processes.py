"""What the processes of a run do about themselves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from acereason.runtime.processes import importing


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What these tests set apart is given back to the collector."""
    yield
    gc.unfreeze()


def test_imports_are_not_collected_and_what_they_made_is_set_apart() -> None:
    before = gc.get_freeze_count()
    with importing():
        assert not gc.isenabled()
        made = [[number] for number in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


def test_a_failed_import_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), importing():
        import no_such_module  # noqa: F401
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
