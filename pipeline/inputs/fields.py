"""Fields that were asked for and that no record has, and what the records have instead."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.console.arguments import nearest
from pipeline.console.text import listed
from schemas.records import ShardResult

MOST_KEYS = 50  # of a shard, that are remembered
_KEY_CHARACTERS = 100  # longer ones are not


class FieldsSeen:
    """Which of some fields the records of a shard were seen to have.

    missing: those that none had yet; once each was seen, nothing is looked at any more. keys: what
    records have that lack one, those of objects within with dots where a sought name has one.
    is_known: whether a record, or the columns of a table, were looked at.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.missing = frozenset(names)
        self._within = any("." in name for name in self.missing)
        self.keys: dict[str, None] = {}
        self.is_known = False

    def look(self, record: Mapping[str, object]) -> None:
        """Look for the missing fields in a record."""
        self.is_known = True
        self.missing = frozenset(name for name in self.missing if not _has(record, name))
        if self.missing and len(self.keys) < MOST_KEYS:
            self._note(_keys(record, within=self._within))

    def look_at_columns(self, columns: Iterable[str], missing: Iterable[str]) -> None:
        """Take note of the columns that a table has, and of the fields that it lacks."""
        self.is_known = True
        self.missing &= frozenset(missing)
        if self.missing:
            self._note(columns)

    def _note(self, keys: Iterable[str]) -> None:
        for key in keys:
            if len(self.keys) == MOST_KEYS:
                return
            if len(key) <= _KEY_CHARACTERS:
                self.keys[key] = None


def _has(record: Mapping[str, object], path: str) -> bool:
    """Whether a dotted path leads to something, which may be null."""
    if path in record:
        return True
    value: object = record
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def _keys(record: Mapping[str, object], *, within: bool) -> Iterable[str]:
    for key, value in record.items():
        yield key
        if within and isinstance(value, Mapping):
            yield from (f"{key}.{inner}" for inner in value)


def absent_in_words(
    id_field: str, keep_fields: Sequence[str], shards: Sequence[ShardResult]
) -> list[str]:
    """What was read in; a sentence for each of these fields that no record at all had out."""
    absent, keys = _absent(shards)
    told = []
    for name in (id_field, *keep_fields):
        if name in absent:
            flag, instead = "--keep_fields", "it is null everywhere"
            if name == id_field and name not in keep_fields:
                flag, instead = "--id_field", "ids were made of source and record"
            told.append(
                f"no record has the field {name!r} of {flag}{_instead(name, keys)}; {instead}"
            )
    return told


def textless_in_words(text_field: str, shards: Sequence[ShardResult]) -> str | None:
    """What was read in; where no record had the text, that in words; else None."""
    absent, keys = _absent(shards)
    if text_field not in absent:
        return None
    return f"no record has the text field {text_field!r}{_instead(text_field, keys)}"


def _absent(shards: Sequence[ShardResult]) -> tuple[frozenset[str], Sequence[str]]:
    """The fields that were in no shard of which that is known, and the keys there are."""
    known = [shard for shard in shards if shard.absent is not None]
    if not known:
        return frozenset(), ()
    absent = frozenset.intersection(*(frozenset(shard.absent or ()) for shard in known))
    return absent, sorted({key for shard in known for key in shard.keys})


def _instead(name: str, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    shown = [repr(key)[1:-1] for key in keys]
    near = nearest(name, keys)
    if near:
        return f"; the nearest key is {near!r}"
    return f"; the keys are {listed(shown)}"
