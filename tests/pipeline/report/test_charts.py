"""Charts tell what they draw, to the eye and to a pointer."""

from collections.abc import Callable

import pytest

from pipeline.report.charts import bar_chart, column_chart, compact
from tests.pipeline.report.parsed import Page


def test_a_chart_tells_each_of_its_values() -> None:
    """To a pointer in full, to the eye in short; nothing that pygal brings beside is left."""
    chart = column_chart("Title & more", ["a", "<b>"], ("things", [3, 1_234_567]))
    drawing = Page(chart)
    assert [text for tag, text in drawing.texts if tag == "title"] == [
        "a, things: 3",
        "<b>, things: 1,234,567",
    ]
    assert not {"script", "style", "defs", "desc"} & set(drawing.tags)
    assert "1.2M" in [text for _, text in drawing.texts]
    assert drawing.values("aria-label") == ["Title & more"]
    assert "<!--" not in chart


@pytest.mark.parametrize(
    ("draw", "extent", "place"), [(bar_chart, "width", "y"), (column_chart, "height", "x")]
)
def test_bars_stand_in_order_and_are_as_long_as_they_are_said_to_be(
    draw: Callable[..., str], extent: str, place: str
) -> None:
    """From the top down, or from left to right; a name's series beside each other."""
    series = (("x", [50, 30, 1]), ("y", [10, 20, 40]))
    drawing = Page(draw("T", ["first", "second", "third"], *series))
    told = [text for tag, text in drawing.texts if tag == "title"]
    places, extents = (
        [
            float(value or 0)
            for tag, own, value in drawing.attributes
            if (tag, own) == ("rect", name)
        ]
        for name in (place, extent)
    )
    in_order = [name for _, name in sorted(zip(places, told, strict=True))]
    assert in_order == [
        *("first, x: 50", "first, y: 10", "second, x: 30"),
        *("second, y: 20", "third, x: 1", "third, y: 40"),
    ]
    unit = max(extents) / 50
    for extent_of, text in zip(extents, told, strict=True):
        assert extent_of == pytest.approx(unit * int(text.rpartition(" ")[2]), rel=0.01)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (9999, "9,999"), (10_000, "10k"), (99_499, "99k"), (123_456, "123k"),
     (999_499, "999k"), (999_500, "1M"), (1_250_000, "1.2M"), (12_345_678_901, "12.3G")],
)  # fmt: skip
def test_large_counts_are_short_above_a_column(value: float, told: str) -> None:
    assert compact(value) == told
