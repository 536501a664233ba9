"""Names of encodings in, what reading needs to know of them out: Python's standard codecs."""

import codecs
from dataclasses import dataclass

from pipeline.console.arguments import did_you_mean
from schemas.errors import UsageError

_MARK = "\ufeff"
# Without a mark these take the byte order of the machine; which one a file has, its mark says.
_MARKED = ("utf-16", "utf-32")
# It says once, before the first line, which characters follow.
_STATEFUL = "iso2022_kr"
# The longer ones first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_UTFS = ("utf-8", "utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec by its name in Python, and the bytes that it has for a line break and for a mark."""

    name: str
    newline: bytes
    mark: bytes

    @property
    def width(self) -> int:
        """The bytes of a line break: these begin at multiples of that many."""
        return len(self.newline)

    def decode(self, raw: bytes) -> str:
        """The text of a record's bytes; raises UnicodeDecodeError, which names this encoding."""
        try:
            return raw.decode(self.name)
        except UnicodeDecodeError as error:
            error.encoding = self.name  # of most it would be "charmap"
            raise


UTF8 = Encoding("utf-8", b"\n", codecs.BOM_UTF8)
_MARKS = {name: _MARK.encode(name) for name in _UTFS}


def encoding_name(name: str) -> str:
    r"""Any name of an encoding in, the one that Python's codecs have for it out.

    Raises UsageError for what is no encoding of text, or none in which lines end with a `\n` of
    its own (EBCDIC, punycode): they could not be told apart. Nor is iso2022_kr taken.
    """
    from encodings.aliases import aliases

    try:
        codec = codecs.lookup(name).name.removesuffix("-sig")
        b"a\n\0\0".decode(codec, "replace")  # refuses codecs of other things than text, as base64
        newline = "\n".encode(_ordered(codec))
    except (LookupError, ValueError) as error:
        known = {
            alias.replace("_", "-")
            for pair in aliases.items()
            for alias in pair
            if not pair[1].endswith(("_codec", "rot_13"))
        }
        near = did_you_mean(name.replace("_", "-"), sorted(known - {"u7", "u8", "utf"}))
        raise UsageError(
            f"--encoding is {name!r}, expected an encoding of text that Python knows, such as "
            f"utf-16, latin-1 or cp1252{near}"
        ) from error
    if newline not in {"\n".encode(utf) for utf in _UTFS} or codec == _STATEFUL:
        raise UsageError(
            f"--encoding is {name!r}, whose lines do not end as in ASCII or cannot be read one by "
            "one: convert the files first"
        )
    return codec


def encoding_of(name: str, head: bytes) -> Encoding | str:
    """The name of an encoding and the beginning of a file in, the encoding of that file out.

    Or a sentence: what the byte order mark of the file, or the lack of one, has against the name.
    """
    marked = next((utf for utf in _UTFS if head.startswith(_MARKS[utf])), "")
    if marked == "utf-32-le" and name.startswith("utf-16"):  # a mark and U+0000 look the same
        marked = "utf-16-le"
    general = marked.removesuffix("-le").removesuffix("-be")
    if marked and name in (marked, general):
        return _encoding(marked)
    if marked:
        other = "" if name == UTF8.name else f", not {name.upper()}"
        return f"The file is {general.upper()} by its byte order mark{other}: --encoding {general}."
    if name in _MARKED and head:
        return f"The file has no byte order mark: --encoding {name}-le or {name}-be, not {name}."
    return _encoding(_ordered(name))


def is_wide(name: str) -> bool:
    """Whether a line break has several bytes in that encoding."""
    return len("\n".encode(_ordered(name))) > 1


def codecs_of(name: str) -> tuple[str, ...]:
    """The codecs that the records of files in an encoding may be in: both orders of bytes."""
    return (f"{name}-le", f"{name}-be") if name in _MARKED else (name,)


def _encoding(name: str) -> Encoding:
    if name == UTF8.name:
        return UTF8
    try:
        mark = _MARK.encode(name)
    except UnicodeEncodeError:
        mark = b""
    return Encoding(name, "\n".encode(name), mark)


def _ordered(name: str) -> str:
    return f"{name}-le" if name in _MARKED else name
