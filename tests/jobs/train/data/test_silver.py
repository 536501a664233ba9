"""Labels of other teachers: what they mean, what is learnt of them, how they agree with gold."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.train.data.silver import GoldTexts, SilverMeanings, SilverPart, silver_part
from model.corpora import LabelledSentence, read_labelled
from model.evaluation.entity_scores import ScoreRow
from model.text.segmentation import Segmentation
from schemas.errors import UsageError

ENGLISH = Segmentation()
GOLD = ("geo", "gpe", "per")


def sentence(*pairs: str) -> LabelledSentence:
    words, tags = zip(*(pair.split("/") for pair in pairs), strict=True)
    return LabelledSentence(words, tags)


SHOWN = [
    sentence("Maria/B-per", "left/O", "Porto/B-geo", "./O"),
    sentence("The/O", "French/B-gpe", "stayed/O", "./O"),
]
HIDDEN = [sentence("Rui/B-per", "slept/O", "./O")]


def part(
    tmp_path: Path,
    *documents: tuple[str, Sequence[tuple[str, str]]],
    meanings: Sequence[str] = (),
    **more: Any,
) -> SilverPart:
    """Texts, and what the teacher found in each: the words and their label."""
    file = tmp_path / "silver.jsonl"
    file.write_text(
        "".join(
            json.dumps(
                {
                    "text": text,
                    "entities": [
                        [text.index(word), text.index(word) + len(word), label]
                        for word, label in found
                    ],
                    **more,
                }
            )
            + "\n"
            for text, found in documents
        )
    )
    return silver_part(
        read_labelled(file, silver=True),
        ENGLISH,
        SilverMeanings.of(meanings, GOLD),
        GoldTexts.of(ENGLISH, SHOWN, HIDDEN),
        0.5,
    )


def test_new_texts_are_learnt_in_the_teachers_labels_with_their_weight(tmp_path: Path) -> None:
    found = part(tmp_path, ("Eva saw Faro.", [("Eva", "per"), ("Faro", "geo")]), score=0.75)
    assert found.sentences.words == [("Eva", "saw", "Faro", ".")]
    assert found.sentences.tags == [("B-per", "O", "B-geo", "O")]
    assert [list(each) for each in found.sentences.certainty] == [[0.75] * 4]
    assert found.sentences.weight == [0.5]
    assert found.sentences.teacher.known == {"geo", "per"}
    assert (found.spans, found.agreement, found.left_out) == ({"per": 1, "geo": 1}, None, 0)


def test_what_labels_mean_is_said(tmp_path: Path) -> None:
    """A label of several, one that is no entity, and one that says nothing of its tokens."""
    text = "Eva of France, a Dane, paid 5 pounds on Monday."
    found = part(
        tmp_path,
        (text, [("Eva", "PERSON"), ("France", "GPE"), ("5 pounds", "MONEY"), ("Monday", "DATE")]),
        meanings=["PERSON=per", "GPE=geo,gpe", "MONEY=O", "DATE="],
    )
    teacher = found.sentences.teacher
    assert teacher.meanings == {"PERSON": ("per",), "GPE": ("geo", "gpe"), "DATE": ()}
    assert teacher.known == {"per", "geo", "gpe"}
    tags = dict(zip(found.sentences.words[0], found.sentences.tags[0], strict=True))
    assert (tags["France"], tags["5"], tags["pounds"], tags["Monday"]) == (
        "B-GPE",
        "O",
        "O",
        "B-DATE",
    )


def test_a_label_whose_meaning_nobody_said_is_refused(tmp_path: Path) -> None:
    texts = ("Eva saw Faro.", [("Eva", "PERSON"), ("Faro", "LOC")])
    with pytest.raises(UsageError) as refused:
        part(tmp_path, texts, meanings=["LOC=geo"])
    assert str(refused.value) == (
        f"--silver {tmp_path / 'silver.jsonl'} has labels that --train lacks: PERSON (1); say what "
        "they mean with --silver_labels: PERSON=LABEL, PERSON=O for no entity, PERSON= for nothing"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PERSON", "--silver_labels 'PERSON' is no LABEL=LABEL"),
        ("=per", "--silver_labels '=per' is no LABEL=LABEL"),
        (
            "PERSON=pers",
            "--silver_labels PERSON=pers: --train has no label 'pers', did you mean per?",
        ),
        ("GPE=geo,", "--train has no label ''"),
        ("GPE=geo GPE=gpe", "--silver_labels says twice what GPE means"),
        ("GPE=O GPE=gpe", "--silver_labels says twice what GPE means"),
    ],
)
def test_meanings_that_are_none_are_refused(given: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        SilverMeanings.of(given.split(), GOLD)
    assert said in str(refused.value)


def test_texts_of_gold_are_compared_and_not_learnt(tmp_path: Path) -> None:
    """Whatever blanks they have; those of test are not even compared."""
    found = part(
        tmp_path,
        ("Maria left  Porto .", [("Maria", "per"), ("Porto", "gpe")]),
        ("The French stayed.", []),
        ("Rui slept.", [("Rui", "per")]),
        ("Eva slept.", [("Eva", "per")]),
    )
    assert found.sentences.words == [("Eva", "slept", ".")]
    assert found.left_out == 3
    agreement = found.agreement
    assert agreement is not None
    assert agreement.sentences == 2
    assert agreement.scores.micro == ScoreRow.of_counts(right=1, predicted=2, gold=2)
    assert agreement.taken_for.labels == ("gpe", "per")


def test_labels_that_a_teacher_does_not_know_are_no_mistakes_of_its(tmp_path: Path) -> None:
    """And of a label that may mean several it is given the one that is right."""
    found = part(
        tmp_path,
        ("Maria left Porto.", [("Porto", "LOC")]),
        ("The French stayed.", [("French", "LOC")]),
        meanings=["LOC=geo,gpe"],
    )
    assert found.agreement is not None
    assert found.agreement.scores.micro == ScoreRow(1.0, 1.0, 1.0, 2)


def test_a_teacher_whose_spans_of_a_label_are_no_entity_does_not_know_it(tmp_path: Path) -> None:
    """Also where gold has a label of that name."""
    found = part(tmp_path, ("Eva saw Faro.", [("Eva", "per"), ("Faro", "geo")]), meanings=["geo=O"])
    assert found.sentences.teacher.known == {"per"}
    assert found.sentences.tags == [("B-per", "O", "O", "O")]


def test_where_a_teacher_says_nothing_it_is_not_compared(tmp_path: Path) -> None:
    found = part(tmp_path, ("Maria left Porto.", [("Maria", "per")]), partial=True)
    assert found.agreement is not None
    assert found.agreement.scores.micro == ScoreRow(1.0, 1.0, 1.0, 1)


def test_sentences_in_which_extraction_cuts_one_of_gold_are_of_gold(tmp_path: Path) -> None:
    joined = sentence("Rui/B-per", "slept/O", "./O", "The/O", "ship/O", "sank/O", "./O")
    gold = GoldTexts.of(ENGLISH, [], [joined])
    assert gold.texts == {"Ruislept.Theshipsank.", "Ruislept.", "Theshipsank."}


def test_a_file_without_a_span_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no labelled span: it says nothing"):
        part(tmp_path, ("Eva slept.", []))


def test_files_of_words_and_tags_are_read_too(tmp_path: Path) -> None:
    file = tmp_path / "silver.conll"
    file.write_text("Eva\tB-PERSON\nleft\tO\nFaro-on-Sea\tB-DATE\n")
    meanings = SilverMeanings.of(["PERSON=per", "DATE=O"], GOLD)
    corpus = read_labelled(file, silver=True)
    found = silver_part(corpus, ENGLISH, meanings, GoldTexts.of(ENGLISH, SHOWN, HIDDEN), 1.0)
    [words], [tags] = found.sentences.words, found.sentences.tags
    assert list(words) == ["Eva", "left", "Faro", "-", "on", "-", "Sea"]
    assert list(tags) == ["B-PERSON", *["O"] * 6]
    assert [list(each) for each in found.sentences.certainty] == [[1.0] * 7]
