"""The Sankey diagram."""

import re

from lifecycle_engine.console.flows import Flow, Place, sankey

PLACES = [Place("a", "A <b>"), Place("b", "B", "good"), Place("c", "C")]


def drawn(*flows):
    return sankey(title="Moves", places=PLACES, flows=flows, columns=("From", "To", "Count"))


def test_bands_are_as_wide_as_the_flows_and_blocks_as_their_sums():
    chart = drawn(Flow("a", "a", 30, "30"), Flow("a", "b", 10, "10"), Flow("b", "b", 60, "60"))

    heights = [float(found) for found in re.findall(r'<rect [^>]*height="([\d.]+)"', chart.svg)]
    # 100 customers and two names of 24 pixels share 420 pixels: 3.72 pixels a customer.
    assert heights == [148.8, 223.2, 111.6, 260.4]
    edges = re.findall(r'd="M12,([\d.]+) .*? 12,([\d.]+) Z"', chart.svg)
    assert [round(float(low) - float(top), 1) for top, low in edges] == [111.6, 37.2, 223.2]
    assert "le-flow-same" in chart.svg
    assert "le-flow-good" in chart.svg


def test_names_are_escaped_and_the_figures_are_also_a_table():
    chart = drawn(Flow("a", "c", 5, "five"))

    assert "A <b>" not in chart.svg
    assert "A &lt;b&gt; → C: five" in chart.svg
    assert list(chart.rows) == [("A <b>", "C", "five")]
    assert chart.description == "A <b> → C: five"


def test_nothing_to_show():
    assert drawn().empty
    assert drawn(Flow("a", "b", 0, "0")).empty
