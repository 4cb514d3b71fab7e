"""Charts: round ticks, honest averaging, gaps where there is nothing."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from acereason.tracking import charts, stage_charts
from acereason.tracking.charts import Band, Series
from acereason.tracking.stage_charts import Estimate


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_enclose_the_range_and_are_round(low: float, span: float) -> None:
    high = low + span
    marks = charts.ticks(low, high)
    step = marks[1] - marks[0]
    assert marks[0] <= low + step * 1e-6 and marks[-1] >= high - step * 1e-6 and 2 <= len(marks) <= 8
    digits = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(digits - whole) for whole in (1, 2, 5, 10)) < 1e-2


def test_ticks_by_hand() -> None:
    assert charts.ticks(0, 1, 4) == [0, 0.5, 1.0]  # 1/4 lies above 0.2, so the next round step is 0.5
    assert charts.ticks(0, 80, 4) == [0, 20, 40, 60, 80]
    assert charts.ticks(3, 3) == [3]
    assert [round(math.log10(mark)) for mark in charts.decades(2e-6, 3e-5)] == [-6, -5, -4]


def test_columns_average_within_a_stage_only() -> None:
    bands = [Band("a", "math", 0, 3, [1, 2, 3]), Band("b", "code", 3, 6, [4, 5, 6])]
    series = [Series("x", "c-ink", [0.0, 1.0, 5.0, None, 2.0, None])]
    columns = charts.columns(bands, series, most=3)
    assert [(c.first, c.last, c.stage, c.means[0]) for c in columns] == [
        (0, 1, "a", 0.5), (2, 2, "a", 5.0), (3, 4, "b", 2.0), (5, 5, "b", None),
    ]  # fmt: skip
    assert (columns[0].lows[0], columns[0].highs[0], columns[2].step_from, columns[2].step_to) == (0.0, 1.0, 4, 5)


def _heights(markup: str) -> list[list[float]]:
    """Heights of the points of each line in the drawing."""
    lines = re.findall(r'class="line [^"]*" d="([^"]*)"', markup)
    return [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line)] for line in lines]


def test_a_line_is_drawn_to_scale() -> None:
    bands = [Band("a", "math", 0, 3, [1, 2, 3])]
    markup = charts.line_chart("t", bands, [Series("x", "c-ink", [0.0, 0.5, 1.0])], charts.percent, low=0.0, high=1.0)
    bottom, middle, top = _heights(markup)[0]
    assert (bottom, top) == (charts.HEIGHT - charts.BOTTOM, charts.TOP) and middle == (bottom + top) / 2


def test_on_a_log_axis_a_decade_is_a_decade() -> None:
    bands = [Band("a", "math", 0, 4, [1, 2, 3, 4])]
    series = [Series("x", "c-ink", [1e-6, 1e-5, 0.0, 1e-4])]
    markup = charts.line_chart("t", bands, series, charts.number, log=True, reference=(1e-4, "tolerance"))
    first, second, last = _heights(markup)[0]
    assert abs((first - second) - (second - last)) < 0.11 and "tolerance" in markup  # heights have one digit
    assert re.findall(r'class="line [^"]*" d="([^"]*)"', markup)[0].count("M") == 2  # broken at the zero


def test_nothing_to_draw_is_nothing() -> None:
    bands = [Band("a", "math", 0, 2, [1, 2])]
    assert charts.line_chart("t", bands, [Series("x", "c-ink", [None, None])], charts.number) == ""
    assert charts.line_chart("t", [], [], charts.number) == "" and charts.share_chart("t", [], []) == ""
    assert stage_charts.accuracy_chart("t", ["start"], [], [], "c-math", "4") == ""
    assert stage_charts.bar_chart("t", [("a", [0.0])], ["x"], ["t0"], charts.number) == ""


def test_one_step_is_a_dot_and_a_constant_has_an_axis() -> None:
    bands = [Band("a", "math", 0, 1, [7])]
    markup = charts.line_chart("t", bands, [Series("x", "c-ink", [0.0])], charts.number)
    assert "h0" in markup and ">7</text>" in markup and "nan" not in markup


def test_error_bars_span_one_standard_error() -> None:
    markup = stage_charts.accuracy_chart("t", ["start", "a"], [Estimate(1.0, "after a", 0.5, 0.1)], [], "c-math", "4")
    top, bottom = (float(y) for y in re.findall(r'class="error [^"]*" d="M[\d.]+ ([\d.]+)V([\d.]+)"', markup)[0])
    axis = [float(y) for y in re.findall(r'class="grid" d="M\d+ ([\d.]+)H', markup)]
    assert abs((bottom - top) - 0.2 * (max(axis) - min(axis))) < 0.11
    assert "after a: avg@4 50.0 ± 10.0 %" in markup


def test_number_labels() -> None:
    said = {0: "0", 0.05: "0.05", 1e-4: "1e-4", 2.5e-7: "2.5e-7", 12.34: "12.3", 1500: "1,500", 26000: "26k"}
    assert {value: charts.number(value) for value in said} == said
    assert [charts.percent(x) for x in (0, 0.055, 0.5, 1)] == ["0 %", "5.5 %", "50 %", "100 %"]
