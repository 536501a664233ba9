"""Flags in, one frozen configuration out. Nothing below reads flags or the environment."""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from model.tagger.encoding import FOLDED_WORDS
from model.tagger.padding import BUCKET_CELLS
from model.text.identification import identifiable
from pipeline.configuration.beam_options import beam_options, is_local, runs_here
from pipeline.console.arguments import Parser, nearest
from pipeline.console.commands import called
from pipeline.console.flags import add_flags, flag, flags_of, from_flags, recorded, require_bounds
from pipeline.filesystems.paths import is_remote
from pipeline.inputs.compression import MOST_WINDOW_MB, WINDOW_MB
from pipeline.inputs.encodings import UTF8, encoding_name
from pipeline.inputs.formats import AUTO, FORMATS, MAX_RECORD_MB, ReadConfig
from pipeline.outputs.catalog import output_root
from schemas.errors import UsageError
from schemas.manifest import Configuration

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

BUNDLED_CORPUS = str(Path(__file__).parents[1] / "bundled" / "*.jsonl")
EXAMPLES = (
    "",
    "--input docs/*.jsonl.gz --text_field body",
    "--input docs --output out --only_new --allow_no_input",
    "--input out/dead_letters --input_format dead_letters",
)

_RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
# In a hive partition, numbers to Spark and Polars, dates to DuckDB, booleans to Polars.
_NO_RUN_IDS = {"nan", "inf", "infinity", "epoch", "true", "false"}


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",")) if listed.strip() else ()


def _codes(listed: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _names(listed))


@dataclass(frozen=True)
class ExtractionConfig:
    """What to read, with which model, and where to; a field that calls `flag` is one.

    Raises UsageError for values that are off.
    """

    beam: "PipelineOptions"
    runner: str  # as it was named

    inputs: tuple[str, ...] = flag(
        "files, globs, folders; .gz .bz2 .zst .xz; s3:// gs://",
        "GLOB",
        (BUNDLED_CORPUS,),
        group="input",
        name="input",
    )
    flat: bool = flag("do not read the folders in a folder", default=False)
    input_format: str = flag(
        f"auto (the default: by extension), {', '.join(FORMATS)}",
        "FORMAT",
        "auto",
        choices=("auto", *FORMATS),
        decisive=True,
    )
    id_field: str = flag("but for csv, also a.b", "FIELD", "id", decisive=True)
    text_field: str = flag("but for csv, also a.b", "FIELD", "text", decisive=True)
    keep_fields: tuple[str, ...] = flag(
        "carry these into `documents`", "A,B", (), parse=_names, decisive=True
    )
    languages: tuple[str, ...] = flag(
        "leave out documents in others", "A,B", (), parse=_codes, decisive=True
    )
    max_record_mb: int = flag("larger ones are dead letters", "N", MAX_RECORD_MB, decisive=True)
    encoding: str = flag(
        "of text formats, as Python names it",
        "NAME",
        UTF8.name,
        parse=encoding_name,
        decisive=True,
    )
    csv_delimiter: str = flag(
        "auto (the default: by the header), tab or a character", "SIGN", AUTO, decisive=True
    )
    csv_escape: str = flag("what escapes a quote, beside doubling: \\", "SIGN", "", decisive=True)
    max_window_mb: int = flag(
        "what one .zst or .xz may need", "N", WINDOW_MB, least=1, most=MOST_WINDOW_MB
    )
    only_new: bool = flag("leave out files that are done and unchanged", default=False)
    backfill: bool = flag("do them all, in spite of --only_new", default=False)
    restore_forgotten: bool = flag(
        "read what jobs.runs forget erased as well", default=False, decisive=True
    )
    allow_no_input: bool = flag(
        "no file is an empty run, not an error", default=False, recorded=False
    )

    model: str = flag(
        "directory, URL or bundled name", "DIR_OR_NAME", "gmb-en", group="model", recorded=False
    )
    min_confidence: float = flag(
        "0 to 1: write no entities below it (default: 0)", "C", 0.0, least=0, most=1, decisive=True
    )
    gazetteer: tuple[str, ...] = flag(
        "terms of your own: .csv, .jsonl, .parquet", "FILE", (), decisive=True
    )
    batch_tokens: int = flag("tokens tagged together", "N", 150_000, least=1)
    # All words of a bucket are in the table at once.
    folded_words: int = flag(
        "words each process keeps ready", "N", FOLDED_WORDS, least=BUCKET_CELLS
    )

    output: str = flag("a folder, s3:// or gs://", "DIR", "out", group="output", recorded=False)
    publish: tuple[str, ...] = flag(
        "delta=FOLDER, iceberg=[CATALOG/]NAMESPACE", "TARGET", (), recorded=False
    )
    run_id: str = flag("name of the run (default: made from the time)", "ID", "", recorded=False)
    keep_text: Literal["none", "sample", "all"] = flag(
        "none, sample (the default: of about 1,000) or all", "WHICH", "sample", decisive=True
    )
    target_file_mb: int = flag("size of a Parquet file", "N", 128, least=1)
    metrics: str | None = flag(
        "what the job did, for Prometheus: a .prom file", "FILE", None, recorded=False
    )

    max_dead_letters: float = flag(
        "share: with more, fail: exit code 3", "S", 0.05, group="what is committed", least=0, most=1
    )
    max_broken_files: float = flag(
        "the same for unreadable files (default: 0)", "S", 0.0, least=0, most=1
    )
    quarantine: bool = flag("commit all else in spite of such files, exit code 3", default=False)
    commit_shards: int | None = flag("commit after every N files", "N", None, least=1)
    fail_on_drift: bool = flag("drift commits nothing: exit code 4", default=False)

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
        require_bounds(self)
        self._require_identifiable()
        for target in self.publish:
            by = target.partition(",by=")[2]
            if by and by not in self.keep_fields:
                raise UsageError(f"--publish {target}: --keep_fields does not keep {by}")
        self._require_folder_of_metrics()
        self.read  # noqa: B018 - it is refused now

    def _require_identifiable(self) -> None:
        for code in self.languages:
            if code not in identifiable():
                near = nearest(code, sorted(identifiable())) or "en"
                raise UsageError(f"--languages {code}, expected codes such as {near}")

    def _require_folder_of_metrics(self) -> None:
        if self.metrics is None:
            return
        if is_remote(self.metrics):
            raise UsageError(
                f"--metrics {self.metrics}: expected a file on this machine, where node_exporter "
                "collects it"
            )
        folder = os.path.dirname(os.path.abspath(self.metrics))
        if not os.path.isdir(folder):
            raise UsageError(f"--metrics {self.metrics}: there is no folder {folder}")
        if os.path.isdir(self.metrics):
            raise UsageError(f"--metrics {self.metrics}: it is a folder, expected a file in one")
        if not self.metrics.endswith(".prom"):
            raise UsageError(
                f"--metrics {self.metrics}: node_exporter reads only files whose names end in .prom"
            )

    @cached_property
    def read(self) -> ReadConfig:
        """How shards are read: the flags that it has fields of."""
        names = (field.name for field in fields(ReadConfig) if hasattr(self, field.name))
        return ReadConfig(**{name: getattr(self, name) for name in names})

    @property
    def is_local(self) -> bool:
        """Whether the runner is the local one."""
        return is_local(self.runner)

    def described(self) -> Configuration:
        """The configuration as the manifest records it."""
        return cast(Configuration, {**recorded(self), "runner": self.runner})


# Of a run's configuration, what its rows depend on, with what manifests record of it by default.
DECISIVE: Mapping[str, object] = {
    name: [*field.default] if isinstance(field.default, tuple) else field.default
    for name, field in flags_of(ExtractionConfig)
    if "decisive" in field.metadata
}


def extraction_parser() -> Parser:
    """The parser of gleaner's own flags; what it leaves over is Beam's."""
    parser = Parser(
        prog=called("pipeline.run"),
        synopsis="[--input GLOB ...] [--output DIR] [FLAG ...]",
        description="Extract named entities from documents into Parquet. Without flags: from the "
        "bundled documents, with the bundled model, into ./out.",
        examples=EXAMPLES,
    )
    add_flags(parser, ExtractionConfig)
    parser.add_argument_group(
        "runner",
        "All others go to Beam: --direct_num_workers 4 takes four processes of this machine, "
        "--runner FlinkRunner --flink_master HOST:PORT a cluster.",
    )
    return parser


def parse_extraction(arguments: Sequence[str], now: datetime | None = None) -> ExtractionConfig:
    """The command line of `pipeline.run` in, its configuration out; raises UsageError."""
    parser = extraction_parser()
    # Help and values of the wrong kind are answered before Beam is imported, which takes a second.
    flags, rest = parser.parse_known_args(arguments)
    beam, runner = beam_options(rest, parser)
    # Other machines see what the user names, not the bundled documents and ./out of this one.
    for name in () if runs_here(runner, beam) else ("input", "output"):
        if getattr(flags, name) == parser.get_default(name):
            raise UsageError(
                f"--runner {runner}: --{name} must name a place that all workers reach, such as "
                "s3://bucket/folder or a shared folder"
            )
    return from_flags(
        ExtractionConfig,
        flags,
        beam=beam,
        runner=runner,
        output=output_root(flags.output),
        run_id=flags.run_id or default_run_id(now or datetime.now(UTC)),
    )


def default_run_id(now: datetime) -> str:
    """An id that sorts by time and that two runs of one second do not share."""
    return f"r{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
