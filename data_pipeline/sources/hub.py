"""The files of a dataset on the Hugging Face Hub: from the local cache, else downloaded into it, at one commit.

`huggingface_hub` keeps the cache and speaks to the Hub (HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE are its own variables).
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
from pathlib import Path
from typing import Any

from acereason.errors import InputError

ANSWER_S = 20  # for the Hub to answer at all


def key_of_files(key: str, hub: str | None) -> str:
    """The key of the configuration that says where the files of the source `key` lie."""
    return f"{key}.files" if hub is None else f"{key}.hub"


def dataset_files(
    key: str, name: str, revision: str | None, patterns: tuple[str, ...], fetch: bool = True
) -> tuple[str, list[Path]] | None:
    """(commit, files in the order of their names) of a dataset; None where `fetch` is false and they are not at hand.

    Raises `InputError` where they cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                name, repo_type="dataset", revision=revision, allow_patterns=list(patterns), local_files_only=True
            )
        )
        found = _matching(folder, patterns)
        if found:
            return folder.name, found
    except Exception:  # not in the cache, or not whole: it is fetched, or said to be absent
        pass
    return _fetched(key, name, revision, patterns) if fetch else None


def _fetched(key: str, name: str, revision: str | None, patterns: tuple[str, ...]) -> tuple[str, list[Path]]:
    from huggingface_hub import HfApi, snapshot_download

    options: dict[str, Any] = {"repo_type": "dataset", "allow_patterns": list(patterns)}
    try:
        # One short question first: it says at once what a download would try five times.
        commit = HfApi().dataset_info(name, revision=revision, timeout=ANSWER_S).sha
        with contextlib.redirect_stdout(io.StringIO()):
            folder = Path(snapshot_download(name, revision=commit, **options))
    except Exception as error:  # a dozen kinds: no network, no such dataset, a gated one, a full disk
        at = f" --revision {revision}" if revision else ""
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(
            f"{key}.hub={name}: is not whole in the Hugging Face cache and could not be downloaded ({said[:160]}); "
            f"fetch it where there is a network with `hf download {name} --repo-type dataset{at}` and copy the cache "
            f"(HF_HOME), or give {key}.files=[FILE]"
        ) from None
    found = _matching(folder, patterns)
    if not found:
        raise InputError(
            f"{key}.hub_files={list(patterns)}: {name} has no such file at {commit}; see its page on the Hub"
        )
    return folder.name, found


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in files
        if any(fnmatch.fnmatch(path.relative_to(folder).as_posix(), pattern) for pattern in patterns)
    ]
