"""Dead letters in, why they died out: by stage, error and message; and that in one sentence."""

from collections import Counter
from collections.abc import Iterable, Mapping
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


class Reason(NamedTuple):
    """Why records died: messages that differ in numbers or in quoted words are one reason."""

    stage: str
    error: str
    message: str
    is_shard: bool


@dataclass
class Reasons:
    """Dead letters counted by their reason; further: those whose rare reasons found no room."""

    counts: Counter[Reason] = field(default_factory=Counter)
    further: int = 0

    def ranked(self) -> list[tuple[Reason, int]]:
        """The most frequent first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def add(self, found: Mapping[Reason, int]) -> None:
        """Count more; where there are too many different ones, the rarer half is only counted."""
        self.counts.update(found)
        if len(self.counts) > _ROOM:
            for reason, count in self.ranked()[_ROOM // 2 :]:
                del self.counts[reason]
                self.further += count


COLUMNS = ("stage", "error", "message", "record")


def count_reasons(batches: Iterable[pa.RecordBatch]) -> Reasons:
    """The dead letters of a run, with `COLUMNS`, in; their reasons out."""
    reasons = Reasons()
    for batch in map(resolved, batches):
        message, is_shard = _alike(batch["message"]), batch["record"].is_null()
        columns = [batch["stage"], batch["error"], message, is_shard]
        rows = pa.table(columns, names=Reason._fields).group_by(Reason._fields)
        counts = rows.aggregate([([], "count_all")]).to_pylist()
        reasons.add({Reason(*reason): count for *reason, count in map(dict.values, counts)})
    return reasons


def _alike(messages: pa.Array) -> pa.Array:
    """Messages without what tells one record from another."""
    short = pc.utf8_slice_codeunits(messages, 0, _MESSAGE + 1)
    field, rest = pc.extract_regex(short, _FIELD).flatten()
    unquoted = pc.replace_substring_regex(rest, r"'[^']*'", "'…'")
    unnumbered = pc.replace_substring_regex(unquoted, r"[0-9][0-9,.]*[0-9]|[0-9]", "N")
    without = pc.binary_join_element_wise(field, unnumbered, "")
    is_long = pc.greater(pc.utf8_length(without), _MESSAGE)
    cut = pc.utf8_slice_codeunits(without, 0, _MESSAGE)
    return pc.if_else(is_long, pc.binary_join_element_wise(cut, "…", ""), without)


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
