"""The labelled files of a training run, as the parts that training takes."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from model.corpora import LabelledSentence, read_labelled, split_sentences
from schemas.errors import UsageError


@dataclass(frozen=True)
class Parts:
    """The labelled sentences of a training run."""

    train: Sequence[LabelledSentence]
    dev: Sequence[LabelledSentence]
    test: Sequence[LabelledSentence]

    def described(self) -> dict[str, str]:
        return {
            name: f"{len(part):,} sentences, {sum(len(s.words) for s in part):,} words"
            for name, part in (("train", self.train), ("dev", self.dev), ("test", self.test))
            if part
        }


def read_parts(flags: argparse.Namespace) -> Parts:
    """The parts that the flags name; raises UsageError for what cannot be trained on."""
    train = _read(flags.train)
    if flags.dev:
        dev = _read(flags.dev)
    else:
        if not 0 < flags.validation_split < 1:
            raise UsageError(
                f"--validation_split is {flags.validation_split}, expected more than 0 and below 1"
            )
        train, dev = split_sentences(train, flags.validation_split, flags.seed)
    if not any(tag != "O" for sentence in train for tag in sentence.tags):
        raise UsageError(f"--train {flags.train} holds no entity: there is nothing to learn")
    if not dev:
        raise UsageError(f"--train {flags.train} holds too few sentences to split: give --dev")
    return Parts(train, dev, _read(flags.test) if flags.test else ())


def _read(path: str) -> list[LabelledSentence]:
    corpus = read_labelled(path)
    if corpus.documents:
        raise UsageError(f"{path} holds documents; training reads sentences (Kaggle CSV or CoNLL)")
    return list(corpus.sentences)
