"""The token style of a corpus is that of its words, or of its spans."""

from model.corpora import LabelledCorpus, LabelledDocument, LabelledSentence
from model.corpora.token_style import token_style
from model.tags import Span


def corpus(*sentences: str) -> LabelledCorpus:
    cut = [tuple(sentence.split(" ")) for sentence in sentences]
    labelled = tuple(LabelledSentence(words, ("O",) * len(words)) for words in cut)
    return LabelledCorpus("toy", "conll", "IOB2", sentences=labelled)


def documents(text: str, *spans: tuple[int, int]) -> LabelledCorpus:
    entities = tuple(Span(start, end, "x") for start, end in spans)
    return LabelledCorpus("toy", "jsonl", None, documents=(LabelledDocument("d", text, entities),))


def test_sentences_that_keep_words_whole_make_the_style_whole() -> None:
    assert token_style(corpus("the U.S. fleet left", "Mr. Reis stayed"), "en") == "whole"
    assert token_style(corpus("L - dopa and aspirin", "3 , 5 mg .", "plain words"), "en") == "fine"
    rare = ["so it goes on and on and on and on"] * 200
    assert token_style(corpus("a cease-fire holds", *rare), "en") == "fine"


def test_other_languages_than_english_are_fine() -> None:
    """Whatever their words: the rules of what is whole are those of English spelling."""
    assert token_style(corpus("the U.S. fleet left"), "fr") == "fine"
    assert token_style(documents("The drug of O'Neil Ltd. works", (12, 23)), "de") == "fine"


def test_documents_whose_spans_end_within_words_make_it_fine() -> None:
    text = "The aspirin-based drug of O'Neil Ltd. works"
    assert token_style(documents(text, (4, 11)), "en") == "fine"
    assert token_style(documents(text, (26, 37)), "en") == "whole"
