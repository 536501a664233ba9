"""Labelled sentences in the tokens of extraction, for training and evaluation alike."""

import subprocess
import sys

from model.corpora import LabelledSentence
from model.corpora.tokenized import TokenizedSentences
from model.text.segmentation import token_offsets


def test_words_are_cut_as_extraction_cuts_them() -> None:
    sentences = [
        LabelledSentence(("O'Neil", "left", "Lisbon-West", "."), ("B-per", "O", "B-geo", "O"), 1),
        LabelledSentence(("Nobody", "came"), ("O", "O"), 6),
    ]
    cut = TokenizedSentences.of(sentences)
    assert (len(cut), cut.tokens) == (2, 10)
    assert cut.words[0] == ["O", "'", "Neil", "left", "Lisbon", "-", "West", "."]
    assert cut.tags[0] == ["B-per", "I-per", "I-per", "O", "B-geo", "I-geo", "I-geo", "O"]
    for words in cut.words:
        assert len(token_offsets(" ".join(words))[0]) == len(words)


def test_reading_and_cutting_imports_no_tensorflow() -> None:
    code = (
        "import sys, model.corpora.tokenized, model.evaluation.mistakes\n"
        "assert not {'tensorflow', 'keras', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
