"""Labelled files: `read_labelled` reads any of the known formats, `split_sentences` splits them."""

from model.corpora.read import read_labelled
from model.corpora.records import (
    CorpusFormat,
    LabelledCorpus,
    LabelledDocument,
    LabelledSentence,
    Offsets,
)
from model.corpora.split import fold_numbers, split_documents, split_sentences

__all__ = [
    "CorpusFormat",
    "LabelledCorpus",
    "LabelledDocument",
    "LabelledSentence",
    "Offsets",
    "fold_numbers",
    "read_labelled",
    "split_documents",
    "split_sentences",
]
