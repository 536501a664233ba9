"""Entities against the texts of their documents: kept ones, or read again from the input."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jobs.runs.outputs import Output
from jobs.runs.verify.counts import Key, values
from jobs.runs.verify.findings import Checked
from pipeline.inputs.files import current_fingerprint
from pipeline.inputs.formats import ReadConfig, read_records
from pipeline.inputs.shards import format_read_as, open_shard
from pipeline.outputs.current import committed_runs
from pipeline.outputs.layout import table_files
from pipeline.outputs.table_reader import read_batches
from schemas.manifest import InputEntry, Manifest
from schemas.records import Document, Repair, Shard

# Characters that are held at once. Each time it is full, the entities are gone through once more.
CHARACTERS = 64_000_000

_SUSPECTS = 1000
_SHOWN = 5


class Text(NamedTuple):
    """The text of a document."""

    key: Key
    text: str


class Misplaced(NamedTuple):
    """An entity that does not stand where it says."""

    key: Key
    start: int
    end: int
    text: str


def text_problems(
    output: Output, manifest: Manifest, files: Mapping[str, Sequence[str]], checked: Checked
) -> Iterator[str]:
    """Where an entity's text is not the one at its offsets, in those texts that are at hand.

    Where documents of a source share an id, the text of one of them must fit.
    """
    suspects: set[Key] = set()
    for texts in _portions(_texts(output, manifest, files), CHARACTERS):
        for entity in _misplaced(files["entities"], texts, checked):
            if len(suspects) < _SUSPECTS:
                suspects.add(entity.key)
    if not suspects:
        return
    # Once more, with all the texts of an id together.
    again = (text for text in _texts(output, manifest, files) if text.key in suspects)
    misplaced = [
        entity
        for texts in _portions(again, sys.maxsize)
        for entity in _misplaced(files["entities"], texts, Checked())
    ]
    for (source, doc_id), start, end, text in misplaced[:_SHOWN]:
        yield f"{source}: document {doc_id!r} does not have {text!r} at {start} to {end}"
    if len(misplaced) > _SHOWN:
        more = "at least " if len(suspects) == _SUSPECTS else ""
        yield f"and {more}{len(misplaced) - _SHOWN:,} more entities do not stand where they say"


def _misplaced(
    paths: Iterable[str], texts: Mapping[Key, Sequence[str]], checked: Checked
) -> Iterator[Misplaced]:
    """The entities of these documents that none of the texts has at their offsets."""
    sources = frozenset(source for source, _ in texts)
    columns = ["source", "doc_id", "start_char", "end_char", "text"]
    for path in paths:
        for rows in read_batches(path, columns, sources):
            named = (values(rows.column(name)) for name in columns)
            for source, doc_id, start, end, text in zip(*named, strict=True):
                whole = texts.get((source, doc_id))
                if whole is None:
                    continue
                checked.texts += 1
                if whole[0][start:end] != text and all(w[start:end] != text for w in whole):
                    yield Misplaced((source, doc_id), start, end, text)


def _portions(texts: Iterable[Text], characters: int) -> Iterator[Mapping[Key, Sequence[str]]]:
    """The texts by document, so many characters at once."""
    portion: dict[Key, list[str]] = {}
    size = 0
    for key, text in texts:
        portion.setdefault(key, []).append(text)
        size += len(text)
        if size >= characters:
            yield portion
            portion, size = {}, 0
    if portion:
        yield portion


def _texts(
    output: Output, manifest: Manifest, files: Mapping[str, Sequence[str]]
) -> Iterator[Text]:
    """The texts at hand of the run's documents: from what was read, else those that were kept."""
    gone = set()
    for entry in manifest["inputs"]:
        read = _letters_read if entry.get("repairs") else _input_read
        shards = read(output, manifest, entry)
        if shards is None:
            gone.add(entry["source"])
        else:
            yield from shards
    for path in files["documents"] if gone else ():
        for rows in read_batches(path, ["source", "doc_id", "text"], gone):
            named = (rows.column(name).to_pylist() for name in ("source", "doc_id", "text"))
            for source, doc_id, text in zip(*named, strict=True):
                if text is not None and source in gone:
                    yield Text((source, doc_id), text)


def _input_read(_: Output, manifest: Manifest, entry: InputEntry) -> Iterator[Text] | None:
    """The documents of an input as the run read them; None where it is not what it was then."""
    source, fingerprint = entry["source"], entry["fingerprint"]
    try:
        if current_fingerprint(source) != fingerprint:
            return None
    except Exception:  # noqa: BLE001 - each filesystem raises errors of its own
        return None
    name = format_read_as(source, manifest["configuration"]["input_format"])
    return _documents([Shard(source, name, 0, None, 0, fingerprint)], manifest, {})


def _letters_read(output: Output, manifest: Manifest, entry: InputEntry) -> Iterator[Text] | None:
    """What a run that repairs a source read of it; None where these dead letters are gone."""
    source, repaired = entry["source"], entry["repairs"]
    holder = None
    for run in committed_runs(output.manifests):
        if run["run_id"] == manifest["run_id"]:
            break
        for other in run["inputs"]:
            if other["source"] == source and repaired in (run["run_id"], other.get("repairs")):
                holder = run
    first = output.by_id.get(repaired)
    if holder is None or first is None:
        return None
    name = format_read_as(source, first["configuration"]["input_format"])
    repairs = {source: Repair(repaired, holder["run_id"], name, ())}
    paths = table_files(output.root, holder, "dead_letters")
    shards = [Shard(path, "dead_letters", 0, None, 0, "") for path in paths]
    return _documents(shards, manifest, repairs)


def _documents(
    shards: Sequence[Shard], manifest: Manifest, repairs: Mapping[str, Repair]
) -> Iterator[Text]:
    """What can be read of the shards; that one breaks off, the run itself has noted."""
    settings: Mapping[str, Any] = manifest["configuration"]
    # Older runs, which do not know of them, read as their defaults are.
    since = ("encoding", "csv_delimiter", "csv_escape", "max_window_mb")
    known = {name: settings[name] for name in since if name in settings}
    config = ReadConfig(
        shards[0].format,
        settings["id_field"],
        settings["text_field"],
        repairs=repairs,
        **known,
    )
    for shard in shards:
        # Filesystems and parsers raise what they like.
        with (
            contextlib.suppress(Exception),
            open_shard(shard.source, config.max_window_mb) as stream,
        ):
            for record in read_records(stream, shard, config):
                if isinstance(record, Document):
                    yield Text((record.source, record.doc_id), record.text)
