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
    assert token_style(corpus("the U.S. fleet left", "Mr. Reis stayed"), "en").style == "whole"
    assert (
        token_style(corpus("L - dopa and aspirin", "3 , 5 mg .", "plain words"), "en").style
        == "fine"
    )
    rare = ["so it goes on and on and on and on"] * 200
    assert token_style(corpus("a cease-fire holds", *rare), "en").style == "fine"


def test_other_languages_than_english_are_fine() -> None:
    """Whatever their words: the rules of what is whole are those of English spelling."""
    assert token_style(corpus("the U.S. fleet left"), "fr").style == "fine"
    assert token_style(documents("The drug of O'Neil Ltd. works", (12, 23)), "de").style == "fine"


def test_documents_whose_spans_end_within_words_make_it_fine() -> None:
    text = "The aspirin-based drug of O'Neil Ltd. works"
    assert token_style(documents(text, (4, 11)), "en").style == "fine"
    assert token_style(documents(text, (26, 37)), "en").style == "whole"


def test_most_spans_decide_and_one_bad_one_changes_nothing() -> None:
    """As many that cover such a word as end within one make it whole, one more makes it fine."""
    text = "The aspirin-based drug of O'Neil Ltd. works"
    covers, cuts = (26, 37), (4, 11)
    for spans, style in (((covers, cuts), "whole"), ((covers, cuts, (28, 32)), "fine")):
        assert token_style(documents(text, *spans), "en").style == style
    stray = (5, 9)  # within a token of either style
    choice = token_style(documents(text, covers, stray), "en")
    assert choice.style == "whole"
    assert choice.reason == "1 spans cover words such as U.S., 0 end within"


def test_most_words_decide_and_one_whole_one_changes_nothing() -> None:
    cut = ["a long - term and dose - dependent effect"] * 5
    choice = token_style(corpus("the U.S. study", *cut), "en")
    assert choice.style == "fine"
    assert choice.reason == "1 words such as U.S. are whole, 10 cut"
    assert token_style(corpus(*["the U.S. study"] * 11, *cut), "en").style == "whole"


def test_where_nothing_speaks_for_a_style_nothing_is_said() -> None:
    assert token_style(corpus("plain words"), "en").reason == ""
    assert token_style(documents("plain words", (0, 5)), "en").reason == ""
