"""Where an output is published: what users name, and what the output remembers of it.

`_published.json` below an output has an id of the output, by which a table knows whose it is, and
the targets that it was published to: what changes an output publishes it there again.
"""

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypedDict

import msgspec

from pipeline.console.commands import called
from pipeline.filesystems.beam import filesystems, open_file, refusal
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import create_object, write_whole
from pipeline.outputs.catalog import output_root
from pipeline.outputs.layout import PUBLISHED
from pipeline.publication.delta import DeltaTarget
from pipeline.publication.iceberg import IcebergTarget
from pipeline.publication.table import Target
from schemas.errors import JobError, UsageError
from schemas.tables import DOCUMENTS, ENTITIES

_VERSION = 1
_NAME = r"[A-Za-z0-9_-]+"
_FIELD = r"[A-Za-z0-9_.-]+"
EXPECTED = "expected delta=FOLDER, iceberg=NAMESPACE or iceberg=CATALOG/NAMESPACE"


def target(text: str, root: str) -> Target:
    """What a user named, for the output at a root; raises UsageError for anything else."""
    named, comma, by = text.partition(",by=")
    kind, _, place = named.partition("=")
    if comma and not re.fullmatch(_FIELD, by):
        raise UsageError(f"{text!r} is no target, {EXPECTED}")
    if by in {*ENTITIES.names, *DOCUMENTS.names}:
        raise UsageError(f"{text}: {by} is a column of the tables, and no field of input")
    behind = f",by={by}" if by else ""
    if kind == "delta" and place:
        uri = output_root(place, f"{text}: the folder")
        if "," in uri:
            raise UsageError(
                f"{text!r} is no target, since only by=FIELD stands behind a comma, and the folder "
                f"would be {uri}"
            )
        return DeltaTarget(f"delta={uri}{behind}", root, uri, by or None)
    names = re.fullmatch(rf"(?:({_NAME})/)?({_NAME}(?:\.{_NAME})*)", place)
    if kind == "iceberg" and names:
        return IcebergTarget(text, root, names[1], names[2], by or None)
    raise UsageError(f"{text!r} is no target, {EXPECTED}")


@dataclass(frozen=True)
class Publications:
    """The id of an output, where it was when it was published, and the targets.

    Targets may be named by that place, and tables name files there: of an output that was moved or
    copied, they are no longer its own.
    """

    owner: str
    root: str
    targets: tuple[str, ...] = ()


class _Version(TypedDict):
    """What the file holds whatever its version is."""

    version: int


class _Told(TypedDict):
    """What the file holds."""

    owner: str
    root: str
    targets: list[str]


def read_publications(root: str) -> Publications | None:
    """What an output remembers; None where it was never published.

    Raises UsageError where that cannot be read.
    """
    path = f"{root}/{PUBLISHED}"
    try:
        if not filesystems().exists(path):
            return None
        try:
            told = _decoded(path)
        except msgspec.MsgspecError:  # an object may be replaced after its size was asked for
            told = _decoded(path)
    except UsageError:
        raise
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is no list of publications, it may be damaged") from error
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"{path} cannot be read: {refusal(error)}") from error
    return Publications(told["owner"], told["root"], tuple(told["targets"]))


def _decoded(path: str) -> _Told:
    with open_file(path) as stream:
        data = stream.read()
    if msgspec.json.decode(data, type=_Version)["version"] > _VERSION:
        raise UsageError(f"{path} is of a newer version of gleaner")
    return msgspec.json.decode(data, type=_Told)


def named_publications(root: str) -> Publications:
    """What an output remembers; one that was never published gets its id.

    Of two who are the first at once, one gives it.
    """
    while (known := read_publications(root)) is None:
        first = Publications(secrets.token_hex(16), root)
        if not is_remote(root):
            return _written(root, first)
        path = f"{root}/{PUBLISHED}"
        with _told(path):
            if create_object(path, _encoded(first)):
                return first
    return known


def remember(root: str, text: str) -> Publications:
    """What an output remembers with this target, which is written down where it is new.

    Raises UsageError where it cannot stand beside the others.
    """
    known = named_publications(root)
    if known.root != root:  # whoever names a target anew says where the output is now
        return _written(root, replace(known, root=root, targets=(text,)))
    if text in known.targets:
        return known
    require_compatible(root, known, [text])
    return _written(root, replace(known, targets=(*known.targets, text)))


def require_compatible(root: str, known: Publications | None, texts: Sequence[str]) -> None:
    """Raise UsageError where two targets, or one and a remembered one, differ in partition only."""
    remembered = known.targets if known and known.root == root else ()
    places: dict[str, str] = {}
    for text in (*remembered, *texts):
        other = places.setdefault(text.partition(",by=")[0], text)
        if other != text:
            stop = f"{called('jobs.publish')} --output {root} --stop {other}"
            raise UsageError(
                f"{other} and {text} are one place, whose tables have one partition: name one of "
                "them" + (f", or end the first with {stop}" if other in remembered else "")
            )


def forget_target(root: str, text: str) -> str:
    """Publish an output to this target no more; returns its name as it was remembered.

    Raises UsageError where it never was.
    """
    known = read_publications(root)
    remembered = known.targets if known else ()
    name = text if text in remembered else target(text, root).text
    if known is None or name not in remembered:
        others = f", but to {' '.join(remembered)}" if remembered else ""
        raise UsageError(f"{root} is not published to {name}{others}")
    _written(root, replace(known, targets=tuple(one for one in remembered if one != name)))
    return name


def remembered_names(root: str) -> Sequence[str]:
    """The targets that an output was published to, as users name them.

    Raises UsageError for an output that was somewhere else then.
    """
    known = read_publications(root)
    if known and known.targets and known.root != root:
        raise UsageError(
            f"{root} was {known.root} when it was published, and its tables may name files there: "
            f"say where it is published now, {called('jobs.publish')} --output {root} TARGET ..., "
            f"or remove {root}/{PUBLISHED} of a copy that is not to be published"
        )
    return known.targets if known else ()


def remembered_targets(root: str) -> Sequence[Target]:
    """The targets that an output was published to."""
    return [target(text, root) for text in remembered_names(root)]


def _written(root: str, known: Publications) -> Publications:
    path = f"{root}/{PUBLISHED}"
    with _told(path):
        write_whole(path, _encoded(known))
    return known


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Raise JobError where a disk or a store refuses what is written."""
    try:
        yield
    except OSError as error:
        raise JobError(f"{path} cannot be written: {error.strerror or refusal(error)}") from error


def _encoded(known: Publications) -> bytes:
    told = {
        "version": _VERSION,
        "owner": known.owner,
        "root": known.root,
        "targets": sorted(known.targets),
    }
    return json.dumps(told, indent=1).encode() + b"\n"
