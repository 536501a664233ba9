"""The format `jsonl`: a JSON object a line."""

import json
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pipeline.inputs.encodings import UTF8, Encoding
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.lines import iter_lines
from pipeline.inputs.formats.records import (
    Format,
    Record,
    RecordBuilder,
    Values,
    getter,
    json_kind,
)
from pipeline.inputs.formats.text import open_text
from schemas.errors import RecordError, ShardError

_ARRAY = ": a file that is one array takes --input_format json."
_MARK = "\ufeff"
# Of small records no JSON takes much. The bytes are those of Python's objects, without what is in
# them: of `{"":0},` and `[],` a record of 64 MB would take 1.7 GB.
_LARGE_BYTES = 2**20
_OBJECT_BYTES, _ARRAY_BYTES = 190, 70
_HELD_BYTES = 800_000_000
_BRACKETS = {ord("{"): _OBJECT_BYTES, ord("["): _ARRAY_BYTES}
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{\[]', re.DOTALL)
_SPACE = " \t\n\r\v\f"  # what `bytes.strip` takes away


def read_jsonl(
    stream: BinaryIO, builder: RecordBuilder, name: str | None = None
) -> Iterator[Record]:
    """A stream of JSON lines in, one record for each line that is not blank out.

    name: of the encoding, where it is another than `--encoding`. Raises ShardError for a file that
    is one JSON document over many lines.
    """
    stream, encoding, head = open_text(stream, builder, name)
    _require_lines(head.removeprefix(encoding.mark).decode(encoding.name, "ignore"))
    parse = object_parser(builder, encoding)
    is_blank = bytes.isspace if encoding.width == 1 else _blank(encoding)
    for position, line in iter_lines(stream, builder, encoding):
        if isinstance(line, LargeRecord) or not is_blank(line):
            yield builder.record(position, line, parse)


def _require_lines(head: str) -> None:
    """Raise ShardError for what begins as no record does, and goes on as an array or object does.

    A first line that is broken costs itself alone where the next is an object.
    """
    first, *others = head.lstrip(_SPACE).split("\n", 2)
    first = first.strip(_SPACE)
    second = others[0].strip(_SPACE) if others else ""
    if not second or _is_json(second):
        return
    if first.startswith("[") and not _is_json(first):
        raise ShardError(
            "The file is one JSON document, not one object a line: --input_format json reads it, "
            "and jq -c '.[]' writes it in lines."
        )
    if first == "{" and second.startswith('"'):
        raise ShardError(
            "The file has JSON objects of several lines, not one object a line: jq -c . writes it "
            "in lines."
        )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _blank(encoding: Encoding) -> Callable[[bytes], bool]:
    blanks = frozenset(sign.encode(encoding.name) for sign in _SPACE)

    def is_blank(line: bytes) -> bool:
        width = encoding.width
        return all(line[at : at + width] in blanks for at in range(0, len(line), width))

    return is_blank


def read_object(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of a single JSON object, on however many lines, in, its record with number 0 out."""
    yield builder.record(0, stream.read(), object_parser(builder))


def read_row_again(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """What a dead letter keeps of a row without bytes of its own in, its record out."""
    return read_jsonl(stream, builder, UTF8.name)


def object_parser(builder: RecordBuilder, encoding: Encoding = UTF8) -> Callable[[bytes], Values]:
    """The configuration of a builder in, a function from the bytes of an object to its values out.

    That one raises RecordError or ValueError for what is no JSON object, RecursionError for one
    that is nested too deeply. A byte order mark before the object, which JSON cannot begin with, is
    passed over: files were joined there.
    """
    config = builder.config
    get_id, get_text = getter(config.id_field), getter(config.text_field)
    seen = builder.seen
    get_kept = [getter(name) for name in config.keep_fields]
    # `raw_decode` on stripped text does what `json.loads` does without its two pattern matches
    # and its guess of the encoding: 260 instead of 170 MB/s.
    decode = json.JSONDecoder().raw_decode

    def values(text: str) -> Values:
        try:
            value, end = decode(text)
        except json.JSONDecodeError:
            if not text.startswith(_MARK):
                raise
            text = text[1:].lstrip(_SPACE)
            value, end = decode(text)
        if end != len(text):
            raise _more_behind(text, end)
        if not isinstance(value, dict):
            is_whole = builder.shard.format == "jsonl" and isinstance(value, list) and value
            advice = _ARRAY if is_whole and isinstance(value[0], dict) else "."
            raise RecordError(f"The record is {json_kind(value)}, not a JSON object{advice}")
        if seen.missing:
            seen.look(value)
        return Values(get_text(value), get_id(value), tuple([get(value) for get in get_kept]))

    def parse(raw: bytes) -> Values:
        if len(raw) > _LARGE_BYTES:
            _require_holdable(raw)
        # Bytes are stripped faster than text.
        return values(raw.strip().decode() if is_utf8 else encoding.decode(raw).strip(_SPACE))

    is_utf8 = encoding == UTF8
    return parse


def _require_holdable(raw: bytes) -> None:
    """Raise RecordError for JSON of so many objects and arrays that they would fill the memory."""
    if raw.count(b"{") * _OBJECT_BYTES + raw.count(b"[") * _ARRAY_BYTES <= _HELD_BYTES:
        return  # even if none of them is within a string
    takes = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        takes += _BRACKETS.get(raw[match.start()], 0)
        if takes > _HELD_BYTES:
            raise RecordError(
                "The record holds more objects and arrays than can be held at once, up to its byte "
                f"{match.end():,}."
            )


def _more_behind(text: str, end: int) -> Exception:
    if text[end:].lstrip(_SPACE).startswith(_MARK):
        return RecordError(
            f"A byte order mark stands behind the object, at character {end}: files were joined "
            "there without a line break."
        )
    return json.JSONDecodeError("Extra data", text, end)


JSONL = Format("jsonl", (".jsonl", ".ndjson"), read_jsonl, splittable=True, read_again=read_jsonl)
