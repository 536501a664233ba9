"""Dead letters in, why they died out: by stage, error and message; and that in one sentence."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from model.text.escaping import harmless, shortened
from pipeline.console.text import counted
from pipeline.outputs.table_reader import resolved
from pipeline.report.tables import MOST_ROWS, RunTables
from schemas.manifest import Manifest

_ROOM = 10_000
_MESSAGE = 200  # code points
_SHOWN_KIND, _SHOWN_MESSAGE = 40, 120  # characters, in the sentence that ends a run
# A field is named by a flag, the same for all records: its name stays readable.
_FIELD = r"(?s)^(?P<field>The (?:text|id) field '[^']*'|)(?P<rest>.*)$"


# A figure that belongs to a word is part of a name, which is no count: UTF-8, 0xfc, U+D83D, int96.
_COUNT = r"(^|[^\w+-])-?[0-9]+(?:[-.,:/][0-9]+)*\b"


class Reason(NamedTuple):
    """Why records died: messages that differ in numbers or in quoted words are one reason."""

    stage: str
    error: str
    message: str
    is_shard: bool


@dataclass
class Reasons:
    """Dead letters counted by their reason; further: those whose rare reasons found no room.

    numbered: of each reason the message with its numbers, None where these differ.
    """

    counts: Counter[Reason] = field(default_factory=Counter)
    numbered: dict[Reason, str | None] = field(default_factory=dict)
    further: int = 0

    def ranked(self) -> list[tuple[Reason, int]]:
        """The most frequent first, with the numbers that all messages of a reason have."""
        return [
            (reason._replace(message=self.numbered[reason] or reason.message), count)
            for reason, count in self._sorted()
        ]

    def _sorted(self) -> list[tuple[Reason, int]]:
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def add(self, reason: Reason, count: int, numbered: str | None) -> None:
        """Count more of one reason."""
        self.counts[reason] += count
        if self.numbered.setdefault(reason, numbered) != numbered:
            self.numbered[reason] = None

    def make_room(self) -> None:
        """Where there are too many different ones, only count the rarer half."""
        if len(self.counts) > _ROOM:
            for reason, count in self._sorted()[_ROOM // 2 :]:
                del self.counts[reason], self.numbered[reason]
                self.further += count


COLUMNS = ("stage", "error", "message", "record")


def count_reasons(batches: Iterable[pa.RecordBatch]) -> Reasons:
    """The dead letters of a run, with `COLUMNS`, in; their reasons out."""
    reasons = Reasons()
    for batch in map(resolved, batches):
        numbered, is_shard = _unquoted(batch["message"]), batch["record"].is_null()
        message = _cut(_unnumbered(numbered))
        columns = [batch["stage"], batch["error"], message, is_shard, _cut(numbered)]
        rows = pa.table(columns, names=(*Reason._fields, "numbered")).group_by(Reason._fields)
        sums = rows.aggregate([([], "count_all"), ("numbered", "min"), ("numbered", "max")])
        for row in sums.to_pylist():
            reason = Reason(*(row[name] for name in Reason._fields))
            same = row["numbered_min"] == row["numbered_max"]
            reasons.add(reason, row["count_all"], row["numbered_min"] if same else None)
        reasons.make_room()
    return reasons


def _unquoted(messages: pa.Array) -> pa.Array:
    """The beginning of messages without what they quote, but for the names of fields."""
    short = pc.utf8_slice_codeunits(messages, 0, _MESSAGE + 1)
    field, rest = pc.extract_regex(short, _FIELD).flatten()
    unnamed = pc.replace_substring_regex(rest, r"\w+://[^\s]+", "…")
    unquoted = pc.replace_substring_regex(unnamed, r"'[^']*'", "'…'")
    return pc.binary_join_element_wise(field, unquoted, "")


def _unnumbered(messages: pa.Array) -> pa.Array:
    """Messages without their numbers, but for those in the names of fields."""
    field, rest = pc.extract_regex(messages, _FIELD).flatten()
    unnumbered = pc.replace_substring_regex(rest, _COUNT, r"\1N")
    return pc.binary_join_element_wise(field, unnumbered, "")


def _cut(messages: pa.Array) -> pa.Array:
    is_long = pc.greater(pc.utf8_length(messages), _MESSAGE)
    cut = pc.utf8_slice_codeunits(messages, 0, _MESSAGE)
    return pc.if_else(is_long, pc.binary_join_element_wise(cut, "…", ""), messages)


def refusal_in_words(
    root: str,
    manifest: Manifest,
    place: str,
    died: Literal["records", "files"] | None = "records",
    most_rows: int = MOST_ROWS,
) -> str:
    """What ended a run of which the dead letters alone are kept; `place` is where to see more.

    died: whose most frequent cause is told. They are counted as the report counts them, so what the
    report masks is masked here.
    """
    cause = _most_frequent(RunTables(root, manifest, most_rows), died) if died else ""
    why = f". The most frequent cause {cause};" if cause else ","
    return f"{manifest['error']}; no other rows were written{why} see {place}"


def _most_frequent(tables: RunTables, died: Literal["records", "files"]) -> str:
    """What most records, or files, died of; nothing where the dead letters cannot be read."""
    try:
        reasons = count_reasons(tables.batches("dead_letters", COLUMNS))
    except Exception:  # noqa: BLE001 - of a store, any; the run has failed for a better reason
        return ""
    # What a whole file died of is no record's, and such dead letters are not in the share.
    is_shard = died == "files"
    alike = [(why, count) for why, count in reasons.ranked() if why.is_shard == is_shard]
    if not alike:
        return ""
    why, count = alike[0]
    some = "at least " if reasons.further or tables.left_out("dead_letters") else ""
    message = _brief(why.message, _SHOWN_MESSAGE).rstrip(".")
    return f"({some}{counted(count, 'time')}) is {_brief(why.error, _SHOWN_KIND)}: {message}"


def _brief(text: str, most: int) -> str:
    """Text of others on one line, its end cut off where it is long."""
    return shortened(harmless(" ".join(text.split())), most)
