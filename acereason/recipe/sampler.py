"""Which rows a step takes: a new order for every epoch, from seeds alone, and a state that survives a kill."""

from __future__ import annotations

import random
from typing import Any

from acereason.errors import InputError, RunError
from acereason.seeds import derive_seed


class EpochSampler:
    """Draws batches of row indices without replacement inside an epoch.

    The order of epoch e depends on (run seed, stage, e) only. A rest that is smaller than a batch is left out of its
    epoch, so that no row stands twice in one batch; every epoch has another order, so no row is left out for long.
    """

    def __init__(self, rows: int, seed: int, stage: str) -> None:
        self.rows, self.seed, self.stage = rows, seed, stage
        self.epoch = 0
        self.position = 0
        self._order = self._shuffled()

    def _shuffled(self) -> list[int]:
        order = list(range(self.rows))
        random.Random(derive_seed(self.seed, self.stage, "order", self.epoch)).shuffle(order)
        return order

    def next(self, count: int) -> list[int]:
        """`count` different row indices. Raises `InputError` where there are fewer rows than that."""
        if count > self.rows:
            raise InputError(
                f"stage {self.stage!r} wants {count} rows a batch, its data holds {self.rows}: "
                f"lower curriculum.stages.{self.stage}.prompts_per_step or give more rows"
            )
        if self.position + count > self.rows:
            self.epoch += 1
            self.position = 0
            self._order = self._shuffled()
        batch = self._order[self.position : self.position + count]
        self.position += count
        return batch

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up where `state` was taken. Raises `RunError` where the data is not what it was."""
        if set(state) != {"rows", "epoch", "position"}:
            raise RunError(f"sampler state of stage {self.stage!r} has unknown fields: {sorted(state)}")
        if state["rows"] != self.rows:
            raise RunError(
                f"stage {self.stage!r} was interrupted with {state['rows']} rows of data and now finds {self.rows}: "
                f"the data files have changed"
            )
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
        self._order = self._shuffled()
