"""Result files and the texts of their responses, found in folders that `acereason eval` wrote."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acereason.errors import InputError
from eval.kept import is_kept
from eval.ratings_file import Rated, is_rating, parse_rating
from eval.report_page import MOST_TEXTS, shown_problems
from eval.result_file import ResultFile, parse_result, read_result
from eval.samples import SAMPLES


def found_results(paths: Sequence[Path]) -> list[tuple[Path, ResultFile]]:
    """The result files among `paths` and in the folders among them, in this order and by name.

    Of a folder other JSON is passed over, and so are earlier results that were kept (`kept.py`), which is said; a
    result that is malformed is not. Raises `InputError`, also where a folder holds neither a result nor a rating.
    """
    found: list[tuple[Path, ResultFile]] = []
    for path in paths:
        if not path.is_dir():
            found += [] if _rating_in(path) else [(path, read_result(path))]
            continue
        there = [(file, raw) for file in sorted(path.glob("*.json")) if _is_result(raw := _json_in(file))]
        for file, _ in there:
            if is_kept(file):
                print(f"passed over: {file}, an earlier result; name the file to have it in a report", file=sys.stderr)
        there = [(file, raw) for file, raw in there if not is_kept(file)]
        if not there and not found_ratings([path]):
            raise InputError(f"{path}: holds no result of `acereason eval` (no BENCHMARK.json)")
        found += [(file, parse_result(raw, str(file))) for file, raw in there]
    return found


def found_ratings(paths: Sequence[Path]) -> list[Rated]:
    """The ratings among `paths` and in the folders among them. Raises `InputError` for two of one model."""
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    found = [(file, rated) for file in files if (rated := _rating_in(file)) is not None]
    names = [(rated.model, rated.protocol) for _, rated in found]
    twice = next((file for (file, _), name in zip(found, names, strict=True) if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: another file has a rating of the same model and protocol; name one of the two")
    return [rated for _, rated in found]


def _rating_in(file: Path) -> Rated | None:
    raw = _json_in(file)
    return parse_rating(raw, str(file)) if is_rating(raw) else None


def _json_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: cannot be read as JSON ({str(error)[:100]})") from None


def _is_result(raw: Any) -> bool:
    return isinstance(raw, dict) and {"benchmark", "answer_rule", "problems"} <= raw.keys()


def texts_of(found: Sequence[tuple[Path, ResultFile]]) -> list[dict[tuple[str, int], str]]:
    """For each result its texts by problem and number: the first samples of the problems that a page shows.

    They come from the samples beside the result file; a text belongs to it where the hash of its settings is the
    result's. Of two texts of one sample the first counts, as where it was judged. Damaged lines are passed over: the
    page is only the poorer for it.
    """
    texts: list[dict[tuple[str, int], str]] = [{} for _ in found]
    for folder in dict.fromkeys(path.parent for path, _ in found):
        file = folder / SAMPLES
        wanted: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for index, (path, result) in enumerate(found):
            settings = result.settings.get("hash")
            if path.parent == folder and isinstance(settings, str):
                for problem in shown_problems(result):
                    wanted[settings, result.benchmark, problem].append(index)
        if not wanted or not file.is_file():
            continue
        with open(file, "rb") as stream:
            for line in stream:
                try:
                    row = json.loads(line)
                    key, sample = (row["settings"], row["benchmark"], row["problem"]), row["sample"]
                    for index in wanted.get(key, ()) if 0 <= sample < MOST_TEXTS else ():
                        texts[index].setdefault((key[2], sample), str(row["text"]))
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue
    return texts
