"""Counts in, charts out: SVG that takes its colours and its type from the page around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from markupsafe import Markup

from model.text.escaping import harmless, shortened

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

# In units of the drawing, which is about as wide as a phone: so its type is readable there.
_WIDTH = 440
_TYPE = 14
_BAR = 26
_COLUMNS_HEIGHT = 220
_LABEL = 14  # characters
_ROOM_FOR_VALUES = 1.2
_KILO = 1000
_TWO_DIGITS = 99.5
_EXACT = 10_000  # larger numbers would run into each other

Series = tuple[str, Sequence[float]]


def bar_chart(title: str, names: Sequence[str], *series: Series, unit: str = "") -> Markup:
    """A bar for each name, from the top down, and for each series, with the values beside them.

    unit: a format for the values; none for counts.
    """
    from pygal import HorizontalBar

    height = 12 + len(names) * (_BAR if len(series) == 1 else _BAR * 8 // 5)
    chart = HorizontalBar(**_settings(height, series), show_x_labels=False)
    # It draws names from the bottom up, and of each name the last series first.
    upwards = [(what, values[::-1]) for what, values in series]
    return _drawn(chart, title, names[::-1], upwards, upwards[::-1], unit)


def column_chart(title: str, names: Sequence[str], *series: Series, unit: str = "") -> Markup:
    """A column for each name and series, with the values above them; unit as in `bar_chart`."""
    from pygal import Bar

    chart = Bar(**_settings(_COLUMNS_HEIGHT, series), show_y_labels=False)
    return _drawn(chart, title, names, series, series, unit)


def _settings(height: int, series: Sequence[Series]) -> dict[str, Any]:
    from pygal.style import Style

    type_sizes = dict.fromkeys(
        ("label_font_size", "major_label_font_size", "value_font_size"), _TYPE
    )
    most = max((value for _, values in series for value in values), default=0)
    return {
        "width": _WIDTH,
        "height": height,
        "style": Style(font_family="inherit", **type_sizes),
        "classes": ("chart",),
        "css": [],
        "js": [],
        "disable_xml_declaration": True,
        "margin": 2,
        "print_values": len(series) == 1,
        "print_values_position": "top",
        "range": (0, (most or 1) * _ROOM_FOR_VALUES),
        "show_legend": False,
        "truncate_label": -1,
    }


def _drawn(
    chart: "Graph",
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    as_drawn: Sequence[Series],
    unit: str,
) -> Markup:
    """The chart; names and values in the order in which they are drawn, series also as_drawn."""
    chart.value_formatter = lambda value: format(value, unit) if unit else compact(value)
    told = [
        f"{harmless(name)}, {what}: {format(value, unit or ',')}"
        for what, values in as_drawn
        for name, value in zip(names, values, strict=True)
    ]
    chart.x_labels = [shortened(harmless(name), _LABEL) for name in names]
    for what, values in series:
        chart.add(what, list(values))
    chart.add_xml_filter(lambda root: _plain(root, title, told))
    return Markup(chart.render(is_unicode=True))  # noqa: S704 - pygal escapes what it is given


def _plain(root: Element, title: str, told: Sequence[str]) -> Element:
    """The drawing without what it brings for pages of its own: scripts, styles, tooltips.

    told: what a pointer is told of each bar, in the order in which they are drawn.
    """
    titles = iter(told)
    for parent in list(root.iter()):
        for child in filter(_is_foreign, list(parent)):
            parent.remove(child)
        if parent.get("class") == "bar":
            title_of_bar = Element("title")
            title_of_bar.text = next(titles)
            parent.insert(0, title_of_bar)
    del root.attrib["id"]
    root.set("role", "img")
    root.set("aria-label", title)
    return root


def _is_foreign(element: Element) -> bool:
    # The tag of a comment is a function.
    tag: object = element.tag
    return not isinstance(tag, str) or (
        tag in {"defs", "desc", "script", "style", "title"}
        or element.get("class") in {"plot tooltip-overlay", "plot overlay", "titles", "background"}
    )


def compact(value: float) -> str:
    """A count as it fits over a column: `9,999`, `12k`, `3.4M`."""
    if value < _EXACT:
        return f"{value:,.0f}"
    for unit in ("k", "M"):
        value /= _KILO
        if value < _KILO - 0.5:
            return f"{value:.2g}{unit}" if value < _TWO_DIGITS else f"{value:.0f}{unit}"
    return f"{value / _KILO:,.1f}G"
