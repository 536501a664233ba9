"""The user's decisions: a CSV file of which names are the same, and which are different."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from jobs.resolve.names import Names
from jobs.resolve.rules import DECISION, read_file
from pipeline.console.arguments import did_you_mean
from pipeline.console.text import first_line
from schemas.errors import UsageError

_FLAG = "--decisions"
_COLUMNS = ("decision", "a", "b")
_LABEL = "label"
_KINDS = ("same", "different")


class Decision(NamedTuple):
    """Two surfaces that are the same or different, under one label or any; line: where it says."""

    line: int
    is_same: bool
    one: str
    other: str
    label: str | None


class _Linked(NamedTuple):
    """A decision, and the rows of both sides under one label."""

    decision: Decision
    rows: Sequence[int]
    others: Sequence[int]


def read_decisions(path: str | None) -> list[Decision]:
    """The decisions of a file; raises UsageError, which names the line, for what is none."""
    if path is None:
        return []
    where = f"{_FLAG} {path}"
    try:
        text = read_file(_FLAG, path).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header = [*(reader.fieldnames or ())]
        _require_header(header, where)
        return [_decision(row, where, reader.line_num) for row in reader]
    except (UnicodeError, csv.Error) as error:
        raise UsageError(f"{where} is no CSV in UTF-8: {first_line(error)}") from error


def _require_header(header: Sequence[str], where: str) -> None:
    known = (*_COLUMNS, _LABEL)
    for name in header:
        if name not in known:
            raise UsageError(
                f"{where} has a column {name!r}, expected {', '.join(known)}"
                + did_you_mean(name, known)
            )
    if repeated := [name for name in known if header.count(name) > 1]:
        raise UsageError(f"{where} has the column {repeated[0]!r} twice")
    if missing := [name for name in _COLUMNS if name not in header]:
        raise UsageError(f"{where} has no column {missing[0]!r}, expected {', '.join(known)}")


def _decision(row: dict[str | None, str | None], file: str, line: int) -> Decision:
    where = f"{file}: line {line}"
    if None in row or any(row[name] is None for name in _COLUMNS):
        raise UsageError(f"{where} has other columns than the header")
    kind, one, other = (str(row[name]) for name in _COLUMNS)
    if kind not in _KINDS:
        expected = " or ".join(_KINDS)
        raise UsageError(f"{where}: the decision is {kind!r}, expected {expected}")
    if not one or not other:
        raise UsageError(f"{where}: a name is empty")
    if one == other:
        raise UsageError(f"{where}: {one!r} is the same surface twice")
    return Decision(line, kind == "same", one, other, row.get(_LABEL) or None)


def decide(names: Names, decisions: Sequence[Decision]) -> list[Decision]:
    """Join what is the same, keep apart what is different; returns what no two rows are of.

    Before any step. Raises UsageError where decisions contradict each other.
    """
    rows_of: dict[str, list[int]] = {
        surface: [] for each in decisions for surface in (each.one, each.other)
    }
    for row, surface in enumerate(names.surfaces):
        if surface in rows_of:
            rows_of[surface].append(row)
    linked = [(each, [*_linked(names, each, rows_of)]) for each in decisions]
    for decision, found in linked:
        for pairs in found if decision.is_same else ():
            for one, other in product(pairs.rows, pairs.others):
                names.groups.join(one, other, DECISION, decided=True)
    for decision, found in linked:
        for pairs in found if not decision.is_same else ():
            for one, other in product(pairs.rows, pairs.others):
                if names.groups.find(one) == names.groups.find(other):
                    raise UsageError(
                        f"{_FLAG}: line {decision.line} says that {decision.one!r} and "
                        f"{decision.other!r} are different, and other lines that they are the same"
                    )
                names.groups.forbid(one, other)
    return [decision for decision, found in linked if not found]


def _linked(names: Names, decision: Decision, rows_of: dict[str, list[int]]) -> Iterator[_Linked]:
    by_label: dict[str, tuple[list[int], list[int]]] = {}
    for side, surface in enumerate((decision.one, decision.other)):
        for row in rows_of[surface]:
            by_label.setdefault(names.labels[row], ([], []))[side].append(row)
    for label, (rows, others) in by_label.items():
        if rows and others and decision.label in (None, label):
            yield _Linked(decision, rows, others)
