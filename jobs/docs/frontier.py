"""F1 and speed by the units of a model, on the data sets that were tried: a table and a chart."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from xml.sax.saxutils import escape

from jobs.docs.markdown import table

Frontier = Mapping[str, "Sequence[Point]"]  # by the name of the set, the fewest units first


@dataclass(frozen=True)
class Point:
    """The mean F1 of some seeds, its standard deviation, and tokens a second on one core.

    One seed has no deviation.
    """

    units: int
    f1: float
    deviation: float | None
    tokens_per_second: float

    @property
    def ends(self) -> tuple[float, float]:
        """The F1 a deviation below the mean, and one above it."""
        spread = self.deviation or 0.0
        return self.f1 - spread, self.f1 + spread


def read_frontier(path: Path) -> Frontier:
    """The measured points of a CSV: `set`, and the fields of `Point`.

    Raises ValueError, with the line, for what is no such file or no measurement.
    """
    columns = ["set", *(field.name for field in fields(Point))]
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        if next(rows, None) != columns:
            raise ValueError(f"{path}:1 is not {','.join(columns)}")
        found: dict[str, dict[int, Point]] = {}
        for row in rows:
            try:
                name, units, f1, deviation, speed = row
                spread = float(deviation) if deviation else None
                point = Point(int(units), float(f1), spread, float(speed))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}:{rows.line_num} is no row of {columns}") from error
            if not (0 < point.f1 <= 1 and 0 <= (spread or 0) < 1 and point.tokens_per_second > 0):
                raise ValueError(f"{path}:{rows.line_num} has what no measurement gives")
            if found.setdefault(name, {}).setdefault(point.units, point) is not point:
                raise ValueError(f"{path}:{rows.line_num} measures {name} with {units} units again")
    if not found:
        raise ValueError(f"{path} has no row")
    return {name: [points[n] for n in sorted(points)] for name, points in found.items()}


def frontier_table(frontier: Frontier) -> str:
    """A row for each number of units, and F1 and speed of each set; a dash where not measured."""
    points = {(name, point.units): point for name in frontier for point in frontier[name]}
    head = ["units", *(f"{name}: {what}" for name in frontier for what in ("F1", "tokens/s"))]
    return table(
        head,
        (
            [str(units), *(cell for name in frontier for cell in _cells(points.get((name, units))))]
            for units in sorted({units for _, units in points})
        ),
    )


def _cells(point: Point | None) -> tuple[str, str]:
    if point is None:
        return "-", "-"
    spread = "" if point.deviation is None else f" ± {point.deviation:.3f}"
    return f"{point.f1:.3f}{spread}", f"{float(f'{point.tokens_per_second:.3g}'):,.0f}"


_WIDTH, _HEIGHT = 270, 260  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 44, 46  # around what is drawn in it
_TICKS = 5  # of an axis, at most
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#455a64}.b{font-weight:600;fill:#004d40}"
    ".g{stroke:#cfd8dc}.l{stroke:#00796b;stroke-width:1.5;fill:none}.p{fill:#00796b}"
)


def frontier_chart(frontier: Frontier) -> str:
    """An SVG with a panel for each set: F1, with its deviation, by tokens a second.

    All panels have the same scales, but each its own part of that of F1.
    """
    points = [point for each in frontier.values() for point in each]
    fastest = max(point.tokens_per_second for point in points) / 1000
    spread = max(_ends(each)[1] - _ends(each)[0] for each in frontier.values())
    span = max(spread, 0.005) * 1.3
    width, height = _WIDTH * len(frontier), _HEIGHT
    space = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg {space} role="img" aria-labelledby="t d">',
        '<title id="t">F1 by thousand tokens a second on one core</title>',
        f'<desc id="d">{escape(", ".join(frontier))}: a point for each number of units</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="10" fill="#fafafa"/>',
    ]
    for number, (name, measured) in enumerate(frontier.items()):
        middle = sum(_ends(measured)) / 2
        panel = _Panel(_WIDTH * number, (0, fastest * 1.1), (middle - span / 2, middle + span / 2))
        lines += panel.drawn(name, measured)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _ends(points: Sequence[Point]) -> tuple[float, float]:
    lows, highs = zip(*(point.ends for point in points), strict=True)
    return min(lows), max(highs)


@dataclass(frozen=True)
class _Panel:
    """Where it begins, and the ends of its axes: thousand tokens a second, and F1."""

    left: int
    speeds: tuple[float, float]
    f1s: tuple[float, float]

    def x(self, speed: float) -> float:
        share = (speed - self.speeds[0]) / (self.speeds[1] - self.speeds[0])
        return round(self.left + _LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, f1: float) -> float:
        share = (f1 - self.f1s[0]) / (self.f1s[1] - self.f1s[0])
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)

    def drawn(self, name: str, points: Sequence[Point]) -> Iterator[str]:
        left, right = self.x(self.speeds[0]), self.x(self.speeds[1])
        low, high = self.y(self.f1s[0]), self.y(self.f1s[1])
        yield f'<text class="b" x="{left}" y="24">{escape(name)}: F1</text>'
        for tick, text in _ticks(*self.f1s):
            y = self.y(tick)
            yield f'<path class="g" d="M{left} {y}H{right}"/>'
            yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        for tick, text in _ticks(*self.speeds):
            x = self.x(tick)
            yield f'<path class="g" d="M{x} {low}V{high}"/>'
            yield f'<text x="{x}" y="{low + 16:.1f}" text-anchor="middle">{text}</text>'
        end = f'x="{right}" y="{low + 34:.1f}" text-anchor="end"'
        yield f"<text {end}>thousand tokens/s, one core</text>"
        places = [(self.x(p.tokens_per_second / 1000), self.y(p.f1)) for p in points]
        yield f'<path class="l" d="M{"L".join(f"{x} {y}" for x, y in places)}"/>'
        for number, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
            bottom, top = map(self.y, point.ends)
            yield f'<path class="l" d="M{x} {top}V{bottom}"/>'
            yield f'<circle class="p" cx="{x}" cy="{y}" r="3.5"/>'
            # Neighbours may be near each other, so their names stand above and below by turns.
            beside = f'x="{x}" y="{bottom + 16 if number % 2 else top - 8:.1f}"'
            yield f'<text class="b" {beside} text-anchor="middle">{point.units}</text>'


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers of one step within the ends, as many as there is room for, and their names."""
    digits = -math.floor(math.log10((high - low) / _TICKS))
    size = 10.0**-digits
    step = next(size * n for n in (1, 2, 5, 10) if (high - low) / (size * n) <= _TICKS)
    ticks = [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(tick, f"{tick:.{max(digits, 0)}f}") for tick in ticks]
