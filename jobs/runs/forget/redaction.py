"""What stays of a run, without what it may quote of that which goes.

Rows go whole. What a run says in words beside them stays, and some of it may quote: the traceback
of a failed run its records, a warning the keys that they have, the dead letter of a whole file its
first row. Nobody can tell whose words these are, so each forgetting takes them out of all runs.
"""

import re

import pyarrow as pa

from jobs.runs.forget.selection import Selection, Sources
from pipeline.console.text import without_quotes
from pipeline.outputs.forgotten import FORGOTTEN, names_file
from schemas.manifest import Manifest

MESSAGE = ("record", "error", "message")  # the columns that `messages_left` needs
ERASED = "what it failed of was erased, since it may have quoted what was forgotten"

_LOST = "a worker process "  # the log of which may follow

_INSTEAD = "; ids were made of source and record|; it is null everywhere|"
# Sentences of ours that quote, or did so in older versions, and what is left of them.
_QUOTING = [
    (re.compile(pattern, re.DOTALL), left)
    for pattern, left in (
        (rf"(no record has the .*?); the (?:keys are|nearest key is) .*?({_INSTEAD})", r"\1\2"),
        (r"(.*?There is no column .*?)(?:, did you mean .*? The|; the) columns are .*", r"\1."),
        (r"(.*?The object holds no array of objects); its keys are .*", r"\1."),
        (r"(.*? a further array of objects with the field .*?'), .*(, and the first .*)", r"\1\2"),
        (r"(the job (?:could not be submitted|was lost sight of, it may go on)) \(.*", r"\1"),
    )
]
_NAMELESS = re.compile(r"(?:Record|RecordSize|Shard|MissingColumn|DoubledColumn|Unicode\w+)Error")


def redacted(manifest: Manifest, selection: Selection) -> Manifest:
    """The manifest without the names: its inputs, what was given as `--input`, what it tells."""
    left = manifest.copy()
    if "error" in manifest:
        left["error"] = _sentence(_first_of_ours(manifest["error"]), selection)
    if "warnings" in manifest:
        left["warnings"] = [_sentence(warning, selection) for warning in manifest["warnings"]]
    if not isinstance(selection, Sources):
        return left
    names = {*selection.names, *selection.paths}
    configuration = manifest["configuration"]
    given = [
        FORGOTTEN if any(names_file(path, source) for source in names) else path
        for path in configuration["input"]
    ]
    left["configuration"] = {**configuration, "input": given}
    if "unread" in manifest:
        left["unread"] = [
            entry
            for entry in manifest["unread"]
            if not {entry["path"], entry.get("detail")}.intersection(names)
        ]
        if not left["unread"]:
            del left["unread"]
    if "inputs" in manifest:
        entries = manifest["inputs"]
        left["inputs"] = [entry for entry in entries if entry["source"] not in selection.names]
    return left


def _first_of_ours(error: str) -> str:
    """Of a sentence with lines of others behind it the sentence, of a traceback nothing."""
    first, _, others = error.strip().partition("\n")
    return first if not others or first.startswith(_LOST) else ERASED


def _sentence(text: str, selection: Selection) -> str:
    return selection.without(_unquoted(text))


def messages_left(rows: pa.Table) -> pa.Table:
    """Dead letters in, the same out, those of whole files with messages that quote nothing."""
    if rows["record"].null_count == 0:
        return rows
    columns = (rows[name].to_pylist() for name in MESSAGE)
    messages = [
        message if record is not None else _message(error, message)
        for record, error, message in zip(*columns, strict=True)
    ]
    place = rows.schema.get_field_index("message")
    field = rows.schema.field(place)
    return rows.set_column(place, field, pa.array(messages, field.type))


def _message(error: str, message: str) -> str:
    plain = _unquoted(message)
    return plain if _NAMELESS.fullmatch(error) else without_quotes(plain)


def _unquoted(text: str) -> str:
    for pattern, left in _QUOTING:
        if match := pattern.fullmatch(text):
            return match.expand(left)
    return text
