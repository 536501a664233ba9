"""Records of a text in JSON, each with its line: JSON lines, or one document that lists them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.corpora.faults import BrokenCorpusError, Fault, FaultKind, fault_of

_BLANK = re.compile(r"[ \t\r\n]*")
_KEYS_SHOWN = 8
# What is no list of records: a document of its own has a text, or words.
_OF_A_DOCUMENT = ("text", "data", "tokens", "words", "paragraphs")


class FaultError(Exception):
    """A reason to refuse a record; who reads the file adds path and line."""

    def __init__(self, reason: str, kind: FaultKind = "document") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Record:
    """A value of a file: a document, a task, a sentence.

    line: from 1; in Parquet the row. number: of the record in its list, from 1, None for JSON lines
    and rows, which the line tells apart.
    """

    line: int
    value: Any
    number: int | None = None

    def fault(self, error: FaultError) -> Fault:
        """The fault of this record, which names it where its line does not."""
        return fault_of(self.line, error.kind, str(error), self.number)


def json_records(path: str, text: str) -> tuple[list[Record], list[Fault]]:
    """The records of a text in JSON, in order, and the faults of lines that are none.

    Without line breaks within records (JSON lines) each line is a record, or a fault of its own.
    Otherwise the text is a document: an array of records, an object with one, or objects one after
    another. Raises BrokenCorpusError where a document breaks off, since nothing tells where it goes
    on.
    """
    if not _is_lines(text):
        return list(_document_records(path, text)), []
    records, faults = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(Record(number, json.loads(line)))
        except json.JSONDecodeError as error:
            reason = f"invalid JSON: {error.msg} at column {error.colno}"
            faults.append(Fault(number, "row", reason))
        except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
            faults.append(Fault(number, "row", f"invalid JSON: {error}"))
    return records, faults


def _is_lines(text: str) -> bool:
    """Whether a text is JSON lines: the first is a value or, broken, some other is an object."""
    lines = (line for line in text.split("\n") if line.strip())
    first = next(lines)
    value = _parsed(first)
    if value is not None:
        if any(lines) or is_pair(value):
            return True
        return isinstance(value, dict) and _list_within(value) is None
    if first.lstrip().startswith("[") or _begins_with_value(text):
        return False
    more = list(lines)
    return not more or any(
        line.startswith("{") and isinstance(_parsed(line), dict) for line in more
    )


def _parsed(line: str) -> Any:  # noqa: ANN401 - whatever the JSON holds
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _begins_with_value(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text, _past_blanks(text, 0))
    except (ValueError, RecursionError):
        return False
    return True


def _document_records(path: str, text: str) -> Iterator[Record]:
    """The elements of the arrays, and the objects, that stand one after another in a text."""
    read = json.JSONDecoder().raw_decode
    line, at = 1, 0
    number = 0
    position = _past_blanks(text, 0)
    inside = False  # an array on top, whose elements are read one by one to know their lines
    try:
        while position < len(text):
            if not inside and text[position] == "[":
                inside, position = True, _past_blanks(text, position + 1)
                if text[position : position + 1] != "]":
                    continue
            if inside and text[position : position + 1] == "]":
                inside, position = False, _past_blanks(text, position + 1)
                continue
            value, end = read(text, position)
            line, at = line + text.count("\n", at, position), position
            within = None if inside or not isinstance(value, dict) else _list_within(value)
            for element in [value] if within is None else within:
                number += 1
                yield Record(line, element, number)
            position = _past_blanks(text, end)
            if inside and text[position : position + 1] == ",":
                position = _past_blanks(text, position + 1)
                if text[position : position + 1] == "]":
                    raise json.JSONDecodeError("Illegal trailing comma", text, position)
            elif inside and text[position : position + 1] != "]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, position)
        if inside:
            raise json.JSONDecodeError("the array is cut off", text, position)
    except json.JSONDecodeError as error:
        reason = f"invalid JSON: {error.msg} at column {error.colno}, after {number:,} records"
        raise BrokenCorpusError(path, [Fault(error.lineno, "row", reason)]) from error
    except (ValueError, RecursionError) as error:
        reason = f"invalid JSON: {error}, in record {number + 1:,}"
        line += text.count("\n", at, position)
        raise BrokenCorpusError(path, [Fault(line, "row", reason)]) from error


def _past_blanks(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _list_within(value: Mapping[str, Any]) -> list[Any] | None:
    """The list of records that an object holds beside other things, None where it is a record.

    `annotations` of pairs is how a web page for spaCy's format writes them.
    """
    pairs = value.get("annotations")
    if isinstance(pairs, list) and "data" not in value and any(map(is_pair, pairs)):
        return pairs
    if _has_objects(value.get("data")):
        return list(value["data"])
    if any(key in value for key in _OF_A_DOCUMENT):
        return None
    return next((item for item in value.values() if _has_objects(item)), None)


def _has_objects(held: object) -> bool:
    return isinstance(held, list) and any(isinstance(one, dict) for one in held)


def is_pair(value: object) -> bool:
    """Whether a value is `[text, {...}]`, as spaCy pairs a text with what is known of it."""
    return isinstance(value, list) and [type(item) for item in value] == [str, dict]


def present_key(record: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The one of the keys that the record has, the first where it has none.

    Raises FaultError where several have something in them.
    """
    present = [key for key in keys if record.get(key)] or [key for key in keys if key in record]
    if len(present) > 1 and record[present[0]]:
        raise FaultError(f"both {present[0]!r} and {present[1]!r} are there: leave one of them")
    return (present or list(keys))[0]


def keys_there(record: Mapping[str, Any]) -> str:
    """What keys a record has, to end a message with."""
    keys = [repr(key) for key in record]
    shown = ", ".join(keys[:_KEYS_SHOWN]) + (", ..." if len(keys) > _KEYS_SHOWN else "")
    return f"; the keys there are {shown}" if keys else ""


def kind_of(value: object) -> str:
    """A JSON value's type in words."""
    if value is None:
        return "nothing"
    return {bool: "a boolean", int: "a number", float: "a number", str: "a string"}.get(
        type(value), "a list" if isinstance(value, list) else "an object"
    )
