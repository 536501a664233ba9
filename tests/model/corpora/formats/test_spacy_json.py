"""Training data of spaCy is read as its users meant it, and what is amiss is named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from model.corpora.faults import BrokenCorpusError
from tests.model.corpora.formats.exports import ADA, OBAN, TEXT, read, spans, told

PAIRS: list[tuple[str, dict[str, Any]]] = [
    (TEXT, {"entities": [[10, 14, "geo"], [0, 3, "per"]], "cats": {}}),
    ("Nobody.", {"entities": []}),
]


@pytest.mark.parametrize(
    "content",
    [
        PAIRS,
        tuple(PAIRS),
        {"classes": ["geo", "per"], "annotations": PAIRS},
        [{"text": text, "entities": known["entities"]} for text, known in PAIRS],
        {"examples": [{"text": text, "entities": known["entities"]} for text, known in PAIRS]},
    ],
    ids=["array", "lines", "page", "objects", "wrapped"],
)
@pytest.mark.parametrize("indent", [None, 4])
def test_spacy_pairs(tmp_path: Path, content: object, indent: int | None) -> None:
    corpus = read(tmp_path / "train.json", content, indent)
    assert spans(corpus) == [[ADA, OBAN], []]
    assert [document.doc_id for document in corpus.documents] == ["1", "2"]
    assert corpus.facts == ("offsets in code points, since 1 span fits words so",)


def test_one_pair_is_one_document(tmp_path: Path) -> None:
    assert spans(read(tmp_path / "one", list(PAIRS[0]))) == [[ADA, OBAN]]


def test_texts_that_a_page_skipped_are_left_out(tmp_path: Path) -> None:
    corpus = read(tmp_path / "page", {"classes": [], "annotations": [None, PAIRS[0], None]})
    assert spans(corpus) == [[ADA, OBAN]]
    assert told(corpus) == ["left out of FILE: 2 texts that were skipped"]


def spacy_document(*sentences: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    return {
        "id": 0,
        "paragraphs": [
            {
                "raw": " ".join(word for word, _ in words),
                "sentences": [
                    {
                        "tokens": [
                            {"id": n, "orth": word, "tag": "NN"} | ({"ner": tag} if tag else {})
                            for n, (word, tag) in enumerate(words)
                        ],
                        "brackets": [],
                    }
                ],
                "cats": [],
            }
            for words in sentences
        ],
    }


@pytest.mark.parametrize("indent", [None, 1])
def test_spacy_documents(tmp_path: Path, indent: int | None) -> None:
    """Words and BILUO tags; blank tokens go, and sentences of which not all is known."""
    new = [("New", "B-geo"), ("Port", "L-geo"), ("\n", "O"), ("rose", "O")]
    documents = [
        spacy_document(new, [("Ada", "U-per"), ("left", "-")]),
        spacy_document([("Bo", None)], [("Bo", "U-per"), (" ", "-")], [("\n", "O")]),
    ]
    corpus = read(tmp_path / "train.json", documents, indent)
    assert (corpus.format, corpus.scheme) == ("spacy", "BIOES")
    assert [(s.words, s.tags) for s in corpus.sentences] == [
        (("New", "Port", "rose"), ("B-geo", "I-geo", "O")),
        (("Bo",), ("B-per",)),
    ]
    assert told(corpus) == [
        "left out of FILE: 2 sentences with tokens whose entity is unknown ('-', or no 'ner')"
    ]


def test_broken_documents_of_spacy_are_named(tmp_path: Path) -> None:
    broken = spacy_document([("Ada", "per"), ("left", "O")])
    lacking = {"id": 1, "paragraphs": [{"sentences": [{"tokens": [{"id": 0, "ner": "O"}]}]}]}
    with pytest.raises(BrokenCorpusError) as caught:
        read(tmp_path / "a.json", [spacy_document([("Bo", "U-per")]), broken, lacking, {"id": 2}])
    assert [fault.reason.partition(", expected")[0] for fault in caught.value.faults] == [
        "record 4: 'paragraphs' should be a list of objects, found nothing",
        "record 3: 'orth' should be a string, found nothing",
        "record 2: 'per' is not a tag",
    ]
