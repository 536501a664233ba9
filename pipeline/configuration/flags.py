"""The flags of `pipeline.run`; nothing here imports Beam, so that `--help` answers at once."""

from pathlib import Path

from model.tagger.encoding import FOLDED_WORDS
from pipeline.console.arguments import Parser
from pipeline.inputs.formats import FORMATS, MAX_RECORD_MB

BUNDLED_CORPUS = str(Path(__file__).parents[1] / "bundled" / "*.jsonl")
DEFAULT_OUTPUT = "out"

EXAMPLES = (
    "",
    "--input docs/*.jsonl.gz --text_field body",
    "--input docs --output out --only_new --allow_no_input",
    "--input out/dead_letters --input_format dead_letters",
)


def extraction_parser() -> Parser:
    """The parser of gleaner's own flags; what it leaves over is Beam's."""
    parser = Parser(
        prog="python -m pipeline.run",
        synopsis="[--input GLOB ...] [--output DIR] [FLAG ...]",
        description="Extract named entities from documents into Parquet. Without flags: from the "
        "bundled documents, with the bundled model, into ./out.",
        examples=EXAMPLES,
    )
    _add_input(parser)
    _add_model(parser)
    _add_output(parser)
    _add_committing(parser)
    parser.add_argument_group(
        "runner",
        "All other flags go to Beam and its runner: --direct_num_workers 4 takes four "
        "processes of this machine, --runner FlinkRunner --flink_master HOST:PORT a cluster.",
    )
    return parser


def _add_input(parser: Parser) -> None:
    add = parser.add_argument_group("input").add_argument
    add(
        "--input",
        nargs="+",
        default=[BUNDLED_CORPUS],
        metavar="GLOB",
        help="files, globs, folders; also .gz .bz2 .zst, s3:// gs://",
    )
    add(
        "--input_format",
        default="auto",
        choices=("auto", *FORMATS),
        metavar="FORMAT",
        help=f"auto (the default: by extension), {', '.join(FORMATS)}",
    )
    add("--id_field", default="id", metavar="FIELD", help="in parquet and jsonl also a.b")
    add("--text_field", default="text", metavar="FIELD", help="in parquet and jsonl also a.b")
    add("--keep_fields", default="", metavar="A,B", help="carry these into `documents`")
    add(
        "--max_record_mb",
        type=int,
        default=MAX_RECORD_MB,
        metavar="N",
        help="larger ones are dead letters (default: %(default)s)",
    )
    add("--only_new", action="store_true", help="leave out files that are done and unchanged")
    add("--backfill", action="store_true", help="do them all, in spite of --only_new")
    add("--allow_no_input", action="store_true", help="no file is an empty run, not an error")


def _add_model(parser: Parser) -> None:
    add = parser.add_argument_group("model").add_argument
    add("--model", default="gmb-en", metavar="DIR_OR_NAME", help="directory, URL or bundled name")
    add(
        "--min_confidence",
        type=float,
        default=0.0,
        metavar="C",
        help="0 to 1: write no entities below it (default: 0)",
    )
    add("--batch_tokens", type=int, default=60_000, metavar="N", help="tokens tagged together")
    add(
        "--folded_words",
        type=int,
        default=FOLDED_WORDS,
        metavar="N",
        help="words each process keeps ready",
    )


def _add_output(parser: Parser) -> None:
    add = parser.add_argument_group("output").add_argument
    add("--output", default=DEFAULT_OUTPUT, metavar="DIR", help="a folder, s3:// or gs://")
    add("--run_id", metavar="ID", help="name of the run (default: made from the time)")
    add(
        "--keep_text",
        default="sample",
        choices=("none", "sample", "all"),
        metavar="WHICH",
        help="none, sample (the default: of about 1,000) or all",
    )
    add("--target_file_mb", type=int, default=128, metavar="N", help="size of a Parquet file")


def _add_committing(parser: Parser) -> None:
    add = parser.add_argument_group("what is committed").add_argument
    add(
        "--max_dead_letters",
        type=float,
        default=0.05,
        metavar="S",
        help="share: with more, fail: exit code 3 (default: %(default)s)",
    )
    add("--commit_shards", type=int, metavar="N", help="commit after every N files")
    add(
        "--fail_on_drift",
        action="store_true",
        help="exit code 4 where documents are unlike the training",
    )
