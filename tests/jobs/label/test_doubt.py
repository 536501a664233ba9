"""Doubt: the entropy of each token, by label, whatever else is in the pool."""

import numpy as np
import pytest

from jobs.label.doubt import doubts, shown_tasks
from jobs.label.passages import Passage
from model.runtime import start_tensorflow
from model.tagger.artifact import Artifact
from model.tagger.crf import marginals
from model.tagger.padding import pad_documents
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from schemas.records import Document

TEXTS = (
    "Maria met Ben in Lisbon. The ships left the harbour on Monday.",
    "The council said so.",
    "",
    "Ben and Ben and Ben met.",
)


@pytest.fixture(scope="module")
def tagger(tiny_model: Artifact) -> Tagger:
    start_tensorflow()
    return Tagger(tiny_model)


def passages() -> list[Passage]:
    return [Passage(text, "d", "s", 0, tuple(text.split())) for text in TEXTS]


def test_doubt_is_the_entropy_of_the_marginals_and_is_shared_by_labels(tagger: Tagger) -> None:
    found = list(doubts(tagger, passages()))
    tags = tagger.artifact.tags
    for text, candidate in zip(TEXTS, found, strict=True):
        cut = tokenize_document(Document("", "", 0, text), tagger.artifact.segmentation)
        if not cut.words:
            assert candidate.features == ()
            continue
        padded = pad_documents([cut])
        p = marginals(tagger.potentials, tagger.emit(padded).emissions, padded.sentence_lengths)
        assert p.sum(axis=1) == pytest.approx(1)
        expected: dict[str, float] = {}
        for word, row in zip(cut.words, p, strict=True):
            entropy = -sum(x * np.log(x) for x in row.tolist() if x > 0)
            if entropy >= 0.01:
                expected[word.lower()] = max(entropy, expected.get(word.lower(), 0))
        sums = dict(zip(candidate.features, candidate.worth.sum(axis=1).tolist(), strict=True))
        assert sums == pytest.approx(expected, rel=1e-4)
        assert candidate.worth.shape == (len(expected), len(tags.labels))
        assert (candidate.worth >= 0).all()


def test_doubt_does_not_depend_on_the_company(tagger: Tagger) -> None:
    together = list(doubts(tagger, passages()))
    for passage, among in zip(passages(), together, strict=True):
        (alone,) = doubts(tagger, [passage])
        assert alone.features == among.features
        assert np.array_equal(alone.worth, among.worth)


def test_a_task_shows_what_extraction_finds(tagger: Tagger) -> None:
    for task, text in zip(shown_tasks(tagger, passages()), TEXTS, strict=True):
        cut = tokenize_document(Document("", "", 0, text), tagger.artifact.segmentation)
        (found,) = tag_documents(tagger, [cut])
        assert [span.start for span in task.spans] == found.start_char.tolist()
        assert [span.end for span in task.spans] == found.end_char.tolist()
        assert tuple(span.label for span in task.spans) == found.labels
        assert task.confidence == tuple(found.confidence.tolist())
