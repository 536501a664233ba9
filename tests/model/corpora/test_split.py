"""The split keeps equal texts together and depends on texts, fraction and seed alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledSentence, fold_numbers, split_documents, split_sentences


def sentence(text: str, tag: str = "O") -> LabelledSentence:
    words = tuple(text.split(" "))
    return LabelledSentence(words, (tag,) * len(words))


corpora = st.lists(
    st.builds(sentence, st.sampled_from([f"w{i} ." for i in range(30)]), st.sampled_from("OI")),
    max_size=60,
)
fractions = st.floats(0, 0.99)


@given(corpora, fractions, st.integers(0, 5))
def test_every_sentence_is_on_one_side_and_equal_texts_on_the_same(
    sentences: list[LabelledSentence], fraction: float, seed: int
) -> None:
    train, dev = split_sentences(sentences, fraction, seed)
    assert {item.words for item in train}.isdisjoint(item.words for item in dev)
    dev_texts = {item.words for item in dev}
    assert train == [item for item in sentences if item.words not in dev_texts]
    assert dev == [item for item in sentences if item.words in dev_texts]


@given(corpora, fractions, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_sentences_does_not_matter(
    sentences: list[LabelledSentence], fraction: float, seed: int, order: random.Random
) -> None:
    shuffled = list(sentences)
    order.shuffle(shuffled)
    _, dev = split_sentences(sentences, fraction, seed)
    _, dev_of_shuffled = split_sentences(shuffled, fraction, seed)
    assert {item.words for item in dev} == {item.words for item in dev_of_shuffled}


@given(corpora, fractions, st.integers(0, 5))
def test_two_texts_leave_neither_side_empty(
    sentences: list[LabelledSentence], fraction: float, seed: int
) -> None:
    train, dev = split_sentences(sentences, fraction, seed)
    several = len({item.words for item in sentences}) > 1
    assert bool(dev) == (several and fraction > 0)
    assert bool(train) == bool(sentences)


@given(st.integers(1, 200), fractions, st.integers(0, 5))
def test_distinct_texts_are_split_to_the_nearest_sentence(
    count: int, fraction: float, seed: int
) -> None:
    _, dev = split_sentences([sentence(f"w{i}") for i in range(count)], fraction, seed)
    assert abs(len(dev) - fraction * count) <= 1


def test_a_text_too_frequent_for_dev_is_passed_over() -> None:
    sentences = [sentence("same")] * 50 + [sentence(f"w{i}") for i in range(50)]
    for seed in range(5):
        train, dev = split_sentences(sentences, 0.1, seed)
        assert (len(train), len(dev)) == (90, 10)


def test_the_split_is_the_same_in_every_process() -> None:
    """Python's own hash of a string differs from process to process."""
    _, dev = split_sentences([sentence(f"w{i}") for i in range(20)], 0.2, seed=1)
    assert [item.words[0] for item in dev] == ["w0", "w1", "w11", "w19"]


def test_seeds_draw_different_sentences() -> None:
    sentences = [sentence(f"w{i}") for i in range(100)]
    draws = {tuple(split_sentences(sentences, 0.1, seed)[1]) for seed in range(5)}
    assert len(draws) == 5


def document(number: int, *shared: str, sentences: int = 4) -> list[LabelledSentence]:
    """A document of sentences of its own and of shared ones."""
    return [sentence(text) for text in (*shared, *(f"d{number} s{i}" for i in range(sentences)))]


texts = st.sampled_from([f"w{i} ." for i in range(12)])
documents = st.lists(st.lists(st.builds(sentence, texts), max_size=4), max_size=12)


@given(documents, fractions, st.integers(0, 5), st.randoms(use_true_random=False))
def test_every_document_is_on_one_side_and_equal_ones_on_the_same(
    documents: list[list[LabelledSentence]], fraction: float, seed: int, order: random.Random
) -> None:
    """Whatever the order; and two distinct documents leave neither side empty."""
    train, dev = split_documents(documents, fraction, seed)
    whole = {tuple(document) for document in documents if document}
    assert len(train) + len(dev) == sum(map(len, documents))
    assert all(contains(train, document) or contains(dev, document) for document in whole)
    assert (bool(train), bool(dev)) == (bool(whole), len(whole) > 1 and fraction > 0)
    shuffled = list(documents)
    order.shuffle(shuffled)
    _, dev_of_shuffled = split_documents(shuffled, fraction, seed)
    assert sorted(item.words for item in dev) == sorted(item.words for item in dev_of_shuffled)


def contains(part: list[LabelledSentence], document: tuple[LabelledSentence, ...]) -> bool:
    size = len(document)
    return any(tuple(part[i : i + size]) == document for i in range(len(part) - size + 1))


def test_documents_that_share_a_sentence_stay_together() -> None:
    """Twenty pairs, each with a sentence in common: no text is on both sides."""
    pairs = [document(n, f"shared {n // 2}") for n in range(40)]
    for seed in range(5):
        train, dev = split_documents(pairs, 0.2, seed)
        assert len(dev) == 40
        assert {item.words for item in train}.isdisjoint(item.words for item in dev)


def test_a_sentence_that_every_document_has_does_not_tie_them_all() -> None:
    letters = [document(n, "Dear madam ,") for n in range(20)]
    train, dev = split_documents(letters, 0.2, seed=1)
    assert len(dev) == 20
    only_train, only_dev = ({item.words[0] for item in part} - {"Dear"} for part in (train, dev))
    assert only_train.isdisjoint(only_dev)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=f"fraction {fraction} is not at least 0 and below 1"):
        split_sentences([sentence("a")], fraction, seed=0)


@pytest.mark.parametrize(("words", "tags"), [((), ()), (("a",), ("O", "O"))])
def test_a_sentence_without_words_or_with_another_number_of_tags_is_refused(
    words: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=f"{len(words)} words do not match {len(tags)} tags"):
        LabelledSentence(words, tags)


@given(corpora, st.integers(2, 7), st.integers(0, 5), st.randoms(use_true_random=False))
def test_folds_keep_equal_texts_together_and_are_about_equal(
    sentences: list[LabelledSentence], folds: int, seed: int, order: random.Random
) -> None:
    """By texts and seed alone, whatever the order; no two differ by more than the largest text."""
    numbers = fold_numbers([[item] for item in sentences], folds, seed)
    fold_of = dict(zip((item.words for item in sentences), numbers, strict=True))
    assert [fold_of[item.words] for item in sentences] == numbers
    sizes = [numbers.count(fold) for fold in range(folds)]
    texts = [item.words for item in sentences]
    assert max(sizes) - min(sizes) <= max(map(texts.count, texts), default=0)
    shuffled = list(sentences)
    order.shuffle(shuffled)
    again = fold_numbers([[item] for item in shuffled], folds, seed)
    assert again == [fold_of[item.words] for item in shuffled]


def test_documents_that_share_a_sentence_are_in_one_fold_unless_that_ties_nearly_all() -> None:
    apart = [[sentence(f"w{n} ."), sentence(f"x{n} .")] for n in range(10)]
    tied = [*apart, [sentence("w3 ."), sentence("w7 .")]]
    numbers = fold_numbers(tied, 5, 1)
    assert numbers[3] == numbers[7] == numbers[10]
    greeted = [[sentence("hello ."), *document] for document in apart]
    assert len(set(fold_numbers(greeted, 5, 1))) == 5
