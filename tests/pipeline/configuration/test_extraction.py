"""The command line: every flag reaches the configuration, and nothing mistyped is let through."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, PortableOptions

from pipeline.configuration.beam_options import chosen_direct_options
from pipeline.configuration.extraction import (
    BUNDLED_CORPUS,
    ExtractionConfig,
    default_run_id,
    parse_extraction,
)
from pipeline.inputs.formats import ReadConfig
from schemas.errors import UsageError

NOW = datetime(2026, 11, 22, 2, 0, 7, tzinfo=UTC)


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_extraction(arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_flags_the_bundled_corpus_and_model_are_used() -> None:
    config = parse_extraction([], NOW)
    assert config.inputs == (BUNDLED_CORPUS,)
    assert config.read == ReadConfig("auto", "id", "text", ())
    assert (config.model, config.keep_text, config.allow_no_input) == ("gmb-en", "sample", False)
    assert config.output == str(Path.cwd() / "out")
    assert (config.min_confidence, config.max_dead_letters) == (0, 0.05)
    assert re.fullmatch(r"r20261122T020007Z-[0-9a-f]{4}", config.run_id)
    assert config.is_local


def test_every_flag_reaches_the_configuration(tmp_path: Path) -> None:
    arguments = (
        "--input a.jsonl b*.gz gs://c/d --input_format lines --id_field m.id --text_field m.text "
        "--keep_fields title,year --languages en,DE --max_record_mb 3 --encoding UTF16 "
        "--csv_delimiter tab --csv_escape ! --max_window_mb 2048 --allow_no_input "
        "--model here --gazetteer a.csv b.jsonl --batch_tokens 7 "
        "--folded_words 40000 --min_confidence 0.75 --max_dead_letters=0.5 --run_id nightly-1"
        f" --output {tmp_path}/o --keep_text all --target_file_mb=3 --only_new "
        "--restore_forgotten --max_broken_files 0.25 --quarantine --backfill --commit_shards 5 "
        f"--fail_on_drift --flat --direct_num_workers=4 --metrics {tmp_path}/m.prom"
    )
    config = parse_extraction(arguments.split())
    assert config.inputs == ("a.jsonl", "b*.gz", "gs://c/d")
    assert config.read == ReadConfig(
        "lines", "m.id", "m.text", ("title", "year"), 3, "utf-16", "tab", "!", 2048
    )
    assert (config.output, config.model) == (f"{tmp_path}/o", "here")
    assert (config.run_id, config.keep_text, config.allow_no_input) == ("nightly-1", "all", True)
    assert (config.batch_tokens, config.target_file_mb) == (7, 3)
    assert config.metrics == f"{tmp_path}/m.prom"
    assert config.beam.view_as(DirectOptions).direct_num_workers == 4
    assert config.described() == {
        "input": ["a.jsonl", "b*.gz", "gs://c/d"],
        "flat": True,
        "input_format": "lines",
        "id_field": "m.id",
        "languages": ["en", "de"],
        "text_field": "m.text",
        "keep_fields": ["title", "year"],
        "max_record_mb": 3,
        "encoding": "utf-16",
        "csv_delimiter": "tab",
        "csv_escape": "!",
        "max_window_mb": 2048,
        "keep_text": "all",
        "min_confidence": 0.75,
        "gazetteer": ["a.csv", "b.jsonl"],
        "max_dead_letters": 0.5,
        "max_broken_files": 0.25,
        "quarantine": True,
        "batch_tokens": 7,
        "folded_words": 40_000,
        "target_file_mb": 3,
        "only_new": True,
        "backfill": True,
        "restore_forgotten": True,
        "commit_shards": 5,
        "fail_on_drift": True,
        "runner": "DirectRunner",
    }


def test_beams_flags_pass_in_either_notation() -> None:
    config = parse_extraction(
        ["--runner=FlinkRunner", "--flink_version", "1.20", "--sdk_worker_parallelism=2"]
    )
    options = config.beam.get_all_options()
    assert (options["runner"], options["flink_version"]) == ("FlinkRunner", "1.20")
    assert config.beam.view_as(PortableOptions).sdk_worker_parallelism == "2"
    assert not config.is_local
    assert config.described()["runner"] == "FlinkRunner"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--imput", "a"], "unknown flag --imput, did you mean --input?"),
        (["--keep-text=all"], "unknown flag --keep-text, did you mean --keep_text?"),
        (["--keep", "all"], "unknown flag --keep"),  # no abbreviations
        (["--Run-ID=a"], "unknown flag --Run-ID, did you mean --run_id?"),
        (["--runid", "a"], "unknown flag --runid, did you mean --run_id?"),
        (["-input", "a"], "unknown flag -input, did you mean --input?"),
        (
            ["--direct-num-workers=2"],
            "unknown flag --direct-num-workers, did you mean --direct_num_",
        ),
        (["--direct_num_worker=2"], "unknown flag --direct_num_worker, did you mean --direct_num_"),
        (["--xyzzy"], "unknown flag --xyzzy"),
        (["-q"], "unknown flag -q"),
        (["a.jsonl"], "'a.jsonl' belongs to no flag"),
    ],
)
def test_an_unknown_flag_is_refused_with_the_nearest(arguments: list[str], message: str) -> None:
    """Whether it resembles one of ours or one of Beam's, which itself only warns."""
    assert refused(*arguments).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--folded_words", "100"], ["--folded_words", "100", "at least 16384"]),
        (["--batch_tokens", "0"], ["--batch_tokens", "0", "at least 1"]),
        (["--batch_tokens", "-5"], ["--batch_tokens", "-5", "at least 1"]),
        (["--batch_tokens", "many"], ["--batch_tokens", "'many'", "a whole number"]),
        (["--batch_tokens", "1.5"], ["--batch_tokens", "'1.5'", "a whole number"]),
        (["--min_confidence=1.01"], ["--min_confidence", "1.01", "0 to 1"]),
        (["--min_confidence", "-0.1"], ["--min_confidence", "-0.1", "0 to 1"]),
        (["--min_confidence=nan"], ["--min_confidence", "nan", "0 to 1"]),
        (["--max_dead_letters=5"], ["--max_dead_letters", "5.0", "0 to 1"]),
        (["--min_confidence=high"], ["--min_confidence", "'high'", "a number"]),
        (["--target_file_mb=0"], ["--target_file_mb", "0", "at least 1"]),
        (["--encoding", "base64"], ["--encoding is 'base64', expected an encoding of text"]),
        (["--encoding", "rot13"], ["--encoding is 'rot13', expected an encoding of text"]),
        (["--encoding", "utf-61"], ["such as utf-16, latin-1 or cp1252, did you mean utf-16?"]),
        (["--encoding", "cp500"], ["'cp500', whose lines do not end as in ASCII or cannot"]),
        (["--encoding="], ["--encoding is '', expected"]),
        (["--csv_delimiter", ";;"], ["--csv_delimiter is ';;', expected auto, tab or one char"]),
        (["--csv_delimiter", '"'], ["--csv_delimiter is '\"', expected auto"]),
        (["--csv_escape", "\n"], ["--csv_escape is '\\n', expected one character"]),
        (["--csv_escape", ",", "--csv_delimiter", ","], ["--csv_escape is ',', expected one"]),
        (["--max_window_mb=4096"], ["--max_window_mb is 4096, expected 1 to 2048"]),
        (["--max_record_mb=0"], ["--max_record_mb", "0", "1 to 2000"]),
        (["--max_record_mb=2001"], ["--max_record_mb", "2001", "1 to 2000"]),
        (["--keep_text", "some"], ["--keep_text is 'some', expected none, sample or all"]),
        (["--keep_text", "smaple"], ["or all, did you mean sample?"]),
        (["--input_format", "xml"], ["--input_format is 'xml', expected auto, jsonl,"]),
        (["--input_format=josnl"], ["--input_format", "'josnl'", "did you mean jsonl?"]),
        (["--log_format=jsno"], ["--log_format is 'jsno', expected text or json, did you mean"]),
        (["--input"], ["--input", "expected at least one argument"]),
        (["--output="], ["--output", "empty"]),
        (["--output=file://"], ["--output", "empty"]),
        (["--id_field="], ["--id_field", "empty"]),
        (["--keep_fields", "a,,b"], ["--keep_fields", "empty name"]),
        (["--keep_fields", "a,a"], ["--keep_fields", "'a'", "twice"]),
        (["--keep_fields", "doc_id"], ["--keep_fields", "'doc_id'", "already a column"]),
        (["--direct_num_workers=two"], ["--direct_num_workers", "'two'"]),
        (["--direct_running_mode=fast"], ["--direct_running_mode", "'fast'"]),
        (["--direct_running_mode=multiprocessing"], ["did you mean multi_processing?"]),
        (["--runner=Nope"], ["--runner", "Nope", "FlinkRunner"]),
        (["--runner=no.such.Runner"], ["--runner", "no.such.Runner"]),
        (
            ["--runner=DataflowRunner", "--input=gs://b/in", "--output=gs://b/out"],
            ["--runner DataflowRunner", "temp_location", "required option: project", "region"],
        ),
        (["--runner=PrismRunner", "--dry_run=True"], ["--dry_run", "no job"]),
        (["--runner=PrismRunner", "--template_location=t"], ["--template_location", "no job"]),
    ],
)
def test_a_bad_value_is_refused_naming_flag_value_and_what_was_expected(
    arguments: list[str], parts: list[str]
) -> None:
    message = refused(*arguments)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    "run_id", ["1", "2026-11-22", "_a", ".a", "a b", "a/b", "a=b", "ä", "a\n", "a" * 101]
)
def test_a_run_id_that_a_query_engine_would_misread_is_refused(run_id: str) -> None:
    """`1` would be a number in a hive partition, and `a/b` another directory."""
    message = refused(f"--run_id={run_id}")
    assert message.startswith(f"--run_id {run_id!r} is not a letter followed by")


@pytest.mark.parametrize("run_id", ["NaN", "inf", "Infinity", "epoch", "True", "false"])
def test_a_run_id_that_is_a_value_of_another_type_is_refused(run_id: str) -> None:
    """DuckDB makes a date of `inf`, Polars a boolean of `True`, and Spark a number of `NaN`."""
    message = refused(f"--run_id={run_id}")
    assert message == f"--run_id {run_id!r} is no name: query engines take it for another value"


@pytest.mark.parametrize("run_id", ["a", "Nightly_2026-11-22.v2", "nan2"])
def test_a_run_id_of_letters_digits_and_marks_is_taken(run_id: str) -> None:
    assert parse_extraction(["--run_id", run_id]).run_id == run_id


def test_default_run_ids_sort_by_time_and_differ_within_a_second() -> None:
    ids = {default_run_id(NOW) for _ in range(20)}
    assert len(ids) > 15
    assert max(ids) < default_run_id(NOW.replace(second=8))
    assert all(parse_extraction(["--run_id", run_id]).run_id == run_id for run_id in ids)


def test_a_remote_output_stays_as_it_is_and_a_local_one_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_extraction(["--output", "gs://b/x/"]).output == "gs://b/x"
    assert parse_extraction(["--output", "x/"]).output == str(tmp_path / "x")


@pytest.mark.parametrize(
    ("runner", "local"),
    [
        ("DirectRunner", True),
        ("directrunner", True),
        ("direct", True),  # Beam takes the name without its last word too
        ("FnApiRunner", True),
        ("BundleBasedDirectRunner", True),
        ("SwitchingDirectRunner", True),
        ("FlinkRunner", False),
        ("PrismRunner", False),
        ("PortableRunner", False),
    ],
)
def test_local_runners_are_run_by_our_own_choice(runner: str, local: bool) -> None:
    places = ["--input=s3://b/in", "--output=s3://b/out"]
    assert parse_extraction([f"--runner={runner}", *places]).is_local is local


def test_what_the_user_did_not_choose_is_not_chosen() -> None:
    """Beam's defaults (one worker, in memory) are no choice of the user's."""
    assert chosen_direct_options(PipelineOptions([])) == (None, None)
    chosen = PipelineOptions(["--direct_num_workers=2", "--direct_running_mode=multi_processing"])
    assert chosen_direct_options(chosen) == ("multi_processing", 2)
    assert chosen_direct_options(PipelineOptions(["--direct_num_workers=0"])) == (None, 0)
    # A choice that equals Beam's default is one all the same.
    defaults = PipelineOptions(["--direct_num_workers=1", "--direct_running_mode=in_memory"])
    assert chosen_direct_options(defaults) == ("in_memory", 1)


def test_blanks_in_a_list_of_fields_and_a_local_scheme_are_no_part_of_names(tmp_path: Path) -> None:
    config = parse_extraction(["--keep_fields", "title, year", f"--output=file://{tmp_path}/o"])
    assert config.read.keep_fields == ("title", "year")
    assert config.output == f"{tmp_path}/o"


def test_a_configuration_is_frozen() -> None:
    config = parse_extraction([])
    with pytest.raises(AttributeError):
        config.output = "elsewhere"  # type: ignore[misc]
    assert isinstance(config, ExtractionConfig)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--output=s3://b/out"], "--input"),
        (["--input=s3://b/in/*.jsonl"], "--output"),
    ],
)
def test_workers_elsewhere_need_places_that_they_reach(flags: list[str], named: str) -> None:
    """The bundled documents and ./out are on the machine that submits."""
    cluster = ["--runner=FlinkRunner", "--flink_master=host:8081", "--environment_type=EXTERNAL"]
    cluster.append("--environment_config=localhost:50000")
    with pytest.raises(UsageError, match=f"{named} must name a place that all workers reach"):
        parse_extraction([*cluster, *flags])
    config = parse_extraction([*cluster, "--input=s3://b/in", "--output=s3://b/out"])
    assert config.inputs == ("s3://b/in",)
    assert not parse_extraction(["--runner=PrismRunner"]).is_local  # whose worker is here
