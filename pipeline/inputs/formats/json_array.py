"""The format `json`: an array of objects, or an object that holds one; it is never held whole.

Here stands only where an element ends; what it holds, Python's own parser says, as for jsonl.
The parsers that stream do not fit: the fastest, ijson 3.6 over yajl, ends the process at a number
of 5,000 digits, reads a lone surrogate as a question mark, ends the file at a byte that is not
UTF-8, and holds a string whole, however long it is.
"""

import io
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipeline.console.text import SHOWN, counted, listed
from pipeline.inputs.encodings import UTF8
from pipeline.inputs.formats.jsonl import object_parser, read_jsonl, read_object
from pipeline.inputs.formats.large import PIECE, LargeRecord
from pipeline.inputs.formats.records import (
    Format,
    Record,
    RecordBuilder,
    getter,
)
from pipeline.inputs.formats.text import open_text
from schemas.errors import ShardError
from schemas.records import RAW_BYTES

_KEY_BYTES = 100  # longer ones are not named
_BROKEN = object()

_SOLID = re.compile(rb"[^ \t\n\r,]")
_SIGN = re.compile(rb'["\[\]{},:]')
_TO_QUOTE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def read_json(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A buffered stream of JSON in, one record for each element of its array out.

    The array is the file, or the first member of the object on top whose value is an array of
    objects. `record` is the byte offset of the element. Raises ShardError where the array breaks
    off, where there is none or another that has texts, and where more stands behind it. JSON lines
    are read as jsonl.
    """
    buffered = cast("io.BufferedReader", open_text(stream, builder, UTF8.name).stream)
    head, text_field = buffered.peek(), builder.config.text_field
    if _holds_lines(head, text_field):
        yield from read_jsonl(buffered, builder, UTF8.name)
        return
    is_long_line = b"\n" not in head and _load(head) is _BROKEN
    scanner = _Scanner(buffered)
    opening = scanner.sign(b"[{")
    if opening == b"[" or (opening == b"{" and _enter_array(scanner)):
        parse = object_parser(builder)
        while scanner.sign(b"]") != b"]":
            offset = scanner.offset
            yield builder.record(offset, scanner.value(builder.config.longest_record), parse)
        if opening == b"{":
            _pass_rest(scanner, text_field, may_be_document=is_long_line)
    elif opening not in {b"{", b""}:
        raise ShardError("The file holds neither an array nor an object.")
    if scanner.sign():
        raise ShardError(f"More stands behind the JSON, at byte {scanner.offset}.")


def _holds_lines(head: bytes, text_field: str) -> bool:
    """Whether a file that begins so holds JSON lines.

    Its first line is then an object with more behind it, or an object that has the text; where it
    is cut off or broken, it names the text on top, or is followed by an object on one line.
    """
    line, _, rest = head.removeprefix(UTF8.mark).lstrip().partition(b"\n")
    value, following = _load(line), rest.lstrip().partition(b"\n")[0]
    if isinstance(value, dict):
        return bool(following) or getter(text_field)(value) is not None
    if following:  # a line that a comma or a bracket ends goes on in the next
        return line.rstrip()[-1:] not in b"[{,:" and isinstance(_load(following), dict)
    if value is not _BROKEN or not line.startswith(b"{"):
        return False
    scanner = _Scanner(io.BufferedReader(cast("io.RawIOBase", io.BytesIO(line[1:]))))
    try:
        return _finds_key(scanner, text_field)
    except ShardError:  # nor has the rest of the line
        return False


def _load(data: bytes) -> object:
    """The value of a piece of JSON, `_BROKEN` where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _BROKEN


def _keys(scanner: "_Scanner") -> Iterator[bytes | LargeRecord]:
    """Go on through the members of an object: each key out, behind which the value is to pass."""
    while scanner.sign(b"}") != b"}":
        key = scanner.value(_KEY_BYTES)
        if scanner.sign(b":") != b":":
            raise scanner.broken()
        yield key


def _is_key(key: bytes | LargeRecord, path: str) -> bool:
    """Whether a dotted path begins with that key."""
    return isinstance(key, bytes) and _load(key) in (path, path.partition(".")[0])


def _finds_key(scanner: "_Scanner", path: str) -> bool:
    """Go on through the members of an object to the one where a path begins, or to its end."""
    for key in _keys(scanner):
        if _is_key(key, path):
            return True
        scanner.value(0)
    return False


def _pass_rest(scanner: "_Scanner", text_field: str, *, may_be_document: bool) -> None:
    """Pass what stands behind the array in its object; raises ShardError where that has texts."""
    for key in _keys(scanner):
        if may_be_document and _is_key(key, text_field):
            raise ShardError(
                f"The object has the field {text_field!r} behind its array: if it is a document, "
                "it takes --input_format jsonl."
            )
        if scanner.sign(b"[") != b"[":
            scanner.value(0)
            continue
        if scanner.sign() == b"{":
            scanner.sign(b"{")
            if _finds_key(scanner, text_field):
                name = key.decode(errors="replace") if isinstance(key, bytes) else "a long name"
                further = f"The object has a further array of objects with the field {text_field!r}"
                advice = "and the first alone was read: give each a file."
                raise ShardError(f"{further}, {name.strip()}, {advice}", f"{further}, {advice}")
        scanner.value(0, depth=1)


def _enter_array(scanner: "_Scanner") -> bool:
    """Go on from the beginning of an object to that of its array of objects.

    False for an object of nothing but empty arrays, passed then. Raises ShardError if it has none.
    """
    keys: list[str] = []
    count = empty = 0
    for key in _keys(scanner):
        count += 1
        if len(keys) < SHOWN:
            keys.append(key.decode(errors="replace").strip() if isinstance(key, bytes) else "...")
        if scanner.sign(b"[") != b"[":
            scanner.value(0)
        elif (first := scanner.sign()) == b"{":
            return True
        else:
            empty += first == b"]"
            scanner.value(0, depth=1)
    if empty < max(count, 1):
        names = listed(keys, count) or "none"
        none = "The object holds no array of objects"
        nameless = f"{none} under its {counted(count, 'key')}."
        raise ShardError(f"{none}; its keys are {names}.", nameless)
    return False


class _Scanner:
    """Goes through JSON a piece at a time; knows where a value ends, not whether it is right."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        is_marked = stream.peek().startswith(UTF8.mark)
        self._before = len(stream.read(len(UTF8.mark))) if is_marked else 0
        self._piece, self._at = b"", 0
        self._depth, self._quoted = 0, False

    @property
    def offset(self) -> int:
        """How many bytes of the file were passed."""
        return self._before + self._at

    def sign(self, passed: bytes = b"") -> bytes:
        """The next byte but for blanks and commas, b"" at the end; passed if it is one of these."""
        while not (match := _SOLID.search(self._piece, self._at)):
            self._at = len(self._piece)
            if not self._read():
                return b""
        self._at = match.end() if match[0] in passed else match.start()
        return match[0]

    def broken(self) -> ShardError:
        """The error for a file of which the rest cannot be told apart."""
        return ShardError(f"The JSON breaks off at byte {self.offset}.")

    def value(self, longest: int, depth: int = 0) -> bytes | LargeRecord:
        """Pass a value, up to its last bracket or to what stands behind it.

        depth: of its brackets, how many were passed before. Raises ShardError if it has no end.
        """
        held, size, ended = bytearray(), 0, False
        self._depth, self._quoted = depth, False
        while not ended:
            start = self._at
            ended = self._pass_value()
            size += self._at - start
            if len(held) <= longest:
                held += self._piece[start : self._at]
            if not ended and not self._read():
                raise self.broken()
        if not size:
            raise self.broken()
        return bytes(held) if size <= longest else LargeRecord(bytes(held[:RAW_BYTES]), size)

    def _pass_value(self) -> bool:
        """Pass what the piece has of the value; returns whether that is its end."""
        while match := (_TO_QUOTE.match if self._quoted else _SIGN.search)(self._piece, self._at):
            sign = self._piece[match.end() - 1]
            if not self._quoted and not self._depth and sign in b",:]}":
                self._at = match.start()
                return True
            self._at = match.end()
            self._quoted = not self._quoted and sign in b'"'
            self._depth += (sign in b"[{") - (sign in b"]}")
            if not self._depth and sign in b"]}":
                return True
        # But for half an escape.
        self._at = len(self._piece)
        self._at -= (self._at - len(self._piece.rstrip(b"\\"))) % 2
        return False

    def _read(self) -> bool:
        """Add a piece of the file to what is left of the last; False if there is none."""
        self._stream.peek()  # fills its buffer; `read1` alone asks an object store for each piece
        piece = self._stream.read1(PIECE)
        self._before += self._at
        self._piece, self._at = self._piece[self._at :] + piece, 0
        return bool(piece)


JSON = Format("json", (".json",), read_json, separator=b",", read_again=read_object)
