"""Records are found in any JSON text with their lines, and a text that breaks off is refused."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora.faults import BrokenCorpusError
from model.corpora.formats.json_records import json_records

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.fixed_dictionaries({"text": st.text(max_size=5), "more": values})


def found(text: str) -> list[Any]:
    records, faults = json_records("a", text)
    assert not faults
    return [record.value for record in records]


@given(st.lists(objects, min_size=1, max_size=5), st.sampled_from([None, 0, 3]), st.booleans())
def test_every_way_to_write_objects_reads_alike(
    content: list[Any], indent: int | None, ascii_only: bool
) -> None:
    """Lines, an array, an object with one beside other things, and objects one after another."""

    def write(value: object, indent: int | None = indent) -> str:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    assert found("\n \n".join(write(value, None) for value in content) + "\r\n") == content
    assert found(f" {write(content)}\n") == content
    assert found(write({"version": [1], "documents": content, "end": []})) == content
    if indent is not None:
        assert found("\n".join(map(write, content))) == content
        assert found("".join(write([value]) for value in content)) == content


@given(st.lists(objects, min_size=1, max_size=5), st.integers(0, 3))
def test_records_know_their_lines(content: list[Any], indent: int) -> None:
    text = json.dumps(content, indent=indent)
    records, _ = json_records("a", text)
    assert [record.number for record in records] == list(range(1, len(content) + 1))
    starts = [record.line for record in records]
    lines = text.split("\n")
    assert all(lines[line - 1].strip().startswith("{") for line in starts)
    assert starts[0] == 2
    for (line, value), after in zip(
        zip(starts, content, strict=True), [*starts[1:], len(lines)], strict=True
    ):
        assert json.loads("\n".join(lines[line - 1 : after - 1]).rstrip(",")) == value
    assert all(line < after for line, after in pairwise(starts))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            '[\n{"text": "a"},\n{"text": "b"',
            "3: invalid JSON: Expecting ',' delimiter at column 13",
        ),
        (
            '[\n{"text": "a"},\n',
            "3: invalid JSON: the array is cut off at column 1, after 1 records",
        ),
        (
            '[\n{"text": "a"}\n{"text": "b"}\n]',
            "3: invalid JSON: Expecting ',' delimiter at column 1",
        ),
        (
            '[\n{"text": "a"},\n]',
            "3: invalid JSON: Illegal trailing comma at column 1, after 1 rec",
        ),
        ('[{"text": "a"}, oops]', "1: invalid JSON: Expecting value at column 17, after 1 records"),
        (
            '[{"text": "a"}',
            "1: invalid JSON: Expecting ',' delimiter at column 15, after 1 records",
        ),
        ("[", "1: invalid JSON: the array is cut off at column 2, after 0 records"),
        ('{\n "text": "a",\n "x": 1\n', "4: invalid JSON: Expecting ',' delimiter at column 1, af"),
        ("[\n" + "[" * 100_000, "2: invalid JSON: maximum recursion depth exceeded"),
    ],
)
def test_a_document_that_breaks_off_is_refused_with_its_line(text: str, place: str) -> None:
    with pytest.raises(BrokenCorpusError) as caught:
        json_records("a", text)
    assert str(caught.value).startswith(f"a:{place}")


def test_lines_that_are_broken_leave_the_others_standing() -> None:
    """Also the first, and one that begins as a document does."""
    for broken in ("{", '{"text": "a"', '{"text": }', "}"):
        records, faults = json_records("a", f'{broken}\n{{"text": "b"}}\nno\n{{"text": "c"}}')
        assert [(record.line, record.value["text"]) for record in records] == [(2, "b"), (4, "c")]
        assert [(fault.line, fault.kind) for fault in faults] == [(1, "row"), (3, "row")]
