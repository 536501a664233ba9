"""Sentences as a list of words and one of tags a record, as data sets of Hugging Face have them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model.corpora.faults import Fault
from model.corpora.formats.documents import proper_text
from model.corpora.formats.json_records import (
    FaultError,
    Record,
    keys_there,
    kind_of,
    present_key,
)
from model.corpora.records import CorpusFormat, LabelledCorpus, LabelledWord

WORDS = ("tokens", "words")
TAGS = ("ner_tags", "tags", "labels", "ner")


def has_token_columns(value: object) -> bool:
    """Whether a record has words and tags, each in a list."""
    if not isinstance(value, dict) or not any(_is_list_of(value, key, str) for key in WORDS):
        return False
    return any(_is_list_of(value, key, str | int) for key in TAGS)


def _is_list_of(value: Mapping[str, Any], key: str, kind: Any) -> bool:  # noqa: ANN401 - a type
    held = value.get(key)
    return isinstance(held, list) and all(isinstance(one, kind) for one in held)


def read_token_columns(
    path: str, corpus_format: CorpusFormat, records: Sequence[Record], faults: Sequence[Fault]
) -> LabelledCorpus:
    """The sentences of records `{"tokens": [...], "ner_tags": [...]}`.

    The words may be called `words`, the tags `tags`, `labels` or `ner`. Tags are strings of any
    scheme. A record without words is left out. Raises BrokenCorpusError with all at fault.
    """
    rows: list[LabelledWord | Fault] = list(faults)
    keys: set[str] = set()
    for sentence, record in enumerate(records):
        try:
            rows += _words(record, sentence, keys)
        except FaultError as error:
            rows.append(record.fault(error))
    corpus = LabelledCorpus.of_words(path, corpus_format, rows)
    return corpus.with_facts(f"keys {' and '.join(sorted(keys, reverse=True))}")


def _words(record: Record, sentence: int, keys: set[str]) -> Iterator[LabelledWord]:
    value = record.value
    if not isinstance(value, dict):
        raise FaultError(f"expected a JSON object, found {kind_of(value)}", "row")
    word_key, tag_key = present_key(value, WORDS), present_key(value, TAGS)
    words, tags = (_listed(value, key) for key in (word_key, tag_key))
    keys |= {word_key, tag_key}
    if len(words) != len(tags):
        raise FaultError(
            f"{word_key!r} holds {len(words)} words and {tag_key!r} {len(tags)} tags, expected as "
            "many"
        )
    for word, tag in zip(words, tags, strict=True):
        if not isinstance(word, str):
            raise FaultError(f"{word_key!r} should hold strings, found {kind_of(word)}", "word")
        proper_text(word, word_key)
        if isinstance(tag, int):
            raise FaultError(
                f"{tag_key!r} holds numbers such as {tag}, and nothing says which tags they are: "
                "give the tags by name, such as B-PER, or the Parquet file of the data set, which "
                "holds the names",
                "tag",
            )
        if not isinstance(tag, str):
            raise FaultError(f"{tag_key!r} should hold strings, found {kind_of(tag)}", "tag")
        yield LabelledWord(record.line, sentence, word, tag, record.number)


def _listed(value: Mapping[str, Any], key: str) -> list[Any]:
    held = value.get(key)
    if not isinstance(held, list):
        raise FaultError(f"{key!r} should be a list, found {kind_of(held)}{keys_there(value)}")
    return held
