"""The flags of training, and the configurations they make."""

import argparse
from dataclasses import fields
from typing import TypeVar

from model.configuration import NetworkConfig, TrainingConfig
from model.segmentation import TOKEN_STYLES
from model.vectors import GLOVE
from pipeline.command_line import Parser

Config = TypeVar("Config", NetworkConfig, TrainingConfig)

# Flag -> what it means. Names, types and defaults are those of the configurations' fields.
_NETWORK_FLAGS = {
    "embedding_size": "size of the word embedding",
    "character_size": "size of the character embedding",
    "character_filters": "filters of the character convolution",
    "character_width": "characters that a filter spans",
    "casing_size": "size of the casing embedding",
    "units": "LSTM units per direction",
    "dropout": "share of the LSTM's output that is dropped",
    "input_dropout": "share of the words' features that is dropped",
    "recurrent_dropout": "share of the LSTM's state dropped",
    "word_dropout": "share of words that lose embedding and vector in a step of training",
    "kernel_initializer": "name of a Keras initializer",
}
_TRAINING_FLAGS = {
    "scheme": "tags that the model writes spans in: BIO or BIOES",
    "batch_size": "sentences a step",
    "epochs": "passes over the training sentences",
    "optimizer": "name of a Keras optimizer",
    "learning_rate": "step size once warm; it falls linearly",
    "final_rate": "share of the learning rate that is left at the last step",
    "clipnorm": "largest norm of the whole gradient (Keras's global_clipnorm)",
    "average_decay": "weights are averaged over about 1 / (1 - decay) steps; 0: not at all",
    "min_word_count": "rarer words are unknown words",
    "vocabulary_size": "words kept in all; vectors fill up what training leaves",
    "unknown_rate": "r: a word seen n times is trained as unknown with probability r / (r + n)",
    "monitor": "the logged value that decides which epoch is kept",
    "mode": "whether a good monitored value is large (max) or small (min); auto: min for a loss",
    "save_best_only": "keep the best epoch (true) or the last one (false)",
    "patience": "epochs without a better one after which training stops; 0: never",
    "verbose": "progress: 0 none, 1 a line that is redrawn, 2 a line an epoch",
    "seed": "the same seed gives the same weights on the same machine",
}


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
        prog="python -m jobs.train", description="Train a tagger on labelled sentences."
    )
    data = parser.add_argument_group("data")
    data.add_argument("--train", required=True, metavar="FILE", help="any labelled file")
    data.add_argument("--dev", metavar="FILE", help="decides which epoch is kept")
    data.add_argument(
        "--validation_split",
        type=float,
        default=0.1,
        metavar="F",
        help="without --dev: the share of the training sentences that serves as dev",
    )
    data.add_argument("--test", metavar="FILE", help="measured once, at the end")
    data.add_argument(
        "--vectors", metavar="NAME", help=f"pretrained word vectors: {GLOVE}, or a text file"
    )
    data.add_argument("--language", default="en", help="of the sentence rules at extraction")
    data.add_argument(
        "--tokens",
        choices=("auto", *TOKEN_STYLES),
        default="auto",
        help="fine: cut at every punctuation mark; whole: keep words such as U.S. whole; "
        "auto: as the training sentences have it, fine if not English (whole follows its spelling)",
    )
    data.add_argument("--output", metavar="DIR", help="the model's new directory")
    data.add_argument("--name", metavar="NAME", help="of the model (default: the directory's)")
    data.add_argument(
        "--check", action="store_true", help="report on the data and stop; needs no --output"
    )
    data.add_argument(
        "--resume", action="store_true", help="go on with an interrupted training of this output"
    )
    data.add_argument("--logs", metavar="DIR", help="where epochs.csv and TensorBoard's events go")
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
                metavar=value_type.__name__.upper(),
                help=texts[field.name],
            )
    return parser
