"""A term is found where its words stand one after another in a sentence: by brute force."""

import json
import unicodedata
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from model.gazetteer.lists import gazetteer_of
from model.gazetteer.matching import Gazetteer
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document, Ints, TokenizedDocument

# Case pairs of other lengths, marks, a soft hyphen, an emoji with a joiner, ties of words.
PIECES = (
    *("ß", "SS", "ss", "İ", "i", "I", "ı", "é", "e\u0301", "E\u0301", "ﬁ", "Fi", "\u00ad"),
    *("🚢", "👩\u200d🔬", "pier", "Pier", "PIER", "Inc", ".", " ", "  ", "\n", "-", "'s", "U.S."),
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
STYLES = st.sampled_from([Segmentation(), Segmentation(tokens="whole")])


def has_words(text: str) -> bool:
    return bool(tokenize_document(Document("", "", 0, text), Segmentation()).words)


terms = st.tuples(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join).filter(has_words),
    st.sampled_from(["any", "exact", None]),
)


def exact(word: str) -> str:
    """NFC without soft hyphens, in which words are equal."""
    return unicodedata.normalize("NFC", word.replace("\u00ad", "")) or word


def any_case(word: str) -> str:
    return exact(exact(word).casefold())


def sentences_of(document: TokenizedDocument) -> list[tuple[int, list[str]]]:
    """The first token of each sentence, and its words."""
    words = list(document.words)
    bounds = document.sentence_offsets.tolist()
    return [(a, words[a:b]) for a, b in pairwise(bounds)]


def numbered(gazetteer: Gazetteer, document: TokenizedDocument) -> tuple[Ints, Ints]:
    """What the distinct words are to the gazetteer, and where they stand."""
    vocabulary = list(dict.fromkeys(document.words))
    return gazetteer.numbers(vocabulary), np.array(
        [vocabulary.index(word) for word in document.words], np.int32
    )


@given(lists=st.lists(terms, min_size=1, max_size=6), text=texts, segmentation=STYLES)
@example([("straße", None)], "Die STRASSE. Straße", Segmentation())
@example([("İSTANBUL", None)], "i\u0307stanbul İstanbul istanbul", Segmentation())
@example([("é", "exact")], "e\u0301 É", Segmentation())
def test_matches_are_those_of_a_search_over_all_tokens(
    lists: list[tuple[str, str | None]], text: str, segmentation: Segmentation
) -> None:
    rows = [
        # Each of another label but of the same policy; `forbid` takes them all.
        {"term": term, "label": f"L{n}", "case": case, "policy": "forbid"}
        for n, (term, case) in enumerate(lists)
    ]
    data = "\n".join(map(json.dumps, rows)).encode()
    gazetteer, _ = gazetteer_of({"list.jsonl": data}, segmentation)
    document = tokenize_document(Document("", "", 0, text), segmentation)
    lengths = np.diff(document.sentence_offsets)
    found = gazetteer.find(*numbered(gazetteer, document), lengths)
    expected = []
    for number, (term, case) in enumerate(lists):
        is_exact = case == "exact" or (case is None and sum(map(str.isalpha, term)) < 4)
        spell = exact if is_exact else any_case
        cut = tokenize_document(Document("", "", 0, term), segmentation)
        wanted = list(map(spell, cut.words))
        for first, words in sentences_of(document):
            spelled = list(map(spell, words))
            expected += [
                (first + start, first + start + len(wanted), not is_exact, number)
                for start in range(len(words))
                if spelled[start : start + len(wanted)] == wanted
            ]
    assert [
        (start, end, term) for start, end, term in zip(*map(np.ndarray.tolist, found), strict=True)
    ] == [(start, end, number) for start, end, _, number in sorted(expected)]


def test_terms_are_found_whatever_stands_between_their_words() -> None:
    gazetteer, _ = gazetteer_of({"list.csv": b"term,label\nPort  Arenhold,LOC\n"}, Segmentation())
    document = tokenize_document(
        Document("", "", 0, "port\u00a0ARENHOLD, Port   Arenhold; Portarenhold"), Segmentation()
    )
    found = gazetteer.find(*numbered(gazetteer, document), np.diff(document.sentence_offsets))
    assert found.start.tolist() == [0, 3]
