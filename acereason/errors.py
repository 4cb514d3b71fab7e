"""The errors a user meets, and the exit code each of them stands for.

Exit codes are part of the command's contract: 0 done, 2 the configuration or the input is wrong
(`InputError`, raised before anything starts), 1 the run itself failed (`RunError`).
"""


class AceReasonError(Exception):
    """Base of every error that is shown to the user as a message, without a traceback."""

    exit_code = 1


class InputError(AceReasonError):
    """The configuration or an input file is wrong. Nothing was started and nothing is left behind."""

    exit_code = 2


class ConfigError(InputError):
    """A configuration value is wrong; the message names the key, the value and the remedy."""


class RowError(InputError):
    """A row of an input file is wrong; the message names the file, the line and the field."""

    def __init__(self, path: object, line: int, field: str, problem: str) -> None:
        super().__init__(f"{path}:{line}: field '{field}': {problem}")
        self.path = str(path)
        self.line = line
        self.field = field
        self.problem = problem


class RunError(AceReasonError):
    """The run failed after it had started: a dead process, a missed deadline, weights that do not agree."""


class DeadlineError(RunError):
    """A wait passed its deadline; the message says what was waited for and for how long."""
