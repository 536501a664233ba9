"""The figures of a file become a table and a chart that say the same, and no others are taken."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.docs.frontier import Frontier, Point, frontier_chart, frontier_table, read_frontier

HEAD = "set,units,f1,deviation,tokens_per_second"
ROWS = ("gulls,64,0.8604,0.0012,212345", "gulls,32,0.8512,0.0009,401234", "terns,32,0.7,,399999")
SVG = "{http://www.w3.org/2000/svg}"


def read(folder: Path, *lines: str) -> Frontier:
    path = folder / "figures.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_frontier(path)


def test_figures_stand_by_units_and_by_set(tmp_path: Path) -> None:
    """Whatever the order of the rows; what was not measured is a dash, or nothing."""
    frontier = read(tmp_path, HEAD, *ROWS)
    assert list(frontier) == ["gulls", "terns"]
    assert frontier["gulls"][0] == Point(32, 0.8512, 0.0009, 401234)
    assert frontier_table(frontier).splitlines() == [
        "| units | gulls: F1 | gulls: tokens/s | terns: F1 | terns: tokens/s |",
        "| --- | --- | --- | --- | --- |",
        "| 32 | 0.851 ± 0.001 | 401,000 | 0.700 | 400,000 |",
        "| 64 | 0.860 ± 0.001 | 212,000 | - | - |",
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], ":1 is not set,units,f1,deviation,tokens_per_second"),
        (["set,units,f1", "gulls,32,0.8"], ":1 is not set,units,f1,deviation,tokens_per_second"),
        ([HEAD], " has no row"),
        ([HEAD, ROWS[0], "gulls,32,0.8,,"], ":3 is no row of "),
        ([HEAD, "gulls,32,0.8,0.1"], ":2 is no row of "),
        ([HEAD, "gulls,32,0.8,0.1,9,9"], ":2 is no row of "),
        ([HEAD, "gulls,32.5,0.8,0.1,9"], ":2 is no row of "),
        ([HEAD, "gulls,32,86,0.1,9"], ":2 has what no measurement gives"),
        ([HEAD, "gulls,32,0.8,nan,9"], ":2 has what no measurement gives"),
        ([HEAD, "gulls,32,0.8,0.1,0"], ":2 has what no measurement gives"),
        ([HEAD, *ROWS, "gulls,64,0.8,0.1,9"], ":5 measures gulls with 64 units again"),
    ],
)
def test_what_is_no_measurement_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"figures.csv{message}")):
        read(tmp_path, *lines)


names = st.text("ab<&>\"'é ", min_size=1, max_size=8)
measured = st.builds(
    Point,
    units=st.integers(1, 999),
    f1=st.floats(0.01, 1),
    deviation=st.none() | st.floats(0, 0.2),
    tokens_per_second=st.floats(100, 5e6),
)
frontiers = st.dictionaries(
    names, st.lists(measured, min_size=1, max_size=6), min_size=1, max_size=4
)


@given(frontiers)
def test_the_chart_shows_every_point_in_its_place(frontier: Frontier) -> None:
    """Faster is right and better is up, in one measure for all panels; nothing lies outside."""
    chart = frontier_chart(frontier)
    assert chart == frontier_chart(frontier)
    root = ET.fromstring(chart)  # noqa: S314 - our own file
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    texts = [element.text for element in root.iter(f"{SVG}text")]
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter(f"{SVG}circle")]
    points = [point for each in frontier.values() for point in each]
    assert len(circles) == len(points)
    for name in frontier:
        assert f"{name}: F1" in texts
    for point in points:
        assert str(point.units) in texts
    panel = width / len(frontier)
    fastest = max(point.tokens_per_second for point in points)
    rightmost = max(x % panel for x, _ in circles)
    for number, each in enumerate(frontier.values()):
        found = [circles.pop(0) for _ in each]
        for point, (x, y) in zip(each, found, strict=True):
            assert panel * number < x < panel * (number + 1)
            assert 0 < y < height
            share = (x % panel - 56) / (rightmost - 56)  # of a scale from 0, which begins there
            assert share == pytest.approx(point.tokens_per_second / fastest, abs=0.002)
            assert all(
                y <= other_y
                for other, (_, other_y) in zip(each, found, strict=True)
                if other.f1 <= point.f1
            )
