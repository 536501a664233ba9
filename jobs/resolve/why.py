"""Two names in, sentences out: what is known of each, and what each step made of them."""

from collections.abc import Iterator, Mapping, Sequence

from jobs.resolve.decisions import Decision, decide
from jobs.resolve.names import Names
from jobs.resolve.rules import DECISION, STEPS, Rules
from jobs.resolve.steps import STEP_OF
from jobs.resolve.table import Way, canonical_row, links_by_row, ways_from
from model.text.escaping import harmless
from pipeline.console.arguments import did_you_mean
from pipeline.console.text import counted
from schemas.errors import UsageError


def explained(
    names: Names,
    rules: Rules,
    decisions: Sequence[Decision],
    surfaces: tuple[str, str],
    label: str | None,
) -> list[str]:
    """The sentences, a line each; takes the steps on the way.

    Raises UsageError for a surface that no entity that counts has, with the nearest that one has.
    """
    sides = [_rows(names, surface, label) for surface in surfaces]
    pairs = [
        (one, other)
        for one in sides[0]
        for other in sides[1]
        if one != other
        and (
            names.labels[one] == names.labels[other]
            or (names.ids[one] is not None and names.ids[one] == names.ids[other])
        )
    ]
    if surfaces[0] == surfaces[1]:
        pairs = [pair for pair in pairs if pair[0] < pair[1]]
        if not pairs:
            raise UsageError(
                f"{surfaces[0]!r} has one row under each label: no step parts what is written alike"
            )
    if not pairs:
        told = [", ".join(sorted({names.labels[row] for row in rows})) for rows in sides]
        raise UsageError(
            f"{surfaces[0]!r} has the labels {told[0]}, and {surfaces[1]!r} {told[1]}: only one id "
            "joins names of different labels"
        )
    decide(names, decisions)
    lines: dict[tuple[int, int], list[str]] = {pair: [] for pair in pairs}
    _note(names, lines, DECISION, dict.fromkeys(pairs, "no decision joins them"))
    for step in STEPS:
        apart = [pair for pair in pairs if not _together(names, pair)]
        if not rules.takes(step):
            for pair in apart:
                lines[pair].append(f"  {step}: left out")
            continue
        STEP_OF[step].join(names, rules)
        reasons = {
            pair: "" if _together(names, pair) else STEP_OF[step].why_not(names, rules, *pair)
            for pair in apart
        }
        _note(names, {pair: lines[pair] for pair in apart}, step, reasons)
    return [line for pair in pairs for line in _told(names, pair, lines[pair])]


def _together(names: Names, pair: tuple[int, int]) -> bool:
    return names.groups.find(pair[0]) == names.groups.find(pair[1])


def _note(
    names: Names,
    lines: dict[tuple[int, int], list[str]],
    step: str,
    reasons: dict[tuple[int, int], str],
) -> None:
    links = links_by_row(names.groups.links)
    for pair, told in lines.items():
        if not _together(names, pair):
            told.append(f"  {step}: {reasons[pair]}")
            continue
        rows = _rows_between(*pair, ways_from(pair[0], links))
        way = " ~ ".join([repr(names.surfaces[row]) for row in rows])
        told.append(f"  {step}: joined, by {way}")


def _rows_between(one: int, other: int, ways: Mapping[int, Way | None]) -> list[int]:
    """The rows on the way from one to the other, both of them too."""
    rows = [other]
    while rows[-1] != one and (way := ways[rows[-1]]) is not None:
        rows.append(way.row)
    return rows[::-1]


def _told(names: Names, pair: tuple[int, int], lines: Sequence[str]) -> Iterator[str]:
    for row in pair:
        yield harmless(_described(names, row))
    verdict = "one group" if _together(names, pair) else "two groups"
    yield f"  {verdict}:"
    yield from map(harmless, lines)


def _described(names: Names, row: int) -> str:
    rows = [
        other for other in range(len(names)) if names.groups.find(other) == names.groups.find(row)
    ]
    known = f", id {names.ids[row]!r}" if names.ids[row] is not None else ""
    best = names.surfaces[canonical_row(names, rows)]
    others = f"one of {len(rows):,} in the group of {best!r}" if len(rows) > 1 else "alone"
    return (
        f"{names.surfaces[row]!r}, {names.labels[row]}{known}: "
        f"{counted(names.mentions[row], 'mention')} in "
        f"{counted(names.documents[row], 'document')}, {others}"
    )


def _rows(names: Names, surface: str, label: str | None) -> list[int]:
    rows = names.rows_called(surface, label)
    if not rows:
        others = names.rows_called(surface)
        if others:
            found = ", ".join(sorted({names.labels[row] for row in others}))
            raise UsageError(f"{surface!r} has no label {label!r}, but {found}")
        near = did_you_mean(surface, dict.fromkeys(names.surfaces)) if len(names) < _MOST else ""
        raise UsageError(f"no entity that counts is called {surface!r}{near}")
    return rows


_MOST = 100_000  # names among which the nearest is looked for
