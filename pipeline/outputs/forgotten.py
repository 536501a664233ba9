"""What `jobs.runs forget` erased, as salted hashes: what comes back in an input is withheld.

`forgotten.json` below an output holds a salt of its own and a hash for each id, source, id within a
source, and place of a record that had one of these ids. None of them can be read from it; whoever
has it can only try whether a name that he knows is among them.
"""

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import msgspec

from model.host.durable_files import sync_path
from pipeline.filesystems.beam import filesystems, open_file, refusal
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.upload import write_whole
from pipeline.inputs.encodings import UTF8, codecs_of
from schemas.errors import JobError, UsageError
from schemas.manifest import Aside
from schemas.records import DeadLetter, Document

FORGOTTEN = "(forgotten)"  # stands where a name was

_FILE = "forgotten.json"
_VERSION = 1
_SALT_BYTES = 32
_HASH_BYTES = 16
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+", re.ASCII)

# doc_id: everywhere; pair: source and doc_id; record: source and number, where no id can be read.
Kind = Literal["doc_id", "source", "pair", "record"]


@dataclass(frozen=True)
class ForgottenNames:
    """Names that can be recognized and not told."""

    salt: bytes
    hashes: frozenset[str] = frozenset()

    def has(self, kind: Kind, *names: str) -> bool:
        """Whether this name was forgotten."""
        return self._hash(kind, names) in self.hashes

    def with_names(self, kind: Kind, names: Iterable[tuple[str, ...]]) -> "ForgottenNames":
        """These and more; of an id its usual spelling too."""
        more = {each for given in names for each in (given, _in_usual_spelling(kind, given))}
        return replace(self, hashes=self.hashes.union(self._hash(kind, each) for each in more))

    def withholds(self, record: Document | DeadLetter, encoding: str = UTF8.name) -> bool:
        """Whether a record is not to be written. One without an id may have it in its bytes."""
        source, doc_id = record.source, record.doc_id
        if self.has("source", source):
            return True
        made = f"{source}#{record.record}"
        if doc_id is not None and (isinstance(record, Document) or doc_id != made):
            return self._has_id(source, doc_id)
        if isinstance(record, Document) or record.record is None:
            return False
        raw, values = record.raw or b"", {made}
        for codec in {UTF8.name, *codecs_of(encoding)}:
            values.update(_values(raw.decode(codec, "replace")))
        return self.has("record", source, str(record.record)) or any(
            self._has_id(source, value) for value in values
        )

    def _has_id(self, source: str, doc_id: str) -> bool:
        return any(
            self.has("doc_id", spelling) or self.has("pair", source, spelling)
            for spelling in {doc_id, usual_spelling(doc_id)}
        )

    def _hash(self, kind: Kind, names: Collection[str]) -> str:
        # With their lengths, no two lists of names are one.
        parts = [kind, *(f"{len(name)}:{name}" for name in names)]
        data = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self.salt, digest_size=_HASH_BYTES).hexdigest()


def usual_spelling(doc_id: str) -> str:
    """An id as most would write it, whichever format it comes from.

    In Unicode's form NFC, without blanks around it, and a whole number without the `.0` that pandas
    writes beside gaps and decimals have. Case and leading zeros tell ids apart.
    """
    spelling = unicodedata.normalize("NFC", doc_id.strip())
    number = _WHOLE_NUMBER.fullmatch(spelling)
    return number[1] if number else spelling or doc_id


def _in_usual_spelling(kind: Kind, names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names[:-1], usual_spelling(names[-1])) if kind in ("doc_id", "pair") else names


def forgotten_path(root: str) -> str:
    """Where an output keeps them."""
    return f"{root}/{_FILE}"


class _Told(TypedDict):
    """What the file holds."""

    version: int
    salt: str
    hashes: list[str]


def read_forgotten(root: str) -> ForgottenNames | None:
    """What was forgotten of an output; None where nothing was.

    Raises UsageError where that cannot be read: without it, erased rows would come back.
    """
    path = forgotten_path(root)
    try:
        if not filesystems().exists(path):
            return None
        with open_file(path) as stream:
            data = stream.read()
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"{path} cannot be read: {refusal(error)}") from error
    try:
        told = msgspec.json.decode(data, type=_Told)
        names = ForgottenNames(bytes.fromhex(told["salt"]), frozenset(told["hashes"]))
        is_known = told["version"] == _VERSION and len(names.salt) == _SALT_BYTES
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no list of what was forgotten, it may be damaged") from error
    if not is_known:
        raise UsageError(f"{path} is of another version of gleaner, or damaged")
    return names


def new_names() -> ForgottenNames:
    """A list without a name, with a salt that no other has."""
    return ForgottenNames(secrets.token_bytes(_SALT_BYTES))


def write_forgotten(root: str, names: ForgottenNames) -> None:
    """Write the list, whole or not at all and for good, in the place of the one that is there."""
    told = {"version": _VERSION, "salt": names.salt.hex(), "hashes": sorted(names.hashes)}
    write_whole(forgotten_path(root), json.dumps(told).encode() + b"\n")
    if not is_remote(root):
        sync_path(root)


def withholding(
    root: str, linked: Collection[str] = (), encoding: str = UTF8.name
) -> Callable[[Document | DeadLetter], Aside | None]:
    """What says of a record that was read whether it is withheld.

    linked: sources that were forgotten under other names; encoding: of the input.
    Raises JobError where the list is gone, or out of a worker's reach: erased rows would come back.
    """
    names = read_forgotten(root)
    if names is None:
        raise JobError(f"{forgotten_path(root)} was there when the run began, and is gone")

    def why_aside(record: Document | DeadLetter) -> Aside | None:
        is_withheld = record.source in linked or names.withholds(record, encoding)
        return "withheld" if is_withheld else None

    return why_aside


def names_file(given: str, source: str) -> bool:
    """Whether `--input` named this file itself; a relative path counts from where it was given."""
    path = local_path(given)
    if path == source:
        return True
    if path.startswith("/") or "://" in path:
        return False
    return source.endswith("/" + re.sub(r"^(\.{0,2}/)+", "", path))


def _values(text: str) -> Iterator[str]:
    """Whole values in a record of JSON or CSV, in quotes or between separators."""
    for match in re.finditer(r'"((?:[^"\\]|\\.|"")*)"', text, re.DOTALL):
        quoted = match[1]
        yield quoted.replace('""', '"')
        if "\\" in quoted:
            try:
                yield json.loads(f'"{quoted}"', strict=False)
            except ValueError:
                continue
    numbers = [match[1] for match in re.finditer(r":\s*([^\s,}]+)", text)]
    lines = re.split(r"[\r\n]+", text)
    for bare in (*numbers, *(v for line in lines for sep in ",;\t" for v in line.split(sep))):
        yield bare.strip()
        yield re.sub(r"\.0+$", "", bare.strip())  # pandas writes 7 as 7.0 beside gaps
