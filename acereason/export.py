"""The Hugging Face files of a checkpoint, copied out of a run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from acereason.config.folders import check_can_be_made
from acereason.errors import InputError

WEIGHTS = "*.safetensors"
WITH_THEM = (
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
)


def export(source: str | Path, target: str | Path) -> list[str]:
    """Copies weights, config.json and tokenizer files of `source` into the new folder `target`.

    `source` is a checkpoint folder, or a run directory, whose last checkpoint is then taken. The files are written
    aside and renamed. Returns the names copied. Raises `InputError`.
    """
    folder, out = weights_folder(Path(source)), Path(target)
    check_can_be_made("OUT", out.absolute().parent)
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: already exists and is not an empty folder; choose another place for the export")
    files = {file.name: file for pattern in (WEIGHTS, *WITH_THEM) for file in folder.glob(pattern) if file.is_file()}
    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    aside.mkdir(parents=True)
    try:
        for file in files.values():
            shutil.copyfile(file, aside / file.name)
        if out.exists():
            out.rmdir()
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return sorted(files)


def weights_folder(source: Path) -> Path:
    """The folder at or below `source` that holds config.json and safetensors. Raises `InputError`."""
    if not source.is_dir():
        raise InputError(
            f"{source}: no such folder; expected a checkpoint (runs/NAME/checkpoints/STAGE/step_N) or a run"
        )
    if (source / "summary.json").is_file():
        source = _last_checkpoint(source)
    found = [folder for folder in (source, *sorted(source.glob("*/"))) if _holds_model(folder)]
    if not found:
        raise InputError(
            f"{source}: holds no config.json with {WEIGHTS}, so it is not a checkpoint that can be exported"
        )
    return found[0]


def _holds_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob(WEIGHTS))


def _last_checkpoint(run_dir: Path) -> Path:
    try:
        checkpoint = json.loads((run_dir / "summary.json").read_text(encoding="utf-8")).get("checkpoint")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{run_dir / 'summary.json'}: cannot be read ({error})") from None
    if not checkpoint or not (run_dir / checkpoint).is_dir():
        raise InputError(f"{run_dir}: its summary.json names no checkpoint that is still there")
    return run_dir / checkpoint
