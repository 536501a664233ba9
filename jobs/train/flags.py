"""The flags of training, and the configurations they make."""

import argparse
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import get_args

from jobs.train.data import further
from model.corpora.records import Offsets
from model.text.segmentation import TOKEN_STYLES
from model.training.automatic import Choice, DataSize, automatic
from model.training.configuration import NetworkConfig, TrainingConfig
from model.training.word_vectors import GLOVE
from pipeline.console.arguments import Parser, number_or_auto
from pipeline.console.commands import called
from pipeline.console.flags import add_flags, from_flags


def configurations(
    flags: argparse.Namespace, chosen: Mapping[str, Choice] | None = None
) -> tuple[NetworkConfig, TrainingConfig]:
    """What the flags describe, with what is chosen for those that are not given.

    Raises UsageError for values that are off.
    """
    chosen = chosen or {}

    def values(kind: type) -> dict[str, float | str]:
        return {each.name: chosen[each.name].value for each in fields(kind) if each.name in chosen}

    fitting = from_flags(TrainingConfig, flags, **values(TrainingConfig))
    network = from_flags(NetworkConfig, flags, **values(NetworkConfig))
    return network, replace(fitting, mode=fitting.best)


def chosen_for(flags: argparse.Namespace, size: DataSize) -> dict[str, Choice]:
    """What is chosen for data of this size, where the flags leave it open."""
    return automatic(size, {name: it for name, it in vars(flags).items() if it is not None})


def training_parser() -> Parser:
    """All flags of `jobs.train`; those of the configurations are made from their fields."""
    parser = Parser(
        prog=called("jobs.train"),
        synopsis="--train FILE --output DIR [FLAG ...]",
        description="Train a tagger on labelled sentences.",
        examples=(
            "--train ner.csv --check",
            "--train ner.csv --output models/mine",
            "--train a.conll --dev b.conll --output m --max_minutes 30",
        ),
    )
    add = parser.add_argument_group("data").add_argument
    add("--train", required=True, metavar="FILE", help="labelled: csv, CoNLL, JSON, Parquet")
    add("--dev", metavar="FILE", help="decides which epoch is kept")
    text = "without --dev: share that is dev"
    add("--validation_split", type=number_or_auto, metavar="F", help=f"{text} (default: auto)")
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
    further.add_flags(parser)
    add_flags(parser.add_argument_group("network"), NetworkConfig)
    add_flags(parser.add_argument_group("training"), TrainingConfig)
    return parser
