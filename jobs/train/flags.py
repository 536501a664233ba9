"""The flags of training, and the configurations they make."""

import argparse
from dataclasses import fields
from typing import TypeVar

from model.text.segmentation import TOKEN_STYLES
from model.training.configuration import NetworkConfig, TrainingConfig
from model.training.word_vectors import GLOVE
from pipeline.console.arguments import Parser

Config = TypeVar("Config", NetworkConfig, TrainingConfig)

# Flag -> what it means. Names, types and defaults are those of the configurations' fields.
_NETWORK_FLAGS = {
    "embedding_size": "of the word embedding",
    "character_size": "of the character embedding",
    "character_filters": "of the character convolution",
    "character_width": "characters that a filter spans",
    "casing_size": "of the casing embedding",
    "units": "LSTM units per direction",
    "dropout": "share of the LSTM's output dropped",
    "input_dropout": "share of the words' features dropped",
    "recurrent_dropout": "share of the LSTM's state dropped",
    "word_dropout": "share of words left without vectors",
    "kernel_initializer": "a Keras initializer",
}
_TRAINING_FLAGS = {
    "scheme": "of the tags: BIO or BIOES",
    "batch_size": "sentences a step",
    "epochs": "passes over the sentences",
    "optimizer": "a Keras optimizer",
    "learning_rate": "once warm; it falls linearly",
    "final_rate": "share of the rate at the last step",
    "clipnorm": "largest norm of the whole gradient",
    "average_decay": "of the averaged weights; 0: none",
    "min_word_count": "rarer words are unknown words",
    "vocabulary_size": "words kept in all",
    "unknown_rate": "seen n times: unknown by r / (r + n)",
    "monitor": "the value that decides what is kept",
    "mode": "max or min is best; auto: by its name",
    "save_best_only": "true: the best epoch, false: the last",
    "patience": "epochs without a better one; 0: all",
    "verbose": "0 none, 1 redrawn, 2 a line an epoch",
    "seed": "same seed, same weights",
}

_METAVARS = {int: "N", float: "X", str: "NAME", bool: "BOOL"}


def configuration(kind: type[Config], flags: argparse.Namespace) -> Config:
    """The configuration that the flags describe; raises UsageError for values that are off."""
    return kind(**{field.name: getattr(flags, field.name) for field in fields(kind)})


def _boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{value!r} is neither true nor false")
    return value.lower() == "true"


def training_parser() -> Parser:
    """All flags of `jobs.train`; names, types and defaults are those of the configurations."""
    parser = Parser(
        prog="python -m jobs.train",
        synopsis="--train FILE --output DIR [FLAG ...]",
        description="Train a tagger on labelled sentences.",
        examples=(
            "--train ner.csv --check",
            "--train ner.csv --output models/mine",
            "--train a.conll --dev b.conll --output mine --patience 3",
        ),
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--train", required=True, metavar="FILE", help="labelled: csv, CoNLL, .iob2, jsonl"
    )
    data.add_argument("--dev", metavar="FILE", help="decides which epoch is kept")
    data.add_argument(
        "--validation_split",
        type=float,
        default=0.1,
        metavar="F",
        help="without --dev: the share that is dev",
    )
    data.add_argument("--test", metavar="FILE", help="measured once, at the end")
    data.add_argument("--vectors", metavar="NAME", help=f"{GLOVE}, or a text file of word vectors")
    data.add_argument("--language", default="en", metavar="CODE", help="whose rules cut sentences")
    data.add_argument(
        "--tokens",
        choices=("auto", *TOKEN_STYLES),
        default="auto",
        metavar="STYLE",
        help="fine: cut at punctuation, whole: U.S. is one word, auto: as the sentences are "
        "(default: auto)",
    )
    data.add_argument("--output", metavar="DIR", help="the model's new directory")
    data.add_argument("--name", metavar="NAME", help="of the model (default: the directory's)")
    data.add_argument("--check", action="store_true", help="report on the data and stop")
    data.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    data.add_argument("--logs", metavar="DIR", help="for epochs.csv and TensorBoard's events")
    for title, kind, texts in (
        ("network", NetworkConfig, _NETWORK_FLAGS),
        ("training", TrainingConfig, _TRAINING_FLAGS),
    ):
        group = parser.add_argument_group(title)
        for field in fields(kind):
            value_type = type(field.default)
            group.add_argument(
                f"--{field.name}",
                type=_boolean if value_type is bool else value_type,
                default=field.default,
                metavar=_METAVARS[value_type],
                help=texts[field.name],
            )
    return parser
