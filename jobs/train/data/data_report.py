"""A data report as text for a terminal."""

from collections.abc import Mapping, Sequence

from jobs.evaluate.terminal import remark_lines
from jobs.train.data.findings import warnings_of
from model.corpora.faults import KINDS, BrokenCorpusError
from model.corpora.records import CorpusFormat, Remark
from model.corpora.statistics import DataReport, PartReport
from model.text.escaping import harmless
from model.text.segmentation import TokenStyle
from pipeline.console.text import aligned, counted
from schemas.errors import CorpusError

LABELS_SHOWN = 40

_FORMATS: Mapping[CorpusFormat, str] = {
    "kaggle": "Kaggle CSV",
    "conll": "CoNLL",
    "iob2": "CoNLL-U .iob2",
    "jsonl": "JSONL",
    "json": "JSON",
    "label_studio": "Label Studio",
    "spacy": "spaCy's JSON",
    "parquet": "Parquet",
}
_ENCODINGS = {"cp1252": "latin-1 or cp1252"}

_TOKENS: dict[TokenStyle, str] = {
    "fine": "cut at every punctuation mark",
    "whole": "whole words (U.S. stays one token)",
}

_NO_SHARE = " " * 8  # shares stand in a column of their own
Row = tuple[str, Sequence[str]]


def format_report(report: DataReport, listed: int) -> str:
    """The files, a table with a column a part, and the warnings; no final newline.

    listed: how many of the places that a warning speaks of are named.
    """
    tokens = ": ".join(filter(None, tokens_in_words(report)))
    lines = ["data", *_files(report), f"  tokens: {tokens}", "", *_table(report)]
    warnings = warnings_of(report)
    if warnings:
        lines += ["", "warnings", *remark_lines(warnings, listed)]
    return "\n".join(lines)


def format_mistakes(errors: Sequence[CorpusError], listed: int) -> str:
    """What keeps labelled files from being read, the gravest first in each; no final newline."""
    remarks = []
    for error in errors:
        if not isinstance(error, BrokenCorpusError):
            remarks.append(Remark(harmless(str(error))))
            continue
        path = harmless(error.path)
        for kind, faults in error.by_kind():
            places = (f"{path}:{fault.line}: {harmless(fault.reason)}" for fault in faults)
            remarks.append(Remark(f"{path}: {len(faults):,} {KINDS[kind]}", tuple(places)))
    return "\n".join(["mistakes", *remark_lines(remarks, listed)])


def tokens_in_words(report: DataReport) -> tuple[str, str]:
    """How text is cut, and why so where nobody asked for it."""
    characters = ", and scripts without blanks into characters" if report.characters else ""
    return _TOKENS[report.tokens] + characters, report.why_tokens


def _files(report: DataReport) -> list[str]:
    origins = [harmless(part.origin) for part in report.parts]
    width = max(map(len, origins))
    return [
        f"  {part.name:<5}  {origin:<{width}}  {_written(part)}".rstrip()
        for part, origin in zip(report.parts, origins, strict=True)
    ]


def _written(part: PartReport) -> str:
    source = part.source
    if source is None:
        return ""
    facts = [_FORMATS[source.format], _ENCODINGS.get(source.encoding, source.encoding)]
    if source.scheme:
        facts.insert(1, source.scheme)
    if source.documents:
        facts.append(counted(source.documents, "document"))
    facts += source.facts
    return ", ".join(facts)


def _table(report: DataReport) -> list[str]:
    parts = report.parts
    rows: list[Row] = [
        ("", [f"{part.name}{_NO_SHARE}" for part in parts]),
        ("sentences", [_cell(part.sentences) for part in parts]),
        ("  repeated", [_cell(part.repeated, part.sentences) for part in parts]),
        ("  in train too", [_cell(part.in_train, part.sentences) for part in parts]),
        ("tokens", [_cell(part.tokens) for part in parts]),
        ("  unknown to train", [_cell(part.unknown_tokens, part.tokens) for part in parts]),
        ("tokens a sentence: half up to", [_cell(part.lengths.median) for part in parts]),
        ("  90% up to", [_cell(part.lengths.percentile_90) for part in parts]),
        ("  99% up to", [_cell(part.lengths.percentile_99) for part in parts]),
        ("  all up to", [_cell(part.lengths.longest) for part in parts]),
    ]
    wholes = [sum(part.entities.values()) for part in parts]
    rows.append(("entities", list(map(_cell, wholes))))
    labels = list(dict.fromkeys(label for part in parts for label in part.entities))
    for label in labels[:LABELS_SHOWN]:
        counts = [part.entities.get(label, 0) for part in parts]
        rows.append((f"  {harmless(label)}", list(map(_cell, counts, wholes))))
    if len(labels) > LABELS_SHOWN:
        rows.append((f"  and {len(labels) - LABELS_SHOWN:,} labels more", [""] * len(parts)))
    return [f"  {line}" for line in aligned([(name, *cells) for name, cells in rows])]


def _cell(count: int | None, whole: int | None = None) -> str:
    """A count, or a dash where it has no meaning, and its share of the whole if given."""
    if count is None:
        return f"-{_NO_SHARE}"
    return f"{count:,}" + (f"{count / whole:>8.1%}" if whole else _NO_SHARE)
