"""Charts: figures as SVG without a style, escaped, and again as a table."""

import re

from lifecycle_engine.console.charts import Bar, Interval, bars, intervals, line


def test_the_longest_bar_fills_the_width_and_the_others_are_in_proportion():
    chart = bars(
        title="Stages", items=[Bar("Loyal", 50, "50"), Bar("New", 25, "25")], columns=("a", "b")
    )

    assert re.findall(r'le-chart-primary" x="0" y="\d+" width="([\d.]+)%', chart.svg) == [
        "100.00",
        "50.00",
    ]
    assert chart.rows == [("Loyal", "50"), ("New", "25")]
    assert "<title>Stages</title><desc>Loyal: 50; New: 25</desc>" in chart.svg


def test_labels_are_escaped_and_nothing_has_a_style():
    chart = bars(title="<b>", items=[Bar("<img onerror=x>", 1, "<1>")], columns=("a", "b"))

    assert "<img" not in chart.svg
    assert "&lt;img onerror=x&gt;" in chart.svg
    assert "style" not in chart.svg


def test_a_line_rises_from_the_bottom_to_the_top_of_its_scale():
    chart = line(title="t", points=[("a", 0, "0"), ("b", 100, "100")], columns=("x", "y"))

    assert 'points="0.0,156.0 1000.0,0.0"' in chart.svg


def test_an_interval_that_leaves_zero_out_is_coloured_by_its_side():
    rows = [
        Interval("up", 2, 1, 3, ""),
        Interval("down", -2, -3, -1, ""),
        Interval("?", 0, -1, 1, ""),
    ]

    chart = intervals(title="t", items=rows, columns=("x", "y"))

    tones = re.findall(
        r'le-chart-interval le-chart-(\w+)" x1="([\d.]+)%" x2="([\d.]+)%"', chart.svg
    )
    assert tones == [
        ("good", "66.00", "98.00"),
        ("bad", "2.00", "34.00"),
        ("quiet", "2.00", "98.00"),
    ]


def test_charts_without_figures_say_so():
    assert bars(title="t", items=[], columns=()).empty
    assert line(title="t", points=[], columns=()).empty
    assert intervals(title="t", items=[], columns=()).empty
