"""What teachers' labels mean to training, and how they come beside gold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.corpora.tokenized import TokenizedSentences
from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import Vocabulary
from model.tags import SCHEMES, TagSet
from model.training.data.silver import SilverSentences, TargetTable, Teacher

pytestmark = pytest.mark.training

LABELS = ("geo", "gpe", "per", "tim")
# GPE may be either of two, DATE is not asked for by gold, and times the teacher does not know.
TEACHER = Teacher(
    {"GPE": ("geo", "gpe"), "PERSON": ("per",), "DATE": ()}, frozenset({"geo", "gpe", "per"})
)
TAGS = ["O", "B-GPE", "B-PERSON", "I-PERSON", "B-DATE"]
WORDS = ["In", "Lisbon", "Maria", "Reis", "today"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_tag_leaves_possible_what_it_may_mean(scheme: str) -> None:
    tag_set = TagSet(LABELS, scheme)
    table = TargetTable(tag_set)
    targets = table.targets(TAGS, TEACHER)
    possible = [
        {tag for tag, is_possible in zip(tag_set.tags, row, strict=True) if is_possible}
        for row in table.possible[targets]
    ]
    marks = SCHEMES[scheme]
    assert possible == [
        {"O", *(tag for tag in tag_set.tags if tag.endswith("-tim"))},
        {f"{marks.single}-geo", f"{marks.single}-gpe"},
        {f"{marks.begin}-per"},
        {f"{marks.end}-per"},
        set(tag_set.tags),
    ]


def test_a_label_that_a_fold_of_gold_lacks_says_nothing_there() -> None:
    """Alone or as one of several that may be meant; the others go on as they were."""
    tag_set = TagSet(("geo", "per"))
    table = TargetTable(tag_set)
    teacher = Teacher(
        {"GPE": ("geo", "gpe"), "EVENT": ("eve",), "PERSON": ("per",)},
        frozenset({"geo", "gpe", "eve", "per"}),
    )
    targets = table.targets(["B-GPE", "B-EVENT", "B-PERSON", "O"], teacher)
    possible = table.possible[targets]
    assert possible.sum(axis=1).tolist() == [5, 5, 1, 1]
    assert [tag_set.tags[row.argmax()] for row in possible[2:]] == ["B-per", "O"]


def test_the_first_targets_are_the_tags_themselves() -> None:
    tag_set = TagSet(LABELS)
    table = TargetTable(tag_set)
    own = Teacher.of_labels(LABELS)
    tags = ["B-tim", "I-tim", "O", "B-gpe"]
    assert table.targets(tags, own) == tag_set.encode(tags)
    assert np.array_equal(table.possible, np.eye(len(tag_set.tags)))


@pytest.mark.parametrize("parts", [1, 2])
def test_silver_comes_beside_gold_with_its_certainty_and_weight(parts: int) -> None:
    """Each sentence of an epoch has what is its own; gold is sure and weighs 1."""
    from model.training.data.batches import EncodedSentences, EpochPlan

    gold = TokenizedSentences([["Porto", "sank"], ["Yes"]], [["B-geo", "O"], ["O"]])
    silver = SilverSentences([WORDS], [TAGS], [[0.9, 0.8, 0.7, 0.6, 0.5]], [0.25], TEACHER)
    tag_set = TagSet(LABELS)
    words = [*gold.words, *silver.words]
    encoder = WordEncoder(Vocabulary.of(word for sentence in words for word in sentence))
    data = EncodedSentences.of(gold, encoder, tag_set, [silver])
    table = TargetTable(tag_set)
    targets = table.targets(TAGS, TEACHER)
    expected: dict[int, tuple[Any, Sequence[float], float]] = {
        2: (np.eye(9)[tag_set.encode(gold.tags[0])], [1, 1], 1),
        1: (np.eye(9)[tag_set.encode(gold.tags[1])], [1], 1),
        5: (table.possible[targets], silver.certainty[0], 0.25),
    }
    found = {}
    for step in data.epochs(EpochPlan(data.lengths, 2, 1), parts=parts):
        for inputs, _ in step:
            for n, length in enumerate(inputs["lengths"].numpy()):
                found[length] = (
                    inputs["possible"][n, :length],
                    inputs["certainty"][n, :length],
                    inputs["weight"][n],
                )
    assert found.keys() == expected.keys()
    for length, (possible, certainty, weight) in expected.items():
        np.testing.assert_array_equal(found[length][0], possible)
        np.testing.assert_allclose(found[length][1], certainty, rtol=1e-6)
        assert float(found[length][2]) == pytest.approx(weight)


def test_gold_alone_is_as_it_was() -> None:
    from model.training.data.batches import EncodedSentences

    gold = TokenizedSentences([["Porto", "sank"]], [["B-geo", "O"]])
    encoder = WordEncoder(Vocabulary.of(["Porto", "sank"]))
    [(inputs, _)] = EncodedSentences.of(gold, encoder, TagSet(LABELS)).batches(4)
    assert "weight" not in inputs
