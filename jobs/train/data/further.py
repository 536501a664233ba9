"""What is learnt beside gold: labels of other teachers, and text without labels."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.train.data.parts import BrokenFilesError, Parts
from jobs.train.data.silver import GoldTexts, SilverMeanings, SilverPart, silver_part
from jobs.train.data.texts import labels_of_runs, unlabelled_text
from model.corpora import read_labelled
from model.text.escaping import harmless
from model.training.automatic import DataSize
from pipeline.console.arguments import did_you_mean
from pipeline.console.flags import add_flags as add_fields
from pipeline.console.flags import flag, from_flags, require_bounds
from pipeline.inputs.encodings import UTF8
from pipeline.inputs.formats import FILE_FORMATS, ReadConfig
from schemas.errors import CorpusError, UsageError


@dataclass(frozen=True)
class FurtherConfig:
    """Where it is, and how it is read; a field that calls `flag` is one.

    Raises UsageError for values that are off.
    """

    unlabelled: tuple[str, ...] = flag(
        "text to learn from, without labels", "GLOB", (), group="further text"
    )
    input_format: str = flag(
        "of --unlabelled (default: by extension)",
        "FORMAT",
        "auto",
        choices=("auto", *FILE_FORMATS),
    )
    text_field: str = flag("of --unlabelled", "FIELD", "text")
    encoding: str = flag("of --unlabelled", "NAME", UTF8.name)
    silver: tuple[str, ...] = flag("another teacher's labels; or a run's output", "FILE", ())
    silver_labels: tuple[str, ...] = flag("such as PERSON=per GPE=geo,gpe DATE=O", "M", ())
    silver_weight: float = flag(
        "of its sentences; those of gold have 1", "X", 1.0, least=0, most=100
    )

    def __post_init__(self) -> None:
        require_bounds(self)
        usual = ReadConfig()
        for name in ("input_format", "text_field", "encoding"):
            if not self.unlabelled and getattr(self, name) != getattr(usual, name):
                raise UsageError(f"--{name} is for --unlabelled, which is not given")
        for name, usual_value in (("silver_labels", ()), ("silver_weight", 1.0)):
            if not self.silver and getattr(self, name) != usual_value:
                raise UsageError(f"--{name} is for --silver, which is not given")

    @property
    def read(self) -> ReadConfig:
        """How `--unlabelled` is read."""
        return ReadConfig(self.input_format, text_field=self.text_field, encoding=self.encoding)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give the parser of training the flags for further text."""
    add_fields(parser, FurtherConfig)


@dataclass(frozen=True)
class Further:
    """What was read of it.

    text: sentences without labels, in the tokens of extraction. warnings: on where it is from.
    """

    silver: Sequence[SilverPart] = ()
    text: Sequence[Sequence[str]] = ()
    warnings: Sequence[str] = ()

    def size(self, gold: DataSize) -> DataSize:
        """How much there is to learn from with what teachers said."""
        return replace(gold, silver=sum(len(part.sentences) for part in self.silver))

    def described(self) -> dict[str, str]:
        """What each of it is, by its name."""
        silver = {
            f"silver {number}, {Path(part.origin).name}": f"{len(part.sentences):,} sentences"
            for number, part in enumerate(self.silver, 1)
        }
        text = {"text without labels": f"{len(self.text):,} sentences"} if self.text else {}
        return silver | text


def read_further(flags: argparse.Namespace, parts: Parts) -> Further:
    """What the flags name beside gold.

    Raises UsageError for flags at fault, and where no text is there; BrokenFilesError for files.
    """
    config = from_flags(FurtherConfig, flags)
    labels = tuple(parts.report.train.entities)
    meanings = SilverMeanings.of(config.silver_labels, labels)
    if not (config.silver or config.unlabelled):
        return Further()
    gold = GoldTexts.of(parts.segmentation, (*parts.train, *parts.dev), parts.test)
    silver = []
    for path in {os.path.realpath(path): path for path in config.silver}.values():
        try:
            corpus = (
                labels_of_runs(path, parts.segmentation, flags.seed)
                if Path(path).is_dir() or "://" in path
                else read_labelled(path, flags.offsets, silver=True)
            )
        except CorpusError as error:
            raise BrokenFilesError([error]) from error
        weight = config.silver_weight
        silver.append(silver_part(corpus, parts.segmentation, meanings, gold, weight))
    text: Sequence[Sequence[str]] = ()
    used = {label for part in silver for label in part.spans}
    unused = [each for each in config.silver_labels if each.partition("=")[0] not in used]
    warnings: Sequence[str] = [
        f"--silver_labels {harmless(each)}: no teacher has this label"
        + did_you_mean(each.partition("=")[0], used)
        for each in unused
    ]
    if config.unlabelled:
        text, told = unlabelled_text(
            config.unlabelled, config.read, parts.segmentation, gold.texts, flags.seed
        )
        warnings = [*warnings, *told]
    return Further(silver, text, warnings)
