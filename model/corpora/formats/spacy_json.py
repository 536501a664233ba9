"""spaCy's JSON of versions below 3: documents of paragraphs of sentences of tokens with tags."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from model.corpora.faults import Fault
from model.corpora.formats.documents import proper_text
from model.corpora.formats.json_records import FaultError, Record, kind_of
from model.corpora.records import LabelledCorpus, LabelledWord, Remark
from model.tags import OUTSIDE
from model.text.escaping import harmless

_UNKNOWN = "-"


def is_spacy(value: object) -> bool:
    """Whether a record is a document in this format."""
    return isinstance(value, dict) and isinstance(value.get("paragraphs"), list)


def read_spacy(path: str, records: Sequence[Record], faults: Sequence[Fault]) -> LabelledCorpus:
    """The sentences of `{"paragraphs": [{"sentences": [{"tokens": [{"orth", "ner"}]}]}]}`.

    Tags are BILUO. Tokens that are blank and no part of an entity are left out, as are sentences
    with a tag `-` or none, which spaCy writes where it does not know. Raises BrokenCorpusError with
    all at fault.
    """
    rows: list[LabelledWord | Fault] = list(faults)
    unknown: list[str] = []
    numbers = count()
    for record in records:
        try:
            for words in _sentences(record):
                if any(tag == _UNKNOWN for _, tag in words):
                    place = f"{harmless(path)}:{record.line}"
                    unknown.append(f"{place}: {harmless(' '.join(word for word, _ in words))}")
                    continue
                number = next(numbers)
                rows += [
                    LabelledWord(record.line, number, word, tag, record.number)
                    for word, tag in words
                ]
        except FaultError as error:
            rows.append(record.fault(error))
    corpus = LabelledCorpus.of_words(path, "spacy", rows)
    if not unknown:
        return corpus
    text = (
        f"left out of {harmless(path)}: {len(unknown):,} sentences with tokens whose entity is "
        "unknown ('-', or no 'ner')"
    )
    return corpus.with_remarks(Remark(text, tuple(unknown)))


def _sentences(record: Record) -> Iterator[list[tuple[str, str]]]:
    for paragraph in _objects(record.value, "paragraphs"):
        for sentence in _objects(paragraph, "sentences"):
            words = []
            for token in _objects(sentence, "tokens"):
                word, tag = token.get("orth"), token.get("ner", _UNKNOWN)
                if not isinstance(word, str):
                    raise FaultError(f"'orth' should be a string, found {kind_of(word)}", "word")
                proper_text(word, "orth")
                if not isinstance(tag, str):
                    raise FaultError(f"'ner' should be a string, found {kind_of(tag)}", "tag")
                if word.strip() or tag not in (OUTSIDE, _UNKNOWN):
                    words.append((word, tag))
            if words:
                yield words


def _objects(value: Any, key: str) -> list[dict[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    held = value.get(key) if isinstance(value, dict) else None
    if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
        raise FaultError(f"{key!r} should be a list of objects, found {kind_of(held)}")
    return held
