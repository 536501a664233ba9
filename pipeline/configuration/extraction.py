"""Flags in, one frozen configuration out. Nothing below reads flags or the environment."""

import argparse
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TestOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner

from model.tagger.padding import BUCKET_CELLS
from pipeline.configuration.flags import BUNDLED_CORPUS, DEFAULT_OUTPUT, extraction_parser
from pipeline.console.arguments import Arguments, Parser, unknown_argument
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.catalog import output_root
from schemas.errors import UsageError
from schemas.manifest import Configuration

DIRECT_RUNNER = "DirectRunner"

_RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
# In a hive partition, numbers to Spark and Polars, dates to DuckDB, booleans to Polars.
_NO_RUN_IDS = {"nan", "inf", "infinity", "epoch", "true", "false"}
# As Beam takes them: in any case, with or without the last word.
_LOCAL_RUNNERS = {"direct", "fnapi", "bundlebaseddirect", "switchingdirect"}


@dataclass(frozen=True)
class ExtractionConfig:
    """What to read, with which model, and where to; raises UsageError for values that are off."""

    inputs: tuple[str, ...]
    read: ReadConfig
    output: str
    model: str
    min_confidence: float
    max_dead_letters: float
    run_id: str
    keep_text: str
    batch_tokens: int
    folded_words: int
    target_file_mb: int
    allow_no_input: bool
    only_new: bool
    backfill: bool
    commit_shards: int | None
    fail_on_drift: bool
    beam: PipelineOptions

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run_id):
            raise UsageError(
                f"--run_id {self.run_id!r} is not a letter followed by letters, digits, "
                "underscores, dots or hyphens, at most 100 in all"
            )
        if self.run_id.lower() in _NO_RUN_IDS:
            raise UsageError(
                f"--run_id {self.run_id!r} is no name: query engines take it for another value"
            )
        for name, least in (
            ("commit_shards", 1),
            ("batch_tokens", 1),
            ("folded_words", BUCKET_CELLS),  # all words of a bucket are in the table at once
            ("target_file_mb", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"--{name} is {value}, expected at least {least}")
        for name in ("min_confidence", "max_dead_letters"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"--{name} is {getattr(self, name)}, expected 0 to 1")

    @property
    def runner(self) -> str:
        """The runner as it was named."""
        return self.beam.view_as(StandardOptions).runner or DIRECT_RUNNER

    @property
    def is_local(self) -> bool:
        """Whether the runner is the local one."""
        return _is_local(self.runner)

    def described(self) -> Configuration:
        """The configuration as the manifest records it."""
        return {
            "input": list(self.inputs),
            "input_format": self.read.input_format,
            "id_field": self.read.id_field,
            "text_field": self.read.text_field,
            "keep_fields": list(self.read.keep_fields),
            "max_record_mb": self.read.max_record_mb,
            "keep_text": self.keep_text,
            "min_confidence": self.min_confidence,
            "max_dead_letters": self.max_dead_letters,
            "batch_tokens": self.batch_tokens,
            "folded_words": self.folded_words,
            "target_file_mb": self.target_file_mb,
            "only_new": self.only_new,
            "backfill": self.backfill,
            "commit_shards": self.commit_shards,
            "fail_on_drift": self.fail_on_drift,
            "runner": self.runner,
        }


def _require_shared_places(flags: argparse.Namespace, beam: PipelineOptions) -> None:
    """Other machines see what the user names, not the bundled documents and ./out of this one."""
    runner = beam.view_as(StandardOptions).runner or DIRECT_RUNNER
    environment = beam.view_as(PortableOptions).environment_type
    # Where the worker is the submitter itself, as Beam's runners choose if they are not told.
    is_inside = runner.lower().startswith("prism") or (
        runner.lower().startswith("flink")
        and beam.view_as(FlinkRunnerOptions).flink_master.startswith("[")  # [local], [auto]
    )
    if _is_local(runner) or environment == "LOOPBACK" or (is_inside and environment is None):
        return
    for name, default in (("input", [BUNDLED_CORPUS]), ("output", DEFAULT_OUTPUT)):
        if getattr(flags, name) == default:
            raise UsageError(
                f"--runner {runner}: --{name} must name a place that all workers reach, such as "
                "s3://bucket/folder or a shared folder"
            )


def parse_extraction(arguments: Sequence[str], now: datetime | None = None) -> ExtractionConfig:
    """The command line of `pipeline.run` in, its configuration out; raises UsageError."""
    parser = extraction_parser()
    flags, rest = parser.parse_known_args(arguments)
    beam = _beam_options(rest, parser)
    _require_shared_places(flags, beam)
    return ExtractionConfig(
        inputs=tuple(flags.input),
        read=ReadConfig(
            input_format=flags.input_format,
            id_field=flags.id_field,
            text_field=flags.text_field,
            keep_fields=_names(flags.keep_fields),
            max_record_mb=flags.max_record_mb,
        ),
        output=output_root(flags.output),
        model=flags.model,
        min_confidence=flags.min_confidence,
        max_dead_letters=flags.max_dead_letters,
        run_id=flags.run_id or default_run_id(now or datetime.now(UTC)),
        keep_text=flags.keep_text,
        batch_tokens=flags.batch_tokens,
        folded_words=flags.folded_words,
        target_file_mb=flags.target_file_mb,
        allow_no_input=flags.allow_no_input,
        only_new=flags.only_new,
        backfill=flags.backfill,
        commit_shards=flags.commit_shards,
        fail_on_drift=flags.fail_on_drift,
        beam=beam,
    )


def default_run_id(now: datetime) -> str:
    """An id that sorts by time and that two runs of one second do not share."""
    return f"r{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def chosen_direct_options(options: PipelineOptions) -> tuple[str | None, int | None]:
    """The local running mode and number of workers as far as the user chose them."""
    direct = options.view_as(DirectOptions)
    # Beam does not tell a default from a choice that equals it.
    chosen = {flag.split("=", maxsplit=1)[0] for flag in options._flags or ()}  # noqa: SLF001 - kept nowhere else
    return (
        direct.direct_running_mode if "--direct_running_mode" in chosen else None,
        direct.direct_num_workers if "--direct_num_workers" in chosen else None,
    )


def _beam_options(arguments: Sequence[str], own: Parser) -> PipelineOptions:
    """Beam's options; where Beam would warn of an unknown flag, raise UsageError."""
    parser = Arguments()
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)  # type: ignore[arg-type]  # noqa: SLF001 - as Beam does
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], [*own.flags, *parser.flags]))
    beam = PipelineOptions(list(arguments))
    runner = beam.view_as(StandardOptions).runner or DIRECT_RUNNER
    if not _is_local(runner):
        try:
            _require_valid(runner, beam)
        except (AttributeError, ImportError, TypeError, ValueError) as error:
            raise UsageError(f"--runner {runner}: {error}") from error
    return beam


def _require_valid(runner: str, beam: PipelineOptions) -> None:
    """Raise ValueError for what the runner would refuse once the run has begun."""
    errors = PipelineOptionsValidator(beam, create_runner(runner)).validate()
    if errors:
        raise ValueError(" ".join(error.strip() for error in errors))
    if beam.view_as(TestOptions).dry_run or beam.view_as(GoogleCloudOptions).template_location:
        raise ValueError("--dry_run and --template_location would start no job")


def _is_local(runner: str) -> bool:
    return runner.lower().removesuffix("runner") in _LOCAL_RUNNERS


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",")) if listed.strip() else ()
