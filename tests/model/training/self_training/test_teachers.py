"""Taggers that label text: the likeliest legal tags of their mean, and how likely they are."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from model.corpora.tokenized import TokenizedSentences
from model.tags import TagSet
from model.training.configuration import NetworkConfig, TrainingConfig

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("all_eager")]

NETWORK = NetworkConfig(
    embedding_size=6, character_size=4, character_filters=4, casing_size=3, units=5
)
CONFIG = TrainingConfig(batch_size=4, epochs=2, learning_rate=0.03, verbose=0, seed=9)
PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro")
TEXT = [("Maria", "saw", "Faro", "."), ("Eva",), ("Tom", "left", "York")]


def corpus() -> TokenizedSentences:
    words = [[person, "left", place, "."] for person in PEOPLE for place in PLACES]
    marks = dict.fromkeys(PEOPLE, "B-per") | dict.fromkeys(PLACES, "B-geo")
    return TokenizedSentences(words, [[marks.get(word, "O") for word in s] for s in words])


@pytest.fixture(scope="module")
def crossed(all_eager: None) -> Any:  # noqa: ANN401
    from model.training.cross_validation import cross_validate

    return cross_validate(corpus(), [0, 1, 2] * 4, NETWORK, CONFIG, to_read=TEXT)


TAGS = TagSet(("geo", "per"))


def test_each_labels_as_its_tagger_does_and_all_together_by_their_mean(crossed: Any) -> None:  # noqa: ANN401
    """By brute force over all legal sequences, of which the likeliest has the largest product."""
    from model.tagger.crf import marginals
    from model.tagger.padding import pad_documents
    from model.text.segmentation import document_of_words
    from model.training.self_training.teachers import calibrated, label_text

    teachers = calibrated(crossed.judged)
    lesson = label_text(crossed.judged, TEXT, TAGS)
    padded = pad_documents([document_of_words(words) for words in TEXT])
    each = [
        marginals(t.potentials, t.emit(padded).emissions, padded.sentence_lengths) for t in teachers
    ]
    for labels, probabilities in zip(
        [*lesson.single, lesson.together], [*each, np.mean(each, axis=0)], strict=True
    ):
        offset = 0
        for words, tags, certainty in zip(TEXT, labels.tags, labels.certainty, strict=True):
            rows = probabilities[offset : offset + len(words)]
            offset += len(words)
            ids = [TAGS.tags.index(tag) for tag in tags]
            chosen = rows[np.arange(len(words)), ids]
            best = max(
                np.prod(rows[np.arange(len(words)), list(path)])
                for path in product(range(len(TAGS.tags)), repeat=len(words))
                if TAGS.legal_start[path[0]]
                and TAGS.legal_end[path[-1]]
                and all(TAGS.legal_transition[a, b] for a, b in pairwise(path))
            )
            assert np.prod(chosen) == pytest.approx(best, rel=1e-4)
            assert certainty == pytest.approx(chosen, abs=1e-5)
        assert labels.words == TEXT
        assert labels.weight == [min(its) for its in labels.certainty]
        assert labels.teacher.known == {"geo", "per"}


def test_a_teacher_that_never_saw_a_label_says_that_it_is_not_there(crossed: Any) -> None:  # noqa: ANN401
    from model.training.self_training.teachers import label_text

    more = TagSet(("geo", "org", "per"))
    found = label_text(crossed.judged, TEXT, more).together
    known = label_text(crossed.judged, TEXT, TAGS).together
    assert found.tags == known.tags
    assert [list(each) for each in found.certainty] == [
        pytest.approx(its, abs=1e-6) for its in known.certainty
    ]
