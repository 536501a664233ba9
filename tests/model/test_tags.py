"""Spans and tags agree with conlleval, with each other and with the definition of each scheme."""

import pickle
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tags import SCHEMES, Span, TagSet, is_tag, scheme_of, spans_of, tags_of, to_iob2

LABELS = ("geo", "per", "x-y")
schemes = st.sampled_from(list(SCHEMES))
each_scheme = pytest.mark.parametrize("scheme", list(SCHEMES))


@st.composite
def spans_and_length(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans of a sentence, often touching each other, and the sentence's length."""
    spans, position = [], 0
    for gap, size, label in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(LABELS)), max_size=6
        )
    ):
        spans.append(Span(position + gap, position + gap + size, label))
        position += gap + size
    return spans, position + draw(st.integers(0, 3))


def any_tags(prefixes: str) -> st.SearchStrategy[list[str]]:
    tags = ["O", *(f"{prefix}-{label}" for prefix in prefixes for label in LABELS)]
    return st.lists(st.sampled_from(tags), max_size=12)


def conlleval_spans(tags: list[str]) -> list[Span]:
    """The rules startOfChunk and endOfChunk of conlleval, in the complete form of seqeval."""
    spans = []
    start, previous, previous_label = 0, "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        ends = (
            previous in ("E", "S")
            or (previous in ("B", "I") and prefix in ("B", "S", "O"))
            or (previous != "O" and previous_label != label)
        )
        begins = (
            prefix in ("B", "S")
            or (previous in ("E", "S", "O") and prefix in ("E", "I"))
            or (prefix != "O" and previous_label != label)
        )
        if ends:
            spans.append(Span(start, position, previous_label))
        if begins:
            start = position
        previous, previous_label = prefix, label
    return spans


def iob1_of(spans: list[Span], length: int) -> list[str]:
    """IOB1: `B-` only where a span touches one of its own label."""
    tags = ["O"] * length
    for span in spans:
        touches = any(other.end == span.start and other.label == span.label for other in spans)
        tags[span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        if touches:
            tags[span.start] = f"B-{span.label}"
    return tags


def enclosed_of(spans: list[Span], length: int, prefixes: str) -> list[str]:
    """BIOES, its spellings and IOB2; `prefixes` are those of begin, inside, end and single."""
    begin, inside, end, single = list(prefixes)
    tags = ["O"] * length
    for span in spans:
        size = span.end - span.start
        marks = single if size == 1 else begin + inside * (size - 2) + end
        tags[span.start : span.end] = [f"{mark}-{span.label}" for mark in marks]
    return tags


@given(spans_and_length(), schemes)
def test_spans_survive_the_way_to_tags_and_back(case: tuple[list[Span], int], scheme: str) -> None:
    spans, length = case
    assert spans_of(tags_of(reversed(spans), length, scheme)) == spans


@given(spans_and_length())
def test_spans_are_written_as_the_schemes_define(case: tuple[list[Span], int]) -> None:
    assert tags_of(*case) == tags_of(*case, "BIO") == enclosed_of(*case, "BIIB")
    assert tags_of(*case, "BIOES") == enclosed_of(*case, "BIES")


@given(any_tags("BIES"))
def test_spans_are_those_of_conlleval_for_any_sequence(tags: list[str]) -> None:
    assert spans_of(tags) == conlleval_spans(tags)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        (["I-per"], [Span(0, 1, "per")]),
        (["O", "I-per", "I-per"], [Span(1, 3, "per")]),
        (["B-per", "I-geo"], [Span(0, 1, "per"), Span(1, 2, "geo")]),
        (["B-per", "B-per"], [Span(0, 1, "per"), Span(1, 2, "per")]),
        (["B-a-b", "I-a-b", "O"], [Span(0, 2, "a-b")]),
        (["B-per", "E-per", "I-per"], [Span(0, 2, "per"), Span(2, 3, "per")]),
    ],
)
def test_spans_of_hand_read_sequences(tags: list[str], spans: list[Span]) -> None:
    assert spans_of(tags) == spans


@given(spans_and_length())
def test_all_schemes_of_a_sentence_become_the_same_iob2(case: tuple[list[Span], int]) -> None:
    spans, length = case
    iob2 = tags_of(spans, length)
    assert to_iob2(iob2) == iob2
    assert to_iob2(iob1_of(spans, length)) == iob2
    for prefixes in ("BIES", "BMES", "BILU"):
        assert to_iob2(enclosed_of(spans, length, prefixes)) == iob2


@pytest.mark.parametrize("tag", ["", "o", "B", "B-", "B_per", "X-per", "per", "-per", "B- per"])
def test_a_tag_of_unknown_shape_is_refused(tag: str) -> None:
    assert not is_tag(tag)
    with pytest.raises(ValueError, match="is not a tag") as caught:
        spans_of(["O", tag])
    assert repr(tag) in str(caught.value)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 2, "per"), Span(1, 3, "geo")], "overlaps another span"),
        ([Span(0, 2, "per"), Span(0, 2, "per")], "overlaps another span"),
        ([Span(2, 4, "per")], "is empty or not within 3 tokens"),
        ([Span(-1, 1, "per")], "is empty or not within 3 tokens"),
        ([Span(1, 1, "per")], "is empty or not within 3 tokens"),
        ([Span(0, 1, "")], "has no proper label"),
    ],
)
def test_spans_that_no_tags_can_carry_are_refused(spans: list[Span], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tags_of(spans, 3)


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([["I-per", "B-per", "O"], ["O", "I-geo"]], "IOB1"),
        ([["I-per", "I-geo"]], "IOB1"),
        ([["O", "B-per", "I-per"], ["B-per", "B-per"]], "IOB2"),
        ([["O", "B-per"], ["O", "I-per"]], "IOB2"),
        ([["O", "O"]], "IOB2"),
        ([], "IOB2"),
        ([["O", "I-per"], ["S-per"]], "BIOES"),
        ([["B-per", "L-per"]], "BIOES"),
        ([["O"], ["U-per"]], "BIOES"),
    ],
)
def test_the_scheme_is_a_property_of_the_whole_file(
    sentences: list[list[str]], scheme: str
) -> None:
    assert scheme_of(sentences) == scheme


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("BIO", ("O", "B-geo", "I-geo", "B-per", "I-per")),
        (
            "BIOES",
            ("O", "B-geo", "I-geo", "E-geo", "S-geo", "B-per", "I-per", "E-per", "S-per"),
        ),
    ],
)
def test_tags_stand_in_a_fixed_order_whatever_order_the_labels_come_in(
    scheme: str, tags: tuple[str, ...]
) -> None:
    tag_set = TagSet.from_labels(["per", "geo", "per"], scheme)
    assert tag_set == TagSet(("geo", "per"), scheme)
    assert tag_set.tags == tags
    assert [tag_set.index[tag] for tag in tag_set.tags] == list(range(len(tags)))
    assert TagSet.from_tags([["O", "I-per"], ["B-geo"]], scheme) == tag_set


def is_legal(tag_set: TagSet, path: list[int]) -> bool:
    return bool(
        tag_set.legal_start[path[0]]
        and tag_set.legal_end[path[-1]]
        and tag_set.legal_transition[path[:-1], path[1:]].all()
    )


@each_scheme
@pytest.mark.parametrize("labels", [(), ("per",), LABELS])
def test_a_sequence_is_legal_where_it_is_what_the_scheme_writes_for_its_spans(
    labels: tuple[str, ...], scheme: str
) -> None:
    tag_set = TagSet(labels, scheme)
    for length in (1, 2, 3):
        for tags in product(tag_set.tags, repeat=length):
            written = tags_of(spans_of(tags), length, scheme)
            path = [tag_set.index[tag] for tag in tags]
            assert is_legal(tag_set, path) == (written == list(tags)), tags


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_schemes_can_write_the_same_spans_each_in_one_way(length: int) -> None:
    written = []
    for scheme in SCHEMES:
        tag_set = TagSet(LABELS[:2], scheme)
        paths = product(range(len(tag_set.tags)), repeat=length)
        legal = [list(path) for path in paths if is_legal(tag_set, list(path))]
        spans = {tuple(spans_of([tag_set.tags[tag] for tag in path])) for path in legal}
        assert len(spans) == len(legal)
        written.append(spans)
    assert written[0] == written[1]


@given(any_tags("BIES"), schemes, st.sets(st.sampled_from(LABELS)))
def test_encoded_tags_are_legal_and_keep_the_spans_of_known_labels(
    tags: list[str], scheme: str, labels: set[str]
) -> None:
    tag_set = TagSet.from_labels(labels, scheme)
    encoded = tag_set.encode(tags)
    assert len(encoded) == len(tags)
    assert not encoded or is_legal(tag_set, encoded)
    kept = [span for span in spans_of(tags) if span.label in labels]
    assert spans_of([tag_set.tags[tag] for tag in encoded]) == kept


def test_a_span_of_an_unknown_label_is_outside_as_a_whole() -> None:
    tag_set = TagSet(("per",), "BIOES")
    assert tag_set.encode(["B-geo", "I-geo", "B-per", "I-per", "B-per"]) == [0, 0, 1, 3, 4]
    with pytest.raises(ValueError, match="'per' is not a tag"):
        tag_set.encode(["O", "per"])


@each_scheme
def test_arrays_of_a_tag_set_say_what_its_tags_say(scheme: str) -> None:
    tag_set = TagSet(LABELS, scheme)
    for position, tag in enumerate(tag_set.tags):
        label = tag_set.label_of[position]
        assert label == (LABELS.index(tag[2:]) if tag != "O" else -1)
        assert tag_set.begins[position] == (tag[0] in "BS")
        assert tag_set.continues[position] == (tag[0] in "IE")
    for size in (1, 2, 4):
        for label, name in enumerate(LABELS):
            begin, inside, end, single = (int(tags[label]) for tags in tag_set.span_tags)
            path = [begin, *[inside] * (size - 2), end] if size > 1 else [single]
            names = [tag_set.tags[tag] for tag in path]
            assert names == tags_of([Span(0, size, name)], size, scheme)


@each_scheme
def test_arrays_cannot_be_changed_also_after_pickling(scheme: str) -> None:
    tag_set = TagSet(("geo", "per"), scheme)
    assert not tag_set.legal_transition.flags.writeable
    again = pickle.loads(pickle.dumps(tag_set))  # noqa: S301 - our own bytes
    assert again == tag_set
    for array in (
        *(again.label_of, again.begins, again.continues, *again.span_tags),
        *(again.legal_start, again.legal_transition, again.legal_end),
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("per", "geo"), "repeated or out of order: per, geo"),
        (("geo", "geo"), "repeated or out of order: geo, geo"),
        (("",), "'' is not a label"),
        ((" geo",), "' geo' is not a label"),
    ],
)
def test_improper_labels_are_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TagSet(labels)


@pytest.mark.parametrize("scheme", ["IOB2", "bio", ""])
def test_an_unknown_scheme_is_refused(scheme: str) -> None:
    message = f"tag scheme '{scheme}' is not known, expected 'BIO' or 'BIOES'"
    with pytest.raises(ValueError, match=message):
        TagSet(("geo",), scheme)
    with pytest.raises(ValueError, match=message):
        tags_of([], 3, scheme)
