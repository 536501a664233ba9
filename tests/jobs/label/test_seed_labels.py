"""The start without a model: terms are found as whole tokens, spread, with some texts beside."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.label.passages import Passage
from jobs.label.seed_labels import choose_by_terms, read_seed_terms
from model.tags import Span
from model.text.segmentation import Segmentation
from schemas.errors import UsageError

CUT = Segmentation(characters=True)


def terms_file(folder: Path, content: str) -> str:
    (folder / "terms.csv").write_text(content, "utf-8")
    return str(folder / "terms.csv")


def passage(text: str) -> Passage:
    return Passage(text, "d", "s", 0, tuple(text.split()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana, not Anabel, is Ana's aunt.", [("Ana", "PER"), ("Ana", "PER")]),
        ("ana and ANA", []),  # fewer than four letters are spelt as they are
        (
            "Fever, FEVER or bird fever.",
            [("Fever", "ILL"), ("FEVER", "ILL"), ("bird fever", "ILL")],
        ),
        ("Ana Li-Wu and Ana Li", [("Ana Li-Wu", "PER"), ("Ana Li", "PER")]),  # the longest
        ("Ana  Li 🦀 Ana", [("Ana  Li", "PER"), ("Ana", "PER")]),
        ("I met Ana. Li left.", [("Ana", "PER")]),  # in one sentence
        ("他住在東京。", [("東京", "LOC")]),  # no blanks
        ("Va\u0301 and E\u0301va", [("E\u0301va", "PER")]),  # however its letters are composed
        ("May comes", []),  # nothing is found by what forbids
        ("", []),
    ],
)
def test_terms_are_found_as_a_gazetteer_finds_them(
    text: str, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Whichever texts are beside."""
    rows = [
        *("Ana,PER,", "Ana Li,PER,", "Ana Li-Wu,PER,", "fever,ILL,", "bird fever,ILL,"),
        *("東京,LOC,", "va,X,", "Éva,PER,", "May,*,forbid"),
    ]
    terms = read_seed_terms(terms_file(tmp_path, "\n".join(["term,label,policy", *rows])), CUT)
    texts = [text, "Ana lives", "nobody", text]
    found = terms.spans([passage(each) for each in texts])
    assert found[1:3] == [[Span(0, 3, "PER")], []]
    for spans in (found[0], found[3]):
        assert [(text[span.start : span.end], span.label) for span in spans] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("term;label\nAna;PER\n", "has columns with ';' between them"),
        ("term,label\nParis,LOC\nParis,PER\n", ":3: the term 'Paris' has the label 'PER'"),
    ],
)
def test_what_is_no_list_of_terms_is_refused(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read_seed_terms(terms_file(tmp_path, content), CUT)


def test_a_file_that_is_missing_is_refused_by_its_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--seed_labels .*no\.csv cannot be read: No such file"):
        read_seed_terms(str(tmp_path / "no.csv"), CUT)


def test_terms_and_labels_are_spread_and_a_fifth_has_none(tmp_path: Path) -> None:
    """Though one of the terms is in most of the texts."""
    names = ["Ana", "Ben", "Cem", "Dora", "Oslo", "Lima"]
    labels = ["PER"] * 4 + ["LOC"] * 2
    rows = "\n".join(map(",".join, zip(names, labels, strict=True)))
    terms = read_seed_terms(terms_file(tmp_path, f"term,label\n{rows}\n"), CUT)
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [f"Ana {a}x {a}y {a}z" for a in letters]
    texts += [f"{name} {a}v {a}w {a}u" for name in names[1:] for a in letters[:2]]
    texts += [f"none {a}r {a}s {a}t" for a in letters]
    passages = [passage(text) for text in texts]
    pairs = list(zip(passages, terms.spans(passages), strict=True))
    chosen = choose_by_terms(terms, pairs, 15, 0)
    assert Counter(each.passage.words[0] for each in chosen) == {
        **dict.fromkeys(names, 2),
        "none": 3,
    }
    # Where too few have a term, others make up for them.
    few = choose_by_terms(
        terms, [pair for pair in pairs if pair[0].words[0] in ("Ben", "none")], 9, 0
    )
    assert Counter(each.passage.words[0] for each in few) == {"Ben": 2, "none": 7}
