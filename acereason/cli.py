"""The `acereason` command. Hydra sees only the words behind the verb, and nothing heavy is imported before its turn.

Exit codes: 0 done; 2 the configuration or the input is wrong (one line says what); 1 the run failed; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

from acereason.commands.evaluating import evaluate
from acereason.commands.generating import data
from acereason.commands.inspecting import export, plan, report, status
from acereason.commands.parsing import SUMMARY
from acereason.commands.sweeps import sweep
from acereason.commands.training import fork, resume, train
from acereason.commands.verifying import verify
from acereason.config.nearest import did_you_mean
from acereason.errors import AceReasonError, InputError

TRACEBACK = "ACEREASON_TRACEBACK"  # set to 1: a message comes with its traceback


INTERRUPTED = 130


COMPLETED_WORDS: dict[str, Sequence[str]] = {
    "train": ("--help", "--cfg", "--resolve", "--multirun"),
    "plan": ("--help", "--suggest", "--json", "--prompts", "--assume"),
    "resume": ("--help",),
    "fork": ("--help",),
    "status": ("--help",),
    "report": ("--help",),
    "sweep": ("status", "report", "export", "check", "wandb-file", "--help", "--pictures"),
    "eval": ("score", "compare", "report", "rating", "--help", "--cfg", "--resolve"),
    "eval score": ("--help", "--by-position", "--out"),
    "eval compare": ("--help", "--html", "--json", "--markdown"),
    "eval report": ("--help", "--out"),
    "eval rating": ("--help", "--out", "--markdown"),
    "data": ("tiny", "math", "code", "join", "ledger", "--help", "--cfg", "--resolve"),
    "verify": ("math", "code", "--help", "--bare"),
    "export": ("--help",),
}


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "train": train,
    "plan": plan,
    "resume": resume,
    "fork": fork,
    "status": status,
    "report": report,
    "sweep": sweep,
    "eval": evaluate,
    "data": data,
    "verify": verify,
    "export": export,
}


HELP = f"""\
usage: acereason VERB ...

The AceReason-Nemotron recipe as a laboratory.

{chr(10).join(f"  {verb:<8} {text}" for verb, text in SUMMARY.items())}

  --help, --version; every verb has its own --help
  tab completion: eval "$(acereason -sc install=bash)"   (or zsh; fish: acereason -sc install=fish | source)
  {TRACEBACK}=1 shows where an error came from
"""


def _shell_completion(words: Sequence[str]) -> int:
    from acereason import shell

    action, _, name = (words[0] if words else "").partition("=")
    if action == "install":
        print(shell.install_script(name), end="")
    elif action == "query":
        for word in shell.answer(COMPLETED_WORDS, elsewhere=_schema_elsewhere):
            print(word)
    else:
        raise InputError(f"-sc {' '.join(words)}: expected install=SHELL, with bash, zsh or fish")
    return 0


def _schema_elsewhere(root: str) -> type | None:
    """The schema of a root of the data pipeline, which `config` does not know; None for all others."""
    if not root.startswith("data_"):
        return None
    from data_pipeline.schema import ROOTS

    return ROOTS.get(root)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("acereason")
    except PackageNotFoundError:
        return "not installed"


def dispatch(words: Sequence[str]) -> int:
    """Runs the verb in `words` and returns its exit code. Raises `AceReasonError`."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    verb, rest = words[0], words[1:]
    if verb == "--version":
        print(f"acereason {_version()}")
        return 0
    if verb in ("-sc", "--shell-completion"):
        return _shell_completion(rest)
    if verb not in VERBS:
        raise InputError(f"'{verb}': no such verb{did_you_mean(verb, VERBS)}")
    return VERBS[verb](rest)


def main(words: Sequence[str] | None = None) -> int:
    """The entry point: prints an `AceReasonError` as its message and returns the exit code."""
    words_given = list(sys.argv[1:] if words is None else words)
    try:
        return dispatch(words_given)
    except AceReasonError as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        for line in str(error).splitlines():
            print(f"acereason: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("acereason: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `acereason train --cfg job | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        if os.environ.get(TRACEBACK) == "1":
            raise
        print(f"acereason: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1 if words_given[:1] in (["train"], ["resume"]) else 2


if __name__ == "__main__":
    sys.exit(main())
