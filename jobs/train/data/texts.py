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
from pipeline.console.text import listed
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
    try:
        sources, warnings = sources_of_files(patterns, read, None)
    except UsageError as error:
        raise UsageError(str(error).replace("--input ", "--unlabelled ", 1)) from error
    pool = _drawn(sources, segmentation, known, seed, MOST_SENTENCES)
    told = [each.replace("--input,", "--unlabelled,", 1) for each in (*warnings, *pool.warnings)]
    if not pool.passages:
        why = f": {told[0]}" if told else " but what is labelled, or has fewer than three words"
        raise UsageError(f"--unlabelled: there is no sentence to learn from in it{why}")
    return [passage.words for passage in pool.passages], told


def labels_of_runs(root: str, segmentation: Segmentation, seed: int) -> LabelledCorpus:
    """What the runs of an output found in sentences of their inputs, each a document of its own.

    Raises UsageError where it has no run that counts, or its inputs are not there any more.
    """
    try:
        output = find_output(root)
        sources = sources_of_runs(output, None)
        pool = _drawn(sources, segmentation, (), seed, MOST_OF_RUNS)
    except UsageError as error:
        raise UsageError(f"--silver {root}: {error}".replace("--output ", "")) from error
    written, found = _rows(output.root, pool.passages)
    passages = [each for each in pool.passages if (each.source, each.record) in written]
    if not passages:
        raise UsageError(f"--silver {root}: there is no sentence in its inputs")
    left_out = [
        run["run_id"]
        for run in output.manifests
        if output.counting[run["run_id"]] and run["configuration"].get("min_confidence")
    ]
    warnings = list(pool.warnings)
    if left_out:
        warnings.append(
            f"{listed(left_out)} left out entities below a --min_confidence, so that nothing is "
            f"learnt of tokens without one in {root}"
        )
    read = () if left_out else None
    return LabelledCorpus(
        root,
        "parquet",
        None,
        documents=tuple(_document(passage, found, read) for passage in passages),
        facts=("entities that runs found, with their confidence",),
        remarks=tuple(map(Remark, warnings)),
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
        # What a list says against the model, or of a label that it has not, is as its user says.
        sure = 1.0 if row["confidence"] is None else row["confidence"]
        found.setdefault(place, []).append((span, sure))
    return written, found


def _document(
    passage: Passage, found: dict[Place, list[Found]], read: tuple[()] | None
) -> LabelledDocument:
    """The entities that lie in a passage; one that lies in it in part makes its place unknown.

    read: as of `Certainty`.
    """
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
    sure = tuple(min(max(confidence, 0.0), 1.0) for _, confidence in inside)
    certainty = Certainty(sure, read=read)
    spans = tuple(span for span, _ in inside)
    return LabelledDocument(passage.doc_id, passage.text, spans, certainty=certainty)
