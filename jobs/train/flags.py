"""The flags of training, and the configurations they make."""

import argparse
from typing import get_args

from model.corpora.records import Offsets
from model.text.segmentation import TOKEN_STYLES
from model.training.configuration import NetworkConfig, TrainingConfig
from model.training.word_vectors import GLOVE
from pipeline.console.arguments import Parser
from pipeline.console.commands import called
from pipeline.console.flags import add_flags, from_flags


def configurations(flags: argparse.Namespace) -> tuple[NetworkConfig, TrainingConfig]:
    """What the flags describe; raises UsageError for values that are off."""
    return from_flags(NetworkConfig, flags), from_flags(TrainingConfig, flags)


def training_parser() -> Parser:
    """All flags of `jobs.train`; those of the configurations are made from their fields."""
    parser = Parser(
        prog=called("jobs.train"),
        synopsis="--train FILE --output DIR [FLAG ...]",
        description="Train a tagger on labelled sentences.",
        examples=(
            "--train ner.csv --check",
            "--train ner.csv --output models/mine",
            "--train a.conll --dev b.conll --output mine --patience 3",
        ),
    )
    add = parser.add_argument_group("data").add_argument
    add("--train", required=True, metavar="FILE", help="labelled: csv, CoNLL, JSON, Parquet")
    add("--dev", metavar="FILE", help="decides which epoch is kept")
    text = "without --dev: the share that is dev"
    add("--validation_split", type=float, default=0.1, metavar="F", help=text)
    add("--test", metavar="FILE", help="measured once, at the end")
    text = "of spans: codepoints, utf16 or auto (default: auto)"
    add("--offsets", choices=get_args(Offsets), default="auto", metavar="UNIT", help=text)
    add("--vectors", metavar="NAME", help=f"{GLOVE}, or a text file of word vectors")
    add("--language", default="en", metavar="CODE", help="whose rules cut sentences")
    add(
        "--tokens",
        choices=("auto", *TOKEN_STYLES),
        default="auto",
        metavar="STYLE",
        help="fine, whole (U.S.) or auto: as --train (default: auto)",
    )
    add("--output", metavar="DIR", help="the model's new directory")
    add("--name", metavar="NAME", help="of the model (default: the directory's)")
    add("--check", action="store_true", help="report on the data and stop")
    text = "places listed of each finding"
    add("--mistakes", type=int, default=5, metavar="N", help=text)
    add("--resume", action="store_true", help="go on with an interrupted training")
    add("--logs", metavar="DIR", help="for epochs.csv and TensorBoard's events")
    add_flags(parser.add_argument_group("network"), NetworkConfig)
    add_flags(parser.add_argument_group("training"), TrainingConfig)
    return parser
