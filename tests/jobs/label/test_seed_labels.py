"""The start without a model: terms are found as whole tokens, spread, with some texts beside."""

import json
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
    (folder / "terms").write_text(content, "utf-8")
    return str(folder / "terms")


def passage(text: str) -> Passage:
    return Passage(text, "d", "s", 0, tuple(text.split()))


def found(folder: Path, terms: str, text: str) -> list[tuple[str, str]]:
    spans = read_seed_terms(terms_file(folder, terms), CUT).spans(passage(text), CUT)
    assert spans == sorted(spans)
    return [(text[span.start : span.end], span.label) for span in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana, not Anabel, is Ana's aunt.", [("Ana", "PER"), ("Ana", "PER")]),
        ("ana and ANA", []),  # a name is spelt as it is
        ("Flu, FLU or bird flu.", [("Flu", "ILL"), ("FLU", "ILL"), ("bird flu", "ILL")]),
        ("Ana Li-Wu and Ana Li", [("Ana Li-Wu", "PER"), ("Ana Li", "PER")]),  # the longest
        ("Ana\r\nLi 🦀 Ana", [("Ana\r\nLi", "PER"), ("Ana", "PER")]),
        ("他住在東京。", [("東京", "LOC")]),  # no blanks
        ("Va\u0301 and E\u0301va", [("E\u0301va", "PER")]),  # however its letters are composed
    ],
)
def test_terms_are_found_as_whole_tokens(
    text: str, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    rows = [
        "Ana,PER",
        "Ana Li,PER",
        "Ana Li-Wu,PER",
        "flu,ILL",
        "bird flu,ILL",
        "東京,LOC",
        "va,X",
        "Éva,PER",
    ]
    assert found(tmp_path, "\n".join(["term,label", *rows]), text) == expected


def test_csv_and_json_lines_are_the_same_list(tmp_path: Path) -> None:
    table = '\ufefflabel,note,term\r\nPER,x,"Li, Ana"\r\n\r\nLOC,,Oslo\r\n'
    lines = "\n".join(
        json.dumps({"term": term, "label": label, "note": 1})
        for term, label in (("Li, Ana", "PER"), ("Oslo", "LOC"))
    )
    text = "Li, Ana in Oslo"
    expected = [("Li, Ana", "PER"), ("Oslo", "LOC")]
    assert found(tmp_path, table, text) == found(tmp_path, lines, text) == expected


def test_a_term_with_two_labels_is_shown_with_the_first_and_named(tmp_path: Path) -> None:
    path = terms_file(tmp_path, "term,label\nParis,LOC\nParis,PER\n")
    terms = read_seed_terms(path, CUT)
    assert terms.warnings == ("terms with several labels are shown with the first: Paris",)
    assert terms.spans(passage("Paris"), CUT) == [Span(0, 5, "LOC")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("term;label\nAna;PER\n", ":1: the columns are term;label, expected a header with term"),
        ("", ":1: the columns are missing, expected a header with term and label"),
        ("term,label\nAna\n", ":2: 1 columns, expected 2"),
        ("term,label\nAna,\n", ":2: the label is '', expected a name"),
        ("term,label\n ,PER\n", ":2: the term is empty"),
        ("term,label\n", "terms holds no term"),
        ('{"term": "Ana"}\n', ":1: expected an object with the texts term and label"),
        ('{"term": "Ana", "label": "P"}\n{"term', ":2: invalid JSON: "),
    ],
)
def test_what_is_no_list_of_terms_is_refused_by_its_line(
    content: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        read_seed_terms(terms_file(tmp_path, content), CUT)
    assert str(caught.value).startswith("--seed_labels ")
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--seed_labels .*no cannot be read: No such file"):
        read_seed_terms(str(tmp_path / "no"), CUT)
    (tmp_path / "b").write_bytes(b"term,label\n\xff\xfe,PER\n")
    with pytest.raises(UsageError, match=r"^--seed_labels .*b is not UTF-8"):
        read_seed_terms(str(tmp_path / "b"), CUT)


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
    pairs = [(passage(text), terms.spans(passage(text), CUT)) for text in texts]
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
