"""A list means what it says, row by row, and what it cannot mean is told by file and line."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.gazetteer.lists import gazetteer_of
from model.gazetteer.matching import Gazetteer
from model.gazetteer.rows import POLICIES
from model.gazetteer.terms import cut_terms
from model.text.segmentation import Segmentation, TokenStyle, split_word, tokenize_document
from schemas.errors import UsageError
from schemas.records import Document

FINE, WHOLE = Segmentation(), Segmentation(tokens="whole")


def listed(*rows: str, header: str = "term,label,id,case,policy") -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def read(data: bytes, name: str = "list.csv", segmentation: Segmentation = FINE) -> Gazetteer:
    return gazetteer_of({name: data}, segmentation)[0]


def warnings(data: bytes, segmentation: Segmentation = FINE) -> tuple[str, ...]:
    return gazetteer_of({"list.csv": data}, segmentation)[1]


def summary(gazetteer: Gazetteer) -> list[tuple[str, str, str, str, bool]]:
    """Text, label, id and policy of each term, and whether its case counts."""
    exact = set(gazetteer.finders[0].trie.terms.tolist())
    return [
        (
            str(text),
            "*" if label < 0 else gazetteer.labels[label],
            str(own),
            POLICIES[policy],
            number in exact,
        )
        for number, (text, label, own, policy) in enumerate(
            zip(
                gazetteer.texts,
                gazetteer.label.tolist(),
                gazetteer.ids,
                gazetteer.policy.tolist(),
                strict=True,
            )
        )
    ]


EXPECTED = [
    ("Port Arenhold", "LOC", "p-1", "add", False),
    ("Öl, fein", "PROD", "", "override", True),
    ("KLM", "ORG", "", "add", True),
    ("abc", "ORG", "", "add", False),
    ("Monday", "*", "", "forbid", False),
]


def as_csv() -> bytes:
    return listed(
        "Port Arenhold,LOC,p-1,,",
        '"Öl, fein",PROD,,exact,override',
        "",
        "KLM,ORG,,,",
        "abc, ORG ,,any,",
        "Monday,*,,,forbid",
    )


def as_jsonl() -> bytes:
    names = ("term", "label", "id", "policy")
    rows = [dict(zip(names, row, strict=False)) for row in EXPECTED]
    rows[1]["case"], rows[3]["case"] = "exact", "any"
    return "\n".join([json.dumps(row) for row in rows] + [""]).encode()


def as_parquet() -> bytes:
    columns = dict(
        zip(("term", "label", "id", "policy"), zip(*EXPECTED, strict=True), strict=False)
    )
    case = pa.array([None, "exact", "", "any", None]).dictionary_encode()
    stream = io.BytesIO()
    pq.write_table(pa.table({**{n: list(c) for n, c in columns.items()}, "case": case}), stream)
    return stream.getvalue()


def parquet(*labels: pa.Array, **columns: pa.Array) -> bytes:
    """These columns, and more of the name `label`."""
    table = pa.table(columns)
    for label in labels:
        table = table.append_column("label", label)
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.csv", as_csv()),
        ("list.CSV", b"\xef\xbb\xbf" + as_csv().replace(b"\n", b"\r\n")),
        ("list.jsonl", as_jsonl()),
        ("list.parquet", as_parquet()),
    ],
)
def test_all_formats_say_the_same(name: str, data: bytes) -> None:
    assert summary(read(data, name)) == EXPECTED


def test_what_is_encoded_is_the_same_list() -> None:
    gazetteer = read(as_csv())
    sink = pa.BufferOutputStream()
    gazetteer.write(sink)
    again = Gazetteer.decode(sink.getvalue())
    assert summary(again) == EXPECTED
    assert again.labels == gazetteer.labels


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,X,,,", "  ,X,,,"], "list.csv:3: the term is empty"),
        (['"a', 'b",X,,,', "", ",X,,,"], "list.csv:5: the term is empty"),
        (["a,,,,"], "list.csv:2: the label is '', expected a name of at most 200 characters"),
        (["a,*,,,", "b,*,,,"], "list.csv:2: label * is for the policy forbid (and 1 more row)"),
        (["a,X,,,adds"], "list.csv:2: policy is 'adds', expected one of add, override, forbid"),
        (["a,X,,lower,"], "list.csv:2: case is 'lower', expected one of any, exact"),
        (
            ["Harbour,X,,,", "a,X,,,", "HARBOUR,Y,,,"],
            (
                "list.csv:4: the term 'HARBOUR' has the label 'Y', and 'X' in list.csv:2, with the "
                "policy add"
            ),
        ),
        (
            ["Harbour,X,1,,override", "Harbour,X,2,,override"],
            (
                "list.csv:3: the term 'Harbour' has the id '2', and '1' in list.csv:2, with the "
                "policy override"
            ),
        ),
        (["a,X,,"], "list.csv:2: Expected 5 columns, got 4: a,X,,"),
        (["", '"a', 'b",X,,,', "", "c,X"], "list.csv:6: Expected 5 columns, got 2: c,X"),
        (
            [f"{'a' * 200_000},X,,,", f"b,{'X' * 201},,,"],
            (f"list.csv:3: the label is '{'X' * 79}…', expected a name of at most 200 characters"),
        ),
    ],
)
def test_a_row_that_means_nothing_is_named(rows: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(listed(*rows))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "a.txt is none of .csv, .jsonl, .parquet"),
        ("a.csv", b"", "a.csv holds no term"),
        ("a.csv", b"\n\n", "a.csv holds no term"),
        ("a.csv", b"term,label", "a.csv holds no term"),
        ("a.csv", b"term,label\n", "a.csv holds no term"),
        ("a.csv", b"term;label\na;X\n", "a.csv has columns with ';' between them, expected ','"),
        ("a.csv", b"term\tlabel\na\tX\n", r"a.csv has columns with '\t' between them, expected"),
        ("a.csv", b"name,label\nx,X\n", "a.csv has the columns name, label, and no term"),
        ("a.csv", b"term,label,term\nx,X,y\n", "a.csv has the column term twice"),
        ("a.csv", b"term,label\n\xff,X\n", "a.csv is not UTF-8"),
        ("a.jsonl", b'{"term": "a", "label": "X"}\n{\n', "a.jsonl:2: Input data was truncated"),
        ("a.jsonl", b'{"term": 1, "label": "X"}\n', "a.jsonl:1: Expected `str`, got `int`"),
        ("a.jsonl", b'{"term": "a", "label": "X", "id": 1.5}\n', "a.jsonl:1: Expected `int | str"),
        ("a.parquet", b"PAR1", "a.parquet cannot be read: "),
        (
            "a.parquet",
            parquet(term=pa.array([b"\xff"]).view(pa.string()), label=pa.array(["X"])),
            "a.parquet: the column term is not UTF-8",
        ),
        (
            "a.parquet",
            parquet(pa.array(["Y"]), term=pa.array(["a"]), label=pa.array(["X"])),
            "a.parquet has the column label twice",
        ),
    ],
)
def test_a_file_that_is_no_list_is_named(name: str, data: bytes, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(data, name)
    assert str(refused.value).startswith(message)


def test_rows_of_several_files_contradict_each_other_too() -> None:
    files = {"a.csv": listed("Harbour,X,,,"), "b.csv": listed("Pier,X,,,", "harbour,Y,,,")}
    with pytest.raises(UsageError, match=r"b\.csv:3: .* 'X' in a\.csv:2"):
        gazetteer_of(files, FINE)


def test_terms_of_other_policies_and_forbidden_labels_contradict_nothing() -> None:
    rows = ["Harbour,X,,,add", "Harbour,Y,,,override", "Harbour,X,,,forbid", "Harbour,Y,,,forbid"]
    assert len(read(listed(*rows)).finders[1].trie.terms) == 4
    assert warnings(listed(*rows)) == ()


def test_a_row_that_is_there_twice_counts_once_and_is_told_of() -> None:
    rows = listed("Harbour,X,1,,", "harbour,X,1,,", "Pier,X,,,")
    assert summary(read(rows)) == [
        ("Harbour", "X", "1", "add", False),
        ("Pier", "X", "", "add", False),
    ]
    assert warnings(rows) == ("terms that are listed twice count once: 'harbour' (list.csv:3)",)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("\u0301pier,X,,,", "terms that begin within a word"),
        ("Arenhold Inc,X,,,", "terms whose last word is one token with a dot"),
        ("U.S,X,,,", "terms whose last word is one token with a dot"),
        ("Really? No,X,,,", "terms that are cut into sentences"),
    ],
)
def test_a_term_that_is_found_more_seldom_than_it_seems_is_told_of(row: str, told: str) -> None:
    (warning,) = warnings(listed("The pier in Arenhold,Y,,,", row), WHOLE)
    assert warning.startswith(told)
    assert warning.endswith("(list.csv:3)")


def test_columns_of_other_names_are_told_of() -> None:
    data = b"term,label,note,lang\nPier,X,a,b\n"
    assert warnings(data) == ("list.csv: the columns note, lang are none of a list's",)


# What ties words together, and what looks like a blank or is one.
_TIES = st.text(
    " .'-&,:\u2019\u00a0\u2028\n\x1c\u0301\u00ad\u200b1sUMrInc\u00e9\u4e00", max_size=12
)


@given(
    st.lists(st.text(max_size=12) | _TIES, max_size=8),
    st.sampled_from(["fine", "whole"]),
    st.booleans(),
)
@example(terms=["Mr.", "Bell", "'s", "U.S.", "\u0301a", "a\nb"], style="whole", characters=False)
def test_terms_together_are_cut_as_each_alone(
    terms: list[str], style: TokenStyle, characters: bool
) -> None:
    column = pa.chunked_array([pa.array(terms, pa.string())])
    cut = cut_terms(column, Segmentation(tokens=style, characters=characters))
    words = cut.spellings.take(pa.array(cut.words)).to_pylist()
    alone = [
        split_word(term, style, characters=characters) if term.strip() else [] for term in terms
    ]
    assert words == [word for split in alone for word in split]
    assert cut.lengths.tolist() == list(map(len, alone))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.csv", b"\n\nterm,label,id\n2024,X,7\n"),
        ("list.jsonl", b'{"term": "2024", "label": "X", "id": 7}'),
        ("list.parquet", parquet(term=pa.array(["2024"]), label=pa.array(["X"]), id=pa.array([7]))),
        (
            "list.parquet",
            parquet(
                **{
                    n: pa.array([v], pa.string_view())
                    for n, v in zip(("term", "label", "id"), ("2024", "X", "7"), strict=True)
                }
            ),
        ),
    ],
)
def test_figures_are_text_in_all_formats(name: str, data: bytes) -> None:
    assert summary(read(data, name)) == [("2024", "X", "7", "add", True)]


def test_a_figure_keeps_its_noughts_whatever_stands_before_the_header() -> None:
    assert summary(read(b"\nterm,label,id\n007,X,010\n"))[0][:3] == ("007", "X", "010")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.csv", listed("a,X,,,", header="term,label,Policy,,")),
        ("list.jsonl", b'{"term": "a", "label": "X", "Policy": 7, "": [{}]}'),
        (
            "list.parquet",
            parquet(
                term=pa.array(["a"]),
                label=pa.array(["X"]),
                **{"Policy": pa.array([{"b": 1}]), "": pa.nulls(1)},
            ),
        ),
    ],
)
def test_what_means_nothing_is_told_of_in_all_formats(name: str, data: bytes) -> None:
    _, told = gazetteer_of({name: data}, FINE)
    assert told == (f"{name}: the columns Policy, '' are none of a list's",)


def test_a_warning_is_no_longer_for_long_terms() -> None:
    (told,) = warnings(listed(*["b " * 100_000 + ",X,,,"] * 9))
    assert len(told) < 1000


@given(
    st.text("aB .!?…\n\t|\v\u2028。？؟।;:'\"”)»\u00a0", min_size=1, max_size=8),
    st.sampled_from("aB"),
)
def test_each_term_that_is_several_sentences_is_told_of(begin: str, end: str) -> None:
    term = f"{end}{begin}{end}"
    data = json.dumps({"term": term, "label": "X"}).encode()
    _, told = gazetteer_of({"list.jsonl": data}, FINE)
    sentences = tokenize_document(Document("", "", 0, term), FINE).sentence_start
    assert any("cut into sentences" in one for one in told) == (len(sentences) > 1)
