"""Text beside what is labelled: without labels, or with those that an earlier run found."""

from collections.abc import Collection, Iterable, Sequence

import pyarrow.compute as pc

from jobs.label.inputs import Source, sources_of_files, sources_of_runs
from jobs.label.passages import Passage
from jobs.label.pool import Pool, draw
from jobs.runs.outputs import find_output
from model.corpora import LabelledCorpus, LabelledDocument
from model.corpora.records import Certainty, Remark
from model.tags import Span
from model.text.segmentation import Segmentation
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.current import read_table
from schemas.errors import UsageError

MOST_SENTENCES = 5_000  # of text without labels; with 15,000 of newswire it was no better
MOST_OF_RUNS = 20_000

_COLUMNS = ("source", "record", "doc_id", "start_char", "end_char", "label", "confidence")
Found = tuple[Span, float]
Place = tuple[str, int | str | None]


def unlabelled_text(
    patterns: Sequence[str],
    read: ReadConfig,
    segmentation: Segmentation,
    known: Collection[str],
    seed: int,
) -> tuple[list[Sequence[str]], Sequence[str]]:
    """Sentences of files, at most so many as are learnt from, and what is odd about the files.

    known: texts that are labelled, squeezed; they are left out. Raises UsageError where none is
    left.
    """
    sources, warnings = sources_of_files(patterns, read, None)
    pool = _drawn(sources, segmentation, known, seed, MOST_SENTENCES)
    if not pool.passages:
        raise UsageError("--unlabelled: there is no sentence in it but what is labelled")
    return [passage.words for passage in pool.passages], (*warnings, *pool.warnings)


def labels_of_runs(root: str, segmentation: Segmentation, seed: int) -> LabelledCorpus:
    """What the runs of an output found in sentences of their inputs, each a document of its own.

    Raises UsageError where it has no run that counts, or its inputs are not there any more.
    """
    try:
        output = find_output(root)
    except UsageError as error:
        raise UsageError(str(error).replace("--output", "--silver", 1)) from error
    pool = _drawn(sources_of_runs(output, None), segmentation, (), seed, MOST_OF_RUNS)
    written, found = _rows(output.root, pool.passages)
    passages = [each for each in pool.passages if (each.source, each.record) in written]
    if not passages:
        raise UsageError(f"--silver {root}: there is no sentence in its inputs")
    return LabelledCorpus(
        root,
        "parquet",
        None,
        documents=tuple(_document(passage, found) for passage in passages),
        facts=("entities that runs found, with their confidence",),
        remarks=tuple(map(Remark, pool.warnings)),
    )


def _drawn(
    sources: Sequence[Source],
    segmentation: Segmentation,
    known: Collection[str],
    seed: int,
    size: int,
) -> Pool:
    return draw(
        sources,
        segmentation,
        unit="sentence",
        size=size,
        seed=seed,
        labelled=known,
        changed=False,
    )


def _rows(root: str, passages: Iterable[Passage]) -> tuple[set[Place], dict[Place, list[Found]]]:
    """The documents that runs wrote of those of passages, and their entities.

    By source and record; entities of older versions, which have none, by source and id.
    """
    where = pc.field("doc_id").isin(list({passage.doc_id for passage in passages}))
    documents = read_table(root, "documents", ("source", "record"), where)
    written = {(row["source"], row["record"]) for row in documents.to_pylist()}
    found: dict[Place, list[Found]] = {}
    for row in read_table(root, "entities", _COLUMNS, where).to_pylist():
        record = row.get("record")
        place = (row["source"], row["doc_id"] if record is None else record)
        span = Span(row["start_char"], row["end_char"], row["label"])
        found.setdefault(place, []).append((span, row["confidence"]))
    return written, found


def _document(passage: Passage, found: dict[Place, list[Found]]) -> LabelledDocument:
    """The entities that lie in a passage; one that lies in it in part makes its place unknown."""
    start, end = passage.start, passage.start + len(passage.text)
    keys = ((passage.source, passage.record), (passage.source, passage.doc_id))
    all_found = next((found[key] for key in keys if key in found), [])
    inside = []
    for span, confidence in all_found:
        if span.start < end and span.end > start:
            whole = start <= span.start and span.end <= end
            cut = Span(max(span.start, start) - start, min(span.end, end) - start, span.label)
            inside.append((cut, confidence if whole else 0.0))
    inside.sort()
    certainty = Certainty(tuple(min(max(confidence, 0.0), 1.0) for _, confidence in inside))
    spans = tuple(span for span, _ in inside)
    return LabelledDocument(passage.doc_id, passage.text, spans, certainty=certainty)
