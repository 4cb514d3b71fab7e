"""The flaws planted in the tiny teacher: they are what reinforcement learning has to remove."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Flaws:
    """How often the teacher does what, as probabilities."""

    columns: tuple[float, ...] = (0.62, 0.5, 0.38, 0.3)  # works in columns, by number of operations 1, 2, 3, 4
    column_slip: float = 0.01  # one line of column work goes off by one
    carry_forgotten: float = 0.9  # mental work forgets a carry or a borrow that is there
    mental_slip: float = 0.12  # mental work goes off by 1 or 10
    buggy_program: float = 0.55  # the program has its family's bug

    def columns_at(self, operations: int) -> float:
        """The probability of column work for a problem of so many operations."""
        return self.columns[min(max(operations, 1), len(self.columns)) - 1]


def describe(flaws: Flaws) -> list[str]:
    """The planted flaws in plain sentences, for the report and for `dataset.json`."""
    by_length = ", ".join(f"{share:.0%} at {count}" for count, share in enumerate(flaws.columns, start=1))
    return [
        "The headroom that reinforcement learning finds here was planted: the teacher of the SFT rows is a program"
        " that knows every answer and errs on purpose.",
        f"It works carefully, in columns, only some of the time, and less the longer the problem is ({by_length}"
        " operations); otherwise it works in its head, in one short line an operation.",
        f"In its head it forgets {flaws.carry_forgotten:.0%} of the carries and borrows and slips by 1 or 10 in"
        f" {flaws.mental_slip:.0%} of the operations; in columns it slips in {flaws.column_slip:.0%} of them.",
        f"{flaws.buggy_program:.0%} of its programs carry their family's bug: the example's value returned as a"
        " constant, the input not read, operands swapped and the last sign turned, or a missing input line.",
        "So a gain in reward means that the model writes more column work, slips less and drops the planted bugs;"
        " it does not mean that it found a method the teacher never showed.",
    ]


def to_json(flaws: Flaws) -> dict[str, Any]:
    """The rates by name, as JSON has them."""
    return {**asdict(flaws), "columns": list(flaws.columns)}
