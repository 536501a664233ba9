"""Train a tagger on labelled sentences: `python -m jobs.train --train FILE --output DIR`."""

import argparse
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from model.artifact import Artifact, save_artifact
from model.baseline import baseline_statistics
from model.card import learning_curves, model_card
from model.configuration import NetworkConfig, TrainingConfig
from model.corpora import LabelledSentence, read_labelled, split_sentences
from model.metrics import EntityScores, format_scores
from model.runtime import start_tensorflow
from model.segmentation import Segmentation
from pipeline.command_line import Parser, account, main
from schemas.errors import UsageError

Config = TypeVar("Config", NetworkConfig, TrainingConfig)

_PACKAGES = ("keras", "matplotlib", "pandas", "tensorflow_addons")

# Flag -> what it means. Names, types and defaults are those of the configurations' fields.
_NETWORK_FLAGS = {
    "embedding_size": "size of the word embedding",
    "character_size": "size of the character embedding",
    "character_filters": "filters of the character convolution",
    "character_width": "characters that a filter spans",
    "casing_size": "size of the casing embedding",
    "units": "LSTM units per direction",
    "dropout": "share of features dropped before and after the LSTM",
    "recurrent_dropout": "share of the LSTM's state dropped",
    "kernel_initializer": "name of a Keras initializer",
}
_TRAINING_FLAGS = {
    "batch_size": "sentences a step",
    "epochs": "passes over the training sentences",
    "optimizer": "name of a Keras optimizer",
    "learning_rate": "step size at the start; it falls linearly to a tenth",
    "clipnorm": "largest norm of a gradient",
    "min_word_count": "rarer words are unknown words",
    "unknown_rate": "r: a word seen n times is trained as unknown with probability r / (r + n)",
    "monitor": "the logged value that decides which epoch is kept",
    "mode": "whether a good monitored value is large (max) or small (min); auto: min for a loss",
    "save_best_only": "keep the best epoch (true) or the last one (false)",
    "verbose": "progress as in Keras: 0 none, 1 a bar, 2 a line an epoch",
    "seed": "the same seed gives the same weights on the same machine",
}


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


def run(arguments: Sequence[str]) -> int:
    """Train as the flags say, write the artifact, print its scores; returns the exit code."""
    flags = _parser().parse(arguments)
    network, config = _config(NetworkConfig, flags), _config(TrainingConfig, flags)
    config = replace(config, mode=config.best)
    output = Path(flags.output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"--output {output} exists and is not an empty directory")
    parent = next(path for path in output.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UsageError(f"--output {output} cannot be made: {parent} is no folder to write in")
    _require_packages()
    parts = _read_parts(flags)
    segmentation = Segmentation(language=flags.language)

    # TensorFlow is imported only when nothing is left that could be a mistake in the flags.
    start_tensorflow()
    from model.evaluation import score_sentences
    from model.tagger import Tagger
    from model.training import fit_tagger
    from model.training_data import TokenizedSentences

    train, dev, test = map(TokenizedSentences.of, (parts.train, parts.dev, parts.test))
    started = time.monotonic()
    fitted = fit_tagger(train, dev, network, config)
    seconds = time.monotonic() - started
    artifact = Artifact(
        name=flags.name or output.name,
        segmentation=segmentation,
        encoder=fitted.encoder,
        tags=fitted.tags,
        weights=fitted.weights.as_stored(),
        training={"network": asdict(network), "fitting": asdict(config)},
        metrics={},
        baseline={},
    )
    tagger = Tagger(artifact)
    dev_scores, tagged = score_sentences(tagger, dev.words, dev.tags)
    scores = {"dev": dev_scores}
    if len(test):
        scores["test"], _ = score_sentences(tagger, test.words, test.tags)
    artifact = replace(
        artifact,
        metrics={
            "scores": {part: part_scores.to_json() for part, part_scores in scores.items()},
            "history": dict(fitted.history),
            "kept_epoch": fitted.kept_epoch,
        },
        baseline=baseline_statistics(tagged, [document.tokens for document in tagged]),
    )
    card = model_card(
        artifact.name,
        artifact.tags.labels,
        "python -m jobs.train " + shlex.join(arguments),
        parts.described(),
        scores,
        {**asdict(network), **asdict(config)},
    )
    curves = learning_curves(fitted.history, fitted.kept_epoch)
    save_artifact(artifact, output, {"MODEL_CARD.md": card, "learning_curves.svg": curves})
    _print_summary(scores, output, fitted.kept_epoch, seconds)
    return 0


def _require_packages() -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs {', '.join(missing)}: pip install 'gleaner[train]' on Python 3.11 "
            "(tensorflow-addons has no release for later ones; the models it trains run there)"
        )


def _read_parts(flags: argparse.Namespace) -> Parts:
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


def _config(kind: type[Config], flags: argparse.Namespace) -> Config:
    return kind(**{field.name: getattr(flags, field.name) for field in fields(kind)})


def _boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{value!r} is neither true nor false")
    return value.lower() == "true"


def _parser() -> Parser:
    parser = Parser(prog="python -m jobs.train", description=__doc__)
    data = parser.add_argument_group("data")
    data.add_argument("--train", required=True, metavar="FILE", help="Kaggle CSV or CoNLL file")
    data.add_argument("--dev", metavar="FILE", help="decides which epoch is kept")
    data.add_argument(
        "--validation_split",
        type=float,
        default=0.1,
        metavar="F",
        help="without --dev: the share of the training sentences that serves as dev",
    )
    data.add_argument("--test", metavar="FILE", help="measured once, at the end")
    data.add_argument("--language", default="en", help="of the sentence rules at extraction")
    data.add_argument("--output", required=True, metavar="DIR", help="the model's new directory")
    data.add_argument("--name", metavar="NAME", help="of the model (default: the directory's)")
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


def _print_summary(
    scores: Mapping[str, EntityScores], output: Path, kept_epoch: int, seconds: float
) -> None:
    tables = [f"\n{part}\n{format_scores(table)}" for part, table in scores.items()]
    end = f"\nepoch {kept_epoch} kept, {seconds:,.0f} s\nmodel written to {output}"
    account("\n".join([*tables, end]))


if __name__ == "__main__":
    main(run)
