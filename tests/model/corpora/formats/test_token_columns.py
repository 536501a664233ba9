"""Lists of words and tags, as data sets of Hugging Face have them: JSON lines, JSON or Parquet."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.corpora import LabelledCorpus, read_labelled
from model.corpora.faults import BrokenCorpusError
from schemas.errors import CorpusError

WORDS = [["Ada", "Lowe", "left"], ["Oban", "rose"]]
TAGS = [["B-per", "I-per", "O"], ["B-geo", "O"]]
NAMES = ["O", "B-per", "I-per", "B-geo", "I-geo"]
NUMBERS = [[NAMES.index(tag) for tag in tags] for tags in TAGS]
CLASSES = {"names": NAMES, "_type": "ClassLabel"}


def rows(words: str, tags: str, values: Sequence[Sequence[object]] = TAGS) -> list[dict[str, Any]]:
    return [
        {"id": str(n), words: each, tags: spelt}
        for n, (each, spelt) in enumerate(zip(WORDS, values, strict=True))
    ]


def parquet(content: list[dict[str, Any]], features: object = None) -> bytes:
    """A Parquet file, with the features that `datasets` would write beside the rows."""
    table = pa.Table.from_pylist(content)
    if features is not None:
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(metadata)
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=1)
    return sink.getvalue()


def read(path: Path, content: bytes | str) -> LabelledCorpus:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labelled(path)


def assert_as_written(corpus: LabelledCorpus) -> None:
    assert [list(sentence.words) for sentence in corpus.sentences] == WORDS
    assert [list(sentence.tags) for sentence in corpus.sentences] == TAGS


@pytest.mark.parametrize("words", ["tokens", "words"])
@pytest.mark.parametrize("tags", ["ner_tags", "tags", "labels", "ner"])
def test_words_and_tags_by_any_of_their_keys(tmp_path: Path, words: str, tags: str) -> None:
    content = rows(words, tags)
    lines = "\n\n".join(map(json.dumps, content))
    for text, corpus_format, places in (
        (lines, "jsonl", [1, 3]),
        (json.dumps(content), "json", [1, 1]),
        (json.dumps(content, indent=0), "json", [2, 15]),
        (json.dumps({"version": "1.0", "data": content}), "json", [1, 1]),
        (parquet(content), "parquet", [1, 2]),
    ):
        corpus = read(tmp_path / "train", text)
        assert_as_written(corpus)
        assert corpus.format == corpus_format
        assert [sentence.line for sentence in corpus.sentences] == places
        assert corpus.facts == (f"keys {' and '.join(sorted((words, tags), reverse=True))}",)


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": CLASSES, "_type": "Sequence", "length": -1},
        {"feature": {"num_classes": 5, **CLASSES}, "_type": "List"},
        [CLASSES],
    ],
)
def test_numbers_in_parquet_are_named_by_its_features(tmp_path: Path, feature: object) -> None:
    other = {"feature": {"names": ["N", "V"], "_type": "ClassLabel"}, "_type": "Sequence"}
    content = [{**row, "pos_tags": [0] * 3} for row in rows("tokens", "ner_tags", NUMBERS)]
    features = {"pos_tags": other, "ner_tags": feature}
    assert_as_written(read(tmp_path / "train.parquet", parquet(content, features)))


def test_numbers_without_names_are_refused_with_what_to_do(tmp_path: Path) -> None:
    content = rows("tokens", "ner_tags", NUMBERS)
    reason = (
        "'ner_tags' holds numbers such as 1, and nothing says which tags they are: give the tags "
        "by name, such as B-PER, or the Parquet file of the data set, which holds the names"
    )
    for text, place in (
        ("\n".join(map(json.dumps, content)), "1: "),
        (json.dumps(content), "1: record 1: "),
        (parquet(content), "1: "),
        (parquet(content, {"ner_tags": {"_type": "Value"}}), "1: "),
        (parquet(content, []), "1: "),
    ):
        with pytest.raises(CorpusError) as caught:
            read(tmp_path / "train", text)
        assert str(caught.value) == f"{tmp_path / 'train'}:{place}{reason} (and 1 more mistake)"


def test_a_number_beyond_the_names_is_refused(tmp_path: Path) -> None:
    """-100 is what training with word pieces leaves out; no data set has it before that."""
    content = rows("tokens", "ner_tags", [[1, -100, 5], [3, 0]])
    with pytest.raises(CorpusError, match=":1: 'ner_tags' holds numbers such as -100, and nothing"):
        read(tmp_path / "train", parquet(content, {"ner_tags": [CLASSES]}))


def test_all_rows_at_fault_are_in_one_error(tmp_path: Path) -> None:
    content = [
        {"tokens": ["Ada"], "ner_tags": ["B-per"]},
        {"tokens": ["Ada", "left"], "ner_tags": ["B-per"]},
        {"tokens": ["Ada", None], "ner_tags": ["B-per", "O"]},
        {"tokens": ["Ada", "left"], "ner_tags": ["B-per", "per"]},
        {"tokens": ["Ada", " "], "ner_tags": ["B-per", "O"]},
        {"tokens": ["Ada"], "ner_tags": [None]},
        {"tokens": ["Ada"], "tags": "B-per"},
        {"tokens": [], "ner_tags": []},
        ["Ada"],
        {"tokens": ["Ada"], "ner_tags": ["O"], "labels": [1]},
        {"tokens": ["Ada\ud83d"], "ner_tags": ["O"]},
    ]
    with pytest.raises(BrokenCorpusError) as caught:
        read(tmp_path / "train", "\n".join(map(json.dumps, content)))
    assert [(fault.line, fault.reason) for fault in caught.value.faults] == [
        (9, "expected a JSON object, found a list"),
        (2, "'tokens' holds 2 words and 'ner_tags' 1 tags, expected as many"),
        (
            7,
            "'tags' should be a list, found a string; the keys there are 'tokens', 'tags'",
        ),
        (10, "both 'ner_tags' and 'labels' are there: leave one of them"),
        (11, "'tokens' holds a lone surrogate, which UTF-8 cannot write"),
        (3, "'tokens' should hold strings, found nothing"),
        (5, "the word is empty"),
        (
            4,
            "'per' is not a tag, expected O or one of B I E S M L U with a label, such as B-PER",
        ),
        (6, "'ner_tags' should hold strings, found nothing"),
    ]


def test_parquet_of_documents(tmp_path: Path) -> None:
    content = [
        {"id": 4, "text": "Ada left.", "entities": [{"start": 0, "end": 3, "label": "per"}]},
        {"id": 5, "text": "Nobody.", "entities": []},
    ]
    corpus = read(tmp_path / "train", parquet(content))
    assert [(document.doc_id, document.line) for document in corpus.documents] == [
        ("4", 1),
        ("5", 2),
    ]
    assert corpus.labels == ("per",)


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = parquet(rows("tokens", "ner_tags"))
    for content in (whole[:4] + bytes(len(whole) - 8) + whole[-4:], whole[:60] + whole[90:]):
        with pytest.raises(CorpusError, match=":1: this Parquet file cannot be read: "):
            read(tmp_path / "train", content)
    with pytest.raises(CorpusError, match=":1: the file holds no labelled document"):
        read(tmp_path / "train", parquet([])[:])
