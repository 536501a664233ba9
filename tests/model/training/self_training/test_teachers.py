"""Taggers that label text: the likeliest tags of all together, and how likely they are."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from model.corpora.tokenized import TokenizedSentences
from model.tagger.padding import pad_documents
from model.tags import TagSet
from model.text.segmentation import document_of_words
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("all_eager")]

NETWORK = NetworkConfig(
    embedding_size=6, character_size=4, character_filters=4, casing_size=3, units=5
)
PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro")
TEXT = [("Maria", "saw", "Faro", "."), ("Eva",), ("Tom", "left", "York")]
TAGS = TagSet(("geo", "per"))


def corpus() -> TokenizedSentences:
    words = [[person, "left", place, "."] for person in PEOPLE for place in PLACES]
    marks = dict.fromkeys(PEOPLE, "B-per") | dict.fromkeys(PLACES, "B-geo")
    return TokenizedSentences(words, [[marks.get(word, "O") for word in s] for s in words])


@pytest.fixture(scope="module")
def fitted(all_eager: None) -> list[Any]:
    """Three taggers of different seeds, none of them sure of itself."""
    from model.training.fit import Training

    def one(seed: int) -> Any:  # noqa: ANN401
        config = TrainingConfig(batch_size=4, epochs=1, learning_rate=0.02, verbose=0, seed=seed)
        return Training(corpus(), None, NETWORK, config).fit(EpochLog())

    return [one(seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize("count", [1, 3])
def test_sequences_are_weighed_by_the_product_of_what_teachers_say(
    fitted: list[Any], count: int
) -> None:
    """By brute force over all sequences: of the products the likeliest, and each tag's share."""
    from model.training.self_training.teachers import label_text, tagger_of

    teachers = [tagger_of(each, 1.5) for each in fitted[:count]]
    labels = label_text(teachers, TEXT)
    assert labels.words == TEXT
    assert labels.teacher.known == {"geo", "per"}
    padded = pad_documents([document_of_words(words) for words in TEXT])
    all_emissions = [teacher.emit(padded).emissions for teacher in teachers]
    offset = 0
    for words, tags, certainty, weight in zip(
        TEXT, labels.tags, labels.certainty, labels.weight, strict=True
    ):
        cells = slice(offset, offset + len(words))
        offset += len(words)
        paths = list(product(range(len(TAGS.tags)), repeat=len(words)))
        total = np.zeros(len(paths))
        for teacher, emissions in zip(teachers, all_emissions, strict=True):
            potentials, rows = teacher.potentials, emissions[cells].astype(float)
            for number, path in enumerate(paths):
                score = potentials.start[path[0]] + potentials.end[path[-1]]
                score += sum(rows[place, tag] for place, tag in enumerate(path))
                score += sum(potentials.transitions[a, b] for a, b in pairwise(path))
                total[number] += score / len(teachers)
        shares = np.exp(total - total.max())
        shares /= shares.sum()
        best = paths[int(shares.argmax())]
        assert [TAGS.tags[tag] for tag in best] == list(tags)
        expected = [
            sum(s for s, path in zip(shares, paths, strict=True) if path[place] == tag)
            for place, tag in enumerate(best)
        ]
        assert certainty == pytest.approx(expected, abs=1e-4)
        assert weight == min(certainty)
