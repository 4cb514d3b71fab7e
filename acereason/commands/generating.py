"""`acereason data`: problem files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acereason.commands.parsing import parser_of, show_config, shows_config, takes_overrides
from acereason.errors import ConfigError, InputError

KINDS = ("tiny", "math", "code")
EPILOG = """\
tiny   generated problems (conf/data.yaml)
math   public math problems, curated (conf/data_math.yaml): sources=local sources.local.files=[FILE.jsonl]
code   public programming problems, curated (conf/data_code.yaml)
join FOLDER FOLDER ... out=FOLDER   sets that math and code wrote as one, for a curriculum of both
ledger FOLDER [pack=true]   what a teacher's ledger holds; packed: rewritten as Parquet
preview=true says what would run"""


def data(words: Sequence[str]) -> int:
    """acereason data tiny|math|code [overrides] | join FOLDER FOLDER ... out=FOLDER | ledger FOLDER [pack=true]"""
    if words[:1] == ["ledger"]:
        return _ledger(words[1:])
    if words[:1] == ["join"]:
        from data_pipeline.join import join_command

        return join_command(words[1:], Path.cwd())
    parser = parser_of("data", epilog=EPILOG)
    parser.add_argument("kind", choices=KINDS, help="what to make")
    shows_config(parser)
    takes_overrides(parser, "data*")
    options = parser.parse_intermixed_args(words)
    if options.kind != "tiny":
        return _curate(options)
    if options.cfg:
        return show_config("data", options)
    from acereason.config.compose import compose_generate
    from acereason.config.folders import check_can_be_made
    from acereason.config.rules import generated, single_values

    config = compose_generate(options.overrides)
    if config.data.kind != options.kind:
        group = f"data={config.data.name}: " if config.data.name != options.kind else ""
        raise ConfigError(f"{group}data.kind={config.data.kind}: only data.kind={options.kind} can be generated")
    faults = [*single_values(config)] or [*generated(config.data)]
    if faults:
        raise ConfigError("\n".join(faults))
    out = Path(config.out).expanduser()
    check_can_be_made("out", out)
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"out={config.out}: already exists and is not an empty folder; choose another")
    generate(config.data, config.seed, out)
    print(out)
    return 0


def _curate(options: argparse.Namespace) -> int:
    from data_pipeline.command import run_command
    from data_pipeline.schema import ROOTS

    root = f"data_{options.kind}"
    if options.cfg:
        from acereason.config.compose import show

        print(show(root, options.overrides, options.resolve, ROOTS[root]), end="")
        return 0
    return run_command(options.kind, options.overrides, Path.cwd())


def _ledger(words: Sequence[str]) -> int:
    from data_pipeline.teacher.tables import show

    if not 1 <= len(words) <= 2 or words[1:] not in ([], ["pack=true"]):
        raise InputError(f"data ledger {' '.join(words)}: expected FOLDER, or FOLDER pack=true")
    return show(Path(words[0]).expanduser(), len(words) == 2)


def generate(data: Any, seed: int, folder: Path) -> None:
    from data_pipeline.tiny.write import write_problem_files

    write_problem_files(data, seed, folder)
