"""The first bytes of a file in, why it is no text to read out; and so by its name."""

import codecs
import re

HEAD = 4096  # bytes that are looked at

_UNPACK = "unpack it"
_NO_TEXT = "it holds no text to read"
_TABLE = "name it {0}, or give --input_format {1}"

# The extensions that no format and no compression have, of files that hold other files.
_TAR = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".taz", ".tlz")
_TAR_PACKED = (".tar.gz", ".tar.bz2", ".tar.zst", ".tar.xz", ".tar.lzma", ".tar.lz4", ".tar.z")
_ARCHIVES = {
    **dict.fromkeys((*_TAR, *_TAR_PACKED), "a tar archive"),
    ".zip": "a zip archive",
    ".7z": "a 7z archive",
    ".rar": "a rar archive",
}
_ARCHIVE_EXTENSIONS = tuple(_ARCHIVES)

# By their offset and bytes: what they are, and what to do.
_SIGNATURES = (
    (0, b"\x1f\x8b\x08", "gzip", ".gz"),
    (0, b"BZh", "bzip2", ".bz2"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard", ".zst"),
    (0, b"\x50\x2a\x4d\x18", "Zstandard", ".zst"),  # a skippable frame, with which pzstd begins
    (0, b"\xfd7zXZ\0", "xz", ".xz"),
    (0, b"\x5d\0\0", "lzma", ".lzma"),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"PK\x03\x04", "a zip archive (or what is one inside, as .docx and .xlsx are)", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", _NO_TEXT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "lz4", _UNPACK),
    (0, b"\x1f\x9d", "what compress made (.Z)", _UNPACK),
    (0, b"PAR1", "Parquet", _TABLE.format(".parquet", "parquet")),
    (0, b"Obj\x01", "Avro", _TABLE.format(".avro", "avro")),
    (0, b"ORC", "ORC", "convert it to Parquet"),
    (0, b"ARROW1\0\0", "Arrow", "convert it to Parquet"),
    (0, b"SQLite format 3\0", "an SQLite database", "export its table as csv"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of older Office", "convert it to text"),
    (0, b"%PDF-1.", "PDF", "convert it to text"),
    (0, b"%PDF-2.", "PDF", "convert it to text"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", _NO_TEXT),
    (0, b"\xff\xd8\xff", "a JPEG image", _NO_TEXT),
    (0, b"GIF87a", "a GIF image", _NO_TEXT),
    (0, b"GIF89a", "a GIF image", _NO_TEXT),
    (0, b"II*\0", "a TIFF image", _NO_TEXT),
    (0, b"MM\0*", "a TIFF image", _NO_TEXT),
    (0, b"RIFF", "an image, sound or film", _NO_TEXT),
    (0, b"OggS", "a sound or film", _NO_TEXT),
    (0, b"ID3", "a sound", _NO_TEXT),
    (4, b"ftyp", "a film", _NO_TEXT),
    (0, b"\x7fELF", "an executable", _NO_TEXT),
    (0, b"MZ", "an executable", _NO_TEXT),
    (0, b"\xcf\xfa\xed\xfe", "an executable", _NO_TEXT),
    (0, b"\xca\xfe\xba\xbe", "an executable", _NO_TEXT),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5", _NO_TEXT),
    (0, b"\x93NUMPY", "an array of NumPy", _NO_TEXT),
)
# Those of letters alone could begin a text; a control character is in none. PDF is clear, and may
# be all ASCII.
_LETTERS = re.compile(rb"[ -~]+")
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_CONTROL_SIGN = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CLEAR = b"%PDF"

_FEW = 50  # bytes for each NUL
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")


def archive_named(path: str) -> str | None:
    """What a file that holds other files is called in a sentence, by its name; None for others."""
    name = path.lower()
    if not name.endswith(_ARCHIVE_EXTENSIONS):  # once for each of 100,000 files
        return None
    return next(kind for extension, kind in _ARCHIVES.items() if name.endswith(extension))


def no_text(head: bytes, *, packed: bool = False, wide: str = "") -> str | None:
    """The beginning of a file in, what it is instead of text, and what to do, in a sentence out.

    packed: whether it came out of a compression. wide: the encoding that it is said to be in, if
    that has NUL bytes: in UTF-32 a `]` is what lzma begins with. None where it may be text.
    """
    if wide and (text := _decoded(head, wide)) and not _CONTROL_SIGN.search(text):
        return None
    for offset, signature, kind, advice in _SIGNATURES:
        if not head.startswith(signature, offset):
            continue
        is_clear = signature.startswith(_CLEAR) or not _LETTERS.fullmatch(signature)
        if is_clear or (not wide and not set(_CONTROLS).isdisjoint(head)):
            renamed = f"{_UNPACK} once more" if packed else f"call it {advice}"
            return f"The file is {kind}: {renamed if advice.startswith('.') else advice}."
    return None


def wide_text(head: bytes) -> str | None:
    """What text without a byte order mark looks like whose bytes are no text, in a sentence."""
    # The fastest of ways to count them: 3 us of 4 KiB.
    controls, nuls = len(head) - len(head.translate(None, _CONTROLS)), head.count(0)
    # Chinese has few of them in UTF-16, and is no UTF-8 then.
    is_odd = nuls > 1 and nuls * _FEW > len(head) and _decoded(head, "utf-8") is None
    if is_odd or full_of_controls(controls, len(head)):
        (_, letters), name = max((_blanks_as(name, head), name) for name in _WIDE)
        if letters:
            title = name.upper()
            return f"The file looks like {title} without a byte order mark: --encoding {name}."
    is_full = full_of_controls(nuls, len(head))
    return "The file is full of NUL characters: it is no text." if is_full else None


def full_of_controls(controls: int, size: int) -> bool:
    """Whether so many control characters are too many for a text: two, and a quarter of it."""
    return controls > 1 and controls * 4 >= size


def looks_wide(text: str) -> bool:
    """Whether a text with NUL characters is one that was written as UTF-16."""
    return text.count("\0") > 1 and full_of_controls(len(_CONTROL_SIGN.findall(text)), len(text))


def _blanks_as(name: str, head: bytes) -> tuple[int, int]:
    """How many blanks, and characters of ASCII, the bytes have in an encoding; 0 if not in it.

    In the other order of bytes, these are signs of rare scripts.
    """
    text = _decoded(head, name)
    if text is None or len(_CONTROL_SIGN.findall(text)) * 10 > len(text):
        return 0, 0
    return sum(map(text.count, " \t\r\n")), len(text.encode("ascii", "ignore"))


def _decoded(head: bytes, name: str) -> str | None:
    """The text that the bytes are in an encoding; their last character may be cut off."""
    try:
        return codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None
