"""Ratings worked by hand, found again from simulated contests, and refused where the contests are malformed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from results_made import result

from acereason import cli
from acereason.errors import InputError
from acereason.evaluation.statistics import Sample
from eval.rating import Contest, beat_chance, most_likely, placing, rate, read_contests
from eval.report_files import found_ratings


def contest(name: str, ratings: list[float], scores: list[float], **points: float) -> Contest:
    return Contest(name, points, np.array(ratings, dtype=float), np.array(scores, dtype=float))


def test_the_formula_by_hand() -> None:
    # 400 points more: odds of ten to one. As many less: one to ten.
    assert beat_chance(1900.0, np.array([1500.0, 1900.0, 2300.0])) == pytest.approx([10 / 11, 1 / 2, 1 / 11])


def test_the_most_likely_rating_by_hand() -> None:
    # One of two beaten, 1400 and 1600: by symmetry 1500. Half beaten of one opponent (a tie): the opponent's rating.
    assert most_likely(np.array([1400.0, 1600.0]), 1) == pytest.approx(1500)
    assert most_likely(np.array([1234.0]), 0.5) == pytest.approx(1234)
    # Ten of eleven equal opponents: 10/11 each, so 400 above them.
    assert most_likely(np.full(11, 1500.0), 10) == pytest.approx(1900)
    assert most_likely(np.full(3, 1500.0), 0) == -math.inf and most_likely(np.full(3, 1500.0), 3) == math.inf


def test_a_place_by_hand() -> None:
    field = contest("c", [1200, 1500, 1800, 2100], [0, 100, 100, 300], a=100, b=200)
    made = placing(field, {"a": 1.0, "b": 0.0})
    assert (made.solved, made.points, made.beaten, made.field) == (1, 100, 2, 4)  # one below, two shared
    assert made.rating == pytest.approx(1650)  # two of four, symmetrical around 1650


def test_several_contests_are_one_likelihood() -> None:
    first = contest("one", [1400, 1600], [0, 200], a=100)
    second = contest("two", [1600, 1800], [0, 200], b=100)
    made = rate([first, second], {"a": [Sample(True)], "b": [Sample(True)]}, population=[1000, 1599, 1601, 2000])
    assert made.rating == pytest.approx(1600)  # one of each pair beaten: symmetrical around 1600
    assert [p.rating for p in made.placings] == [pytest.approx(1500), pytest.approx(1700)]
    # Without one contest 1700, without the other 1500: sqrt(1/2 * (100^2 + 100^2)).
    assert made.standard_error == pytest.approx(100)
    assert made.percentile == 50.0 and made.missing == ()


def test_samples_count_by_the_share_that_is_right() -> None:
    field = contest("c", [1500, 1500], [40, 60], a=100)
    half = rate([field], {"a": [Sample(True), Sample(False), Sample(None)]})
    assert half.placings[0].points == 50 and half.rating == pytest.approx(1500)
    assert math.isnan(half.standard_error) and half.percentile is None


def test_a_known_rating_is_found_again() -> None:
    """40 contests of 300, whose contestants place as the formula says: the estimate is within three of its errors."""
    rng = np.random.default_rng(3)
    truth, contests, solved = 1850.0, [], {}
    for number in range(40):
        ratings = rng.normal(1500, 350, 300)
        beaten = rng.random(300) < beat_chance(truth, ratings)
        contests.append(contest(str(number), list(ratings), [0.0 if b else 2.0 for b in beaten], **{f"p{number}": 1.0}))
        solved[f"p{number}"] = [Sample(True)]
    made = rate(contests, solved)
    # information of a pairing: p (1 - p) (ln 10 / 400)^2; here pairings are independent, so the error is known
    p = np.concatenate([beat_chance(truth, c.ratings) for c in contests])
    error = 1 / math.sqrt(float((p * (1 - p)).sum()) * (math.log(10) / 400) ** 2)
    assert abs(made.rating - truth) < 3 * error
    assert made.standard_error == pytest.approx(error, rel=0.4)


def made_files(folder: Path) -> tuple[Path, Path]:
    contests = {
        "contests": [{"id": 2021, "problems": {"p": 500, "q": 1000}, "field": [[1400, 0], [1600, 1500]]}],
        "population": [1000, 2000],
    }
    (folder / "contests.json").write_text(json.dumps(contests))
    (folder / "result.json").write_text(json.dumps(result({"p": 4}, benchmark="own")))
    return folder / "result.json", folder / "contests.json"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, contests = made_files(tmp_path)
    written = ["--out", str(tmp_path / "rating.json"), "--markdown", str(tmp_path / "rating.md")]
    assert cli.main(["eval", "rating", str(found), str(contests), *written]) == 0
    printed, page = capsys.readouterr().out, (tmp_path / "rating.md").read_text(encoding="utf-8")
    assert "1500 ± unknown, above 50.0 % of the population" in printed and "|" not in printed
    assert "**1500** ± unknown, above 50.0 % of the population" in page
    assert "No result for 1 problems of the contests" in page and "| AceReason-Nemotron-14B | 2024 |" in page
    made = json.loads((tmp_path / "rating.json").read_text())
    assert made["rating"] == pytest.approx(1500) and made["standard_error"] is None
    assert (made["model"], made["protocol"]) == ("base", "acereason_1_0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contests": []}, "expected a list with at least one contest"),
        ({"contests": [{"id": 1, "problems": {}, "field": [[1, 1]]}]}, "contests[0].problems: expected the points"),
        (
            {"contests": [{"id": 1, "problems": {"p": 1}, "field": [[1]]}]},
            "contests[0].field[0]: expected [rating, points], two numbers, got [1]",
        ),
        (
            {"contests": [{"id": 1, "problems": {"p": 1}, "field": [[1, 1], [10**400, 1]]}]},
            "contests[0].field[1]: expected [rating, points], two numbers, got [1000",
        ),
        ({"contests": [{"id": 1, "problems": {"p": 10**400}, "field": [[1, 1]]}]}, "contests[0].problems: expected"),
        ({"population": [1500, float("nan")]}, "population[1]: expected a list of ratings, got NaN"),
        ({"contests": [{"problems": {"p": 1}}]}, "contests[0]: expected an object with id"),
        ({"population": ["high"]}, 'population[0]: expected a list of ratings, got "high"'),
        (
            {"contests": [{"id": n, "problems": {"p": 1}, "field": [[1, 1]]} for n in (1, 2)]},
            "'p' stands in two contests",
        ),
    ],
)
def test_malformed_contests(change: dict[str, object], said: str, tmp_path: Path) -> None:
    _, path = made_files(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError) as error:
        read_contests(path)
    assert said in str(error.value)


@pytest.mark.parametrize("field", ["rating", "standard_error", "percentile"])
@pytest.mark.parametrize("value", [10**399, -(10**400), math.inf, math.nan, True, "1500"])
def test_a_written_rating_that_is_no_finite_number_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    found, contests = made_files(tmp_path)
    path = tmp_path / "rating.json"
    assert cli.main(["eval", "rating", str(found), str(contests), "--out", str(path)]) == 0
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(InputError) as error:
        found_ratings([path])
    said = f"{path}: {field}: expected a finite number or null, got '{str(value)[:40]}'"
    assert str(error.value) == f"{said}; write the file again with acereason eval rating"


def test_results_of_other_problems_are_refused() -> None:
    with pytest.raises(InputError, match="no problem of the contests has a judged sample"):
        rate([contest("c", [1500], [0], a=1)], {"b": [Sample(True)]})
