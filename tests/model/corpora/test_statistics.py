"""The report counts what is there, warns of what is odd, and stops what is pointless."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.train.data.data_report import LABELS_SHOWN, format_report
from jobs.train.data.findings import pointless, warnings_of
from model.corpora import LabelledCorpus, LabelledSentence
from model.corpora.illegal_tags import IllegalTag
from model.corpora.projection import Misfit
from model.corpora.records import Encoding, Remark
from model.corpora.statistics import DataReport, LabelledPart, SourceFile, report_of
from model.tagger.vocabulary import normalize
from model.tags import Span, spans_of, tags_of
from model.text.segmentation import TOKEN_STYLES, TokenStyle, retokenize

FILE = SourceFile.of(LabelledCorpus("a.conll", "conll", "IOB2"))


def part(
    name: str, *sentences: LabelledSentence, source: SourceFile | None = FILE, origin: str = "a"
) -> LabelledPart:
    return LabelledPart(name, origin, source, sentences)


def sentence(text: str, *labels: str) -> LabelledSentence:
    """The first words have these labels, a span each."""
    words = tuple(text.split(" "))
    tags = [f"B-{label}" for label in labels]
    return LabelledSentence(words, (*tags, *["O"] * (len(words) - len(tags))), 7)


# ---------------------------------------------------------------- the counts

words = st.lists(st.sampled_from(["Oban", "oban", "ferry-boat", "1890", "1907", "."]), min_size=1)


@st.composite
def labelled(draw: st.DrawFn) -> LabelledSentence:
    text = draw(st.one_of(words, st.just(["Oban", "."])))
    ends = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=5))))
    label = st.sampled_from(["geo", "per", "O"])
    spans = [Span(a, b, name) for a, b in pairwise(ends) if (name := draw(label)) != "O"]
    return LabelledSentence(tuple(text), tuple(tags_of(spans, len(text))))


@given(
    st.lists(labelled(), max_size=20),
    st.lists(labelled(), max_size=20),
    st.sampled_from(TOKEN_STYLES),
)
def test_every_count_is_that_of_a_plain_loop(
    train: list[LabelledSentence], dev: list[LabelledSentence], style: TokenStyle
) -> None:
    """In the tokens of the style, but texts are compared by their fine tokens."""
    report = report_of(part("train", *train), part("dev", *dev), tokens=style)
    cut, fine = (
        [[retokenize(item.words, item.tags, cut)[0] for item in items] for items in (train, dev)]
        for cut in (style, "fine")
    )
    known = {normalize(token) for tokens in cut[0] for token in tokens}
    for found, sentences, tokens, texts in zip(report.parts, (train, dev), cut, fine, strict=True):
        assert found.sentences == len(sentences)
        assert found.tokens == sum(map(len, tokens))
        spans = Counter(span.label for item in sentences for span in spans_of(item.tags))
        assert found.entities == spans
        assert list(found.entities.values()) == sorted(spans.values(), reverse=True)
        assert found.repeated == sum(text in texts[:i] for i, text in enumerate(texts))
        lengths = sorted(map(len, tokens))
        for quantile, length in (
            (0.5, found.lengths.median),
            (0.9, found.lengths.percentile_90),
            (0.99, found.lengths.percentile_99),
            (1, found.lengths.longest),
        ):
            enough = (n for n in lengths if sum(m <= n for m in lengths) >= quantile * len(lengths))
            assert length == next(enough, 0)
    assert (report.train.in_train, report.train.unknown_tokens) == (None, None)
    assert report.parts[1].in_train == sum(text in fine[0] for text in fine[1])
    unknown = sum(normalize(token) not in known for tokens in cut[1] for token in tokens)
    assert report.parts[1].unknown_tokens == unknown


# ---------------------------------------------------------------- what is pointless

TRAIN = part("train", *(sentence(f"Oban sank twice {i}", "geo") for i in "abcdefghijklmnopqrstu"))
DEV = part("dev", sentence("Mull rose", "geo"))


def test_sound_data_gives_no_reason_to_speak() -> None:
    report = report_of(TRAIN, DEV)
    assert pointless(report) is None
    assert warnings_of(report) == []
    assert "warnings" not in format_report(report, 5)


@pytest.mark.parametrize(
    ("train", "dev", "reason"),
    [
        (part("train", sentence("Nobody came")), DEV, "--train a holds no entity: there is noth"),
        (
            TRAIN,
            part("dev", source=None, origin="10% of a"),
            "--train a holds too few sentences to split: give --dev",
        ),
        (TRAIN, part("dev"), "--dev a holds no sentence: it cannot tell"),
        (TRAIN, part("dev", sentence("Mull")), "--dev a holds no entity: it cannot tell"),
        (
            TRAIN,
            part("dev", sentence("Mull", "GEO"), source=None, origin="10% of a"),
            "dev, 10% of a, holds none of the labels of --train a (geo (21)), but GEO (1)",
        ),
        (
            TRAIN,
            part("dev", TRAIN.sentences[3], TRAIN.sentences[3]),
            "every sentence of --dev a stands in --train a too: scores on it would praise",
        ),
    ],
)
def test_pointless_training_is_named_in_one_sentence(
    train: LabelledPart, dev: LabelledPart, reason: str
) -> None:
    report = report_of(train, dev)
    told = pointless(report)
    assert told is not None
    assert told.startswith(reason)
    assert "\n" not in told
    assert format_report(report, 5)


def test_a_test_part_never_makes_training_pointless() -> None:
    for test in (part("test", *TRAIN.sentences), part("test", sentence("x"))):
        assert pointless(report_of(TRAIN, DEV, test)) is None


# ---------------------------------------------------------------- warnings


def only_warning(report: DataReport) -> Remark:
    (warned,) = warnings_of(report)
    assert "\n" not in warned.text
    assert f"- {warned.text}" in format_report(report, 5).splitlines()
    return warned


def test_illegal_tags_are_counted_and_the_first_listed() -> None:
    illegal = tuple(IllegalTag(line, "I-x after O") for line in range(3, 12))
    source = replace(FILE, illegal_tags=illegal)
    report = report_of(replace(TRAIN, source=source), DEV)
    warned = only_warning(report)
    assert warned.text.startswith("9 tags of a.conll are illegal in IOB2, and read as conlleval")
    assert warned.places == tuple(f"a.conll:{n}: I-x after O" for n in range(3, 12))
    few, every = format_report(report, 5), format_report(report, 9)
    assert few.endswith("\n    a.conll:7: I-x after O\n    and 4 more (--mistakes 9 lists all)")
    assert every.endswith("\n    a.conll:10: I-x after O\n    a.conll:11: I-x after O")


def test_misfits_are_counted_the_first_listed_and_their_text_escaped() -> None:
    cut = Misfit("d\x1b", 1, Span(0, 3, "g\x07"), "Ob\x1b[2J", "boundary", ("Oban\n",))
    long = Misfit("e", 1, Span(0, 99, "geo"), "é" * 99, "overlap")
    source = replace(FILE, misfits=(cut, long, *[cut] * 20))
    report = report_of(replace(TRAIN, source=source), DEV)
    warned = only_warning(report)
    assert warned.text.startswith("22 spans of a.conll are not whole tokens of one sentence: ")
    assert warned.places[0] == (
        "a.conll:1: d\\x1b [0, 3) g\\x07 'Ob\\x1b[2J' begins or ends within a token or a blank; "
        "tagged: 'Oban\\n'"
    )
    assert warned.places[1] == (
        f"a.conll:1: e [0, 99) geo '{'é' * 59}…' overlaps a span that is tagged instead"
    )
    assert len(warned.places) == 22
    text, every = format_report(report, 20), format_report(report, 22)
    assert text.count("\n    a.conll:1: d\\x1b [0, 3)") == 19
    assert text.endswith("\n    and 2 more (--mistakes 22 lists all)")
    assert every.count("\n    a.conll:1: d\\x1b [0, 3)") == 21
    assert all(line.isprintable() for line in every.split("\n"))


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-8 with BOM", "latin-1", "cp1252"])
def test_only_bytes_of_cp1252_are_warned_of(encoding: Encoding) -> None:
    report = report_of(replace(TRAIN, source=replace(FILE, encoding=encoding)), DEV)
    if encoding == "cp1252":
        assert "convert it with iconv -f cp1252 -t utf-8" in only_warning(report).text
    else:
        assert warnings_of(report) == []
        assert f"CoNLL, IOB2, {encoding}\n" in format_report(report, 5)


def test_labels_that_train_lacks_are_named() -> None:
    dev = part("dev", sentence("Mull Iona rose", "geo", "vessel"))
    warned = only_warning(report_of(TRAIN, dev))
    assert warned.text.startswith("train lacks labels of dev, vessel (1), which no model of it can")


def test_rare_labels_are_named() -> None:
    train = part("train", *TRAIN.sentences, sentence("Ada sank", "person"))
    warned = only_warning(report_of(train, DEV))
    assert warned.text.startswith("train has fewer than 20 spans of person (1): label more")
    assert warnings_of(report_of(replace(TRAIN, sentences=TRAIN.sentences[:20]), DEV)) == []


@pytest.mark.parametrize(
    ("rare", "usual", "times", "slip"),
    [
        ("Geo", "geo", 1, True),
        ("GENE-NAME", "gene_name", 1, True),
        ("perzon", "person", 50, True),
        ("persn", "person", 50, True),
        ("persons", "person", 50, True),
        ("peron", "person", 50, True),
        ("presom", "person", 50, False),
        ("pesron", "person", 50, True),
        ("person", "persons", 10, True),
        ("person", "persons", 9, False),  # both in use
        ("level1", "level2", 50, False),
        ("LOC", "ORG", 50, False),
        ("AB", "AC", 50, False),
        ("+", "-", 50, False),
    ],
)
def test_labels_that_look_like_slips_are_named(
    rare: str, usual: str, times: int, slip: bool
) -> None:
    for first, second in (((rare, 1), (usual, times)), ((usual, times), (rare, 1))):
        sentences = [sentence("Oban", label) for label, n in (first, second) for _ in range(n)]
        warnings = warnings_of(report_of(part("train", *sentences), DEV))
        told = [warned.text for warned in warnings if "looks like a slip for" in warned.text]
        assert len(told) == slip
        if times > 1:
            assert told == [
                f"the label {rare} (1) looks like a slip for {usual} ({times}): if it is, rename it"
            ] * slip  # fmt: skip


@pytest.mark.parametrize(("times", "slip"), [(100, True), (99, False)])
def test_a_label_that_stands_twice_has_to_be_rarer_to_be_a_slip(times: int, slip: bool) -> None:
    sentences = [sentence("Oban", "person")] * 2 + [sentence("Oban", "persons")] * times
    warnings = warnings_of(report_of(part("train", *sentences), DEV))
    assert slip == any("looks like a slip for" in warned.text for warned in warnings)


def test_sentences_of_both_sides_are_counted() -> None:
    test = part("test", sentence("Mull rose", "geo"), sentence("Oban sank twice a", "geo"))
    warned = only_warning(report_of(TRAIN, DEV, test))
    assert warned.text.startswith("1 of 2 sentences of test (50.0%) stand in train too")


def test_texts_are_compared_as_they_will_be_cut() -> None:
    train = part("train", *TRAIN.sentences, sentence("Port-Ellen rose", "geo"))
    dev = part("dev", *DEV.sentences, sentence("Port - Ellen rose", "geo"))
    assert report_of(train, dev).parts[1].in_train == 1


def test_many_repeated_sentences_are_warned_of() -> None:
    train = part("train", *TRAIN.sentences, *TRAIN.sentences[:2])
    warned = only_warning(report_of(train, DEV))
    assert warned.text.startswith("2 of 23 sentences of train (8.7%) repeat an earlier one: take")
    few = part("train", *TRAIN.sentences, TRAIN.sentences[0])
    assert warnings_of(report_of(few, DEV)) == []


def test_a_sentence_of_impossible_length_is_warned_of() -> None:
    endless = sentence("Oban " * 512 + ".", "geo")
    warned = only_warning(report_of(part("train", *TRAIN.sentences, endless), DEV))
    assert warned.text.startswith("the longest sentence of train at line 7 has 513 tokens: see")


# ---------------------------------------------------------------- the text


def test_the_text_is_a_table_with_a_column_a_part() -> None:
    dev = part("dev", sentence("Mull rose", "geo"), source=None, origin="10% of a.conll")
    train = replace(TRAIN, origin="a.conll")
    assert format_report(report_of(train, dev), 5) == (
        "data\n"
        "  train  a.conll         CoNLL, IOB2, UTF-8\n"
        "  dev    10% of a.conll\n"
        "  tokens: cut at every punctuation mark\n"
        "\n"
        "                                 train          dev\n"
        "  sentences                         21            1\n"
        "    repeated                         0    0.0%    0    0.0%\n"
        "    in train too                     -            0    0.0%\n"
        "  tokens                            84            2\n"
        "    unknown to train                 -            2  100.0%\n"
        "  tokens a sentence: half up to      4            2\n"
        "    90% up to                        4            2\n"
        "    99% up to                        4            2\n"
        "    all up to                        4            2\n"
        "  entities                          21            1\n"
        "    geo                             21  100.0%    1  100.0%"
    )


def test_the_style_of_the_tokens_is_named_and_counted_in() -> None:
    train = part("train", *TRAIN.sentences, sentence("Oban joined the U.S. in part", "geo"))
    fine, whole = (report_of(train, DEV, tokens=style) for style in TOKEN_STYLES)
    assert (fine.train.tokens, whole.train.tokens) == (84 + 9, 84 + 6)
    assert "\n  tokens: whole words (U.S. stays one token)\n" in format_report(whole, 5)


def test_of_very_many_labels_the_most_frequent_are_shown() -> None:
    sentences = [sentence("x", f"label{i:03}") for i in range(90) for _ in range(90 - i)]
    lines = format_report(report_of(part("train", *sentences), DEV), 5).splitlines()
    shown = [line.split()[0] for line in lines if line.startswith("    label")]
    assert shown == [f"label{i:03}" for i in range(LABELS_SHOWN)]
    assert f"    and {91 - LABELS_SHOWN} labels more" in lines
