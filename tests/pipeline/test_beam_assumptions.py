"""What our code takes for granted of the insides of Beam 2.77.

None of it is promised. Each test asserts one such thing, and its docstring says what its end would
cost: a new version of Beam is then one red file, and not a hunt. Those of Python stand in
`test_python_assumptions.py`.
"""

import argparse
import gzip
import inspect
import logging
import os
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import apache_beam as beam
import pytest
from apache_beam.io.aws import s3io
from apache_beam.io.aws.clients.s3 import boto3_client, messages
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.gcp import gcsio
from apache_beam.ml.inference import base
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    S3Options,
    StandardOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.options.value_provider import RuntimeValueProvider
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.runners.dataflow import dataflow_runner
from apache_beam.runners.direct.direct_runner import DirectRunner, SwitchingDirectRunner
from apache_beam.runners.portability import flink_runner, prism_runner
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineState, create_runner
from apache_beam.runners.worker import data_plane, sdk_worker_main
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms import environments
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.shared import Shared

from pipeline.runners.runner import forgo_folder
from pipeline.stages.coders import RecordCoder, record_bytes
from schemas.records import DeadLetter, Document


def parameters(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.fixture
def pipeline() -> Iterator[beam.Pipeline]:
    """One that is not run, with options of its own."""
    before = FileSystems._pipeline_options  # noqa: SLF001 - it has no getter
    made = beam.Pipeline(options=PipelineOptions(["--s3_region_name=here"]))
    yield made
    FileSystems.set_options(before)
    shutil.rmtree(made.local_tempdir)


# The local runner and its workers


def test_the_default_runner_may_be_another_than_ours() -> None:
    """We choose FnApiRunner: Beam's own choice tries Prism, which it downloads where it can."""
    assert issubclass(DirectRunner, SwitchingDirectRunner)
    assert "PrismRunner" in inspect.getsource(SwitchingDirectRunner)


def test_the_runner_takes_an_environment_and_provision() -> None:
    """Else no local run starts."""
    assert parameters(fn_runner.FnApiRunner.__init__)[1:3] == [
        "default_environment",
        "bundle_repeat",
    ]
    assert "provision_info" in parameters(fn_runner.FnApiRunner.__init__)


def test_provision_carries_the_options() -> None:
    """Else worker processes have none: another endpoint of S3, say, would not reach them."""
    assert fn_runner.ExtendedProvisionInfo().provision_info.pipeline_options is not None


def test_options_are_encoded_under_names_of_beam() -> None:
    """Else workers ignore them in silence."""
    encoded = JobServiceHandle.encode_pipeline_options({"direct_num_workers": 2, "none": None})
    assert dict(encoded) == {"beam:option:direct_num_workers:v1": "2"}


def test_a_handler_of_workers_is_registered_by_its_environment() -> None:
    """Else Beam starts processes of its own, which are not ready and which nobody watches."""
    source = inspect.getsource(worker_handlers.WorkerHandler)
    assert "constructor, payload_type = cls._registered_environments[environment.urn]" in source


def test_a_handler_is_made_of_payload_state_provision_and_server() -> None:
    """Else several processes fail as soon as they are wanted."""
    taken = parameters(worker_handlers.GrpcWorkerHandler.__init__)
    assert taken == ["self", "state", "provision_info", "grpc_server"]


@pytest.mark.parametrize("name", ["control_address", "worker_id", "provision_info"])
def test_a_handler_knows_what_its_worker_needs(name: str) -> None:
    """Else a worker does not find its run, which then waits for ever."""
    handlers = (worker_handlers.GrpcWorkerHandler, worker_handlers.WorkerHandler)
    assert any(f"self.{name} = " in inspect.getsource(handler) for handler in handlers)


def test_an_environment_of_ours_has_a_urn() -> None:
    """Else the graph names no environment that the runner knows."""
    known = environments.Environment._known_urns  # noqa: SLF001 - where they are kept
    assert environments.python_sdk_capabilities()
    assert {"beam:env:embedded_python:v1"} <= set(known)


@pytest.mark.parametrize(
    "name", ["CONTROL_API_SERVICE_DESCRIPTOR", "PIPELINE_OPTIONS", "WORKER_ID"]
)
def test_a_worker_reads_its_orders_from_the_environment(name: str) -> None:
    """Else the processes of the pool, which wait for these, serve nobody."""
    assert f"'{name}'" in inspect.getsource(sdk_worker_main.create_harness)


@pytest.mark.parametrize(
    ("module", "name"),
    [(worker_handlers, "beam_control_read"), (data_plane, "read_grpc_client_inputs")],
)
def test_threads_that_listen_to_workers_have_these_names(module: ModuleType, name: str) -> None:
    """Else a worker that dies is told with tracebacks beside the one sentence."""
    assert f"name='{name}'" in inspect.getsource(module)


def test_a_pipeline_gives_the_filesystems_its_own_options(pipeline: beam.Pipeline) -> None:
    """Which we undo; else the user's options for S3 would be gone when the graph is built."""
    assert pipeline.options is not None
    given: Any = FileSystems._pipeline_options  # noqa: SLF001 - it has no getter
    assert given.view_as(S3Options).s3_region_name == "here"


def test_a_worker_has_options_of_its_filesystems_here() -> None:
    """Else a path on S3 fails in worker processes: its filesystem wants options, be they empty."""
    assert hasattr(RuntimeValueProvider, "runtime_options")


def test_the_users_choice_of_a_mode_is_told_from_a_default_by_the_flags_alone() -> None:
    """Else a run has one process where the user said nothing, or several where he said one."""
    direct = PipelineOptions(["--direct_num_workers=1"]).view_as(DirectOptions)
    assert (direct.direct_num_workers, direct.direct_running_mode) == (1, "in_memory")
    assert PipelineOptions(["--direct_num_workers=1"])._flags == ["--direct_num_workers=1"]  # noqa: SLF001 - kept nowhere else


def test_a_pipeline_has_an_empty_folder_that_it_runs_without() -> None:
    """Else every interrupted run leaves one in the system's folder for temporary files."""
    pipeline = beam.Pipeline(runner="DirectRunner")
    folder = Path(pipeline.local_tempdir)
    assert list(folder.iterdir()) == []
    forgo_folder(pipeline)
    assert not folder.exists()
    assert pipeline | beam.Create([1])
    pipeline.run().wait_until_finish()


def test_a_view_of_options_shows_what_is_set_later() -> None:
    """Else a local run would not see it: it makes each view once."""
    options = PipelineOptions([])
    early = options.view_as(StandardOptions)
    options.view_as(StandardOptions).runner = "Other"
    assert early.runner == "Other"
    vars(options)["view_as"] = lambda kind: early
    assert options.view_as(StandardOptions) is early  # and an options object keeps its own method


# Flags and other runners


def test_all_flags_of_beam_are_found_by_its_classes() -> None:
    """Else a mistyped flag of Beam's is let through, or a right one refused."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)  # type: ignore[arg-type]  # noqa: SLF001 - as Beam does
    assert {"--runner", "--flink_master", "--s3_endpoint_url"} <= set(parser._option_string_actions)  # noqa: SLF001 - argparse lists them nowhere else


def test_beam_lets_an_unknown_flag_pass() -> None:
    """Which is why we look ourselves; this could go."""
    assert PipelineOptions(["--imput=a"]).view_as(StandardOptions).runner is None


@pytest.mark.parametrize("name", ["direct", "DIRECTRUNNER", "DirectRunner"])
def test_a_runner_is_found_in_any_case_and_without_its_last_word(name: str) -> None:
    """Else `--runner=direct` is taken for a cluster."""
    assert isinstance(create_runner(name), SwitchingDirectRunner)


def test_what_a_runner_would_refuse_is_told_before_it_runs() -> None:
    """Else a wrong flag of Dataflow's shows once the output was written to."""
    options = PipelineOptions(["--runner=DataflowRunner"])
    errors = PipelineOptionsValidator(options, create_runner("DataflowRunner")).validate()
    assert errors
    assert all(isinstance(error, str) for error in errors)


@pytest.mark.parametrize("module", [flink_runner, prism_runner])
def test_a_runner_inside_the_submitter_takes_workers_there(module: ModuleType) -> None:
    """Else the bundled documents would be refused, or not be found by workers elsewhere."""
    assert PipelineOptions([]).view_as(PortableOptions).environment_type is None
    assert PipelineOptions([]).view_as(FlinkRunnerOptions).flink_master == "[auto]"
    assert "portable_options.environment_type = 'LOOPBACK'" in inspect.getsource(module)


@pytest.mark.parametrize("state", ["DONE", "CANCELLED", "DRAINED", "FAILED"])
def test_states_of_a_job_are_words(state: str) -> None:
    """Else a job that was cancelled is told as `7`, or one that is done as failed."""
    assert getattr(PipelineState, state) == state


def test_dataflow_raises_for_a_job_that_is_not_done() -> None:
    """Else somebody's cancelling is told as an error of the job, or its losing as a traceback."""
    assert dataflow_runner.DataflowRuntimeException("m", "r").result == "r"
    assert "Job did not reach to a terminal state" in inspect.getsource(dataflow_runner)


# Stages


def test_a_named_tuple_is_no_type_hint_of_a_transform(caplog: pytest.LogCaptureFixture) -> None:
    """Which is why our stages give none; else each would warn in the pipelines of others."""

    class Outputs(NamedTuple):
        numbers: PCollection[int]

    class Stage(beam.PTransform[PCollection[int], Outputs]):
        def expand(self, numbers: PCollection[int]) -> Outputs:
            return Outputs(numbers)

    with caplog.at_level(logging.WARNING):
        Stage().default_type_hints()  # type: ignore[no-untyped-call]  # Beam has no types
    assert "This output type hint will be ignored" in caplog.text


def test_outputs_come_in_their_order_with_the_main_one_first_and_typed(
    pipeline: beam.Pipeline,
) -> None:
    """Else a stage hands its dead letters on as documents, or encodes records with pickle."""

    def split(number: int) -> Iterator[int | TaggedOutput[Literal["odd"], str]]:
        yield number

    main, odd = pipeline | beam.Create([1]) | beam.FlatMap(split).with_outputs("odd", main="a")
    assert (main.tag, odd.tag) == (None, "odd")
    assert (main.element_type, odd.element_type) == (int, str)


def test_a_batch_of_a_fixed_weight_may_come_empty_before_a_first_heavy_element() -> None:
    """Which is why these are dropped: padding and tagging would get an empty batch."""
    with BeamPipeline("FnApiRunner") as pipeline:
        batches = (
            pipeline
            | beam.Create([90, 3, 4], reshuffle=False)
            | beam.BatchElements(50, 50, element_size_fn=lambda weight: weight)
        )
        assert_that(batches, equal_to([[], [90], [3, 4]]))


class Handler(base.ModelHandler[Any, Any, Shared]):
    def load_model(self) -> Shared:
        return Shared()

    def run_inference(self, batch: Sequence[object], *_: object) -> list[object]:
        return [(type(batch).__name__, len(batch))]


def test_an_element_is_itself_the_batch_where_there_is_no_batching() -> None:
    """Else the tagger gets lists of padded batches."""
    with BeamPipeline("FnApiRunner") as pipeline:
        given = pipeline | beam.Create([(1, 2, 3)])
        results = given | base.RunInference(Handler().with_no_batching())
        assert_that(results, equal_to([("tuple", 3)]))


def test_a_generator_of_results_is_drawn_from_outside_of_error_handling() -> None:
    """Which is why we give a list; else batches that fail are not counted as failed."""
    source = inspect.getsource(base._RunInferenceDoFn._run_inference)  # noqa: SLF001 - the fact is inside
    assert source.index("except BaseException") < source.index("list(result_generator)")


def test_the_length_of_a_batch_counts_as_inferences() -> None:
    """Else Beam's counter has batches where it had documents."""
    assert "num_elements = len(batch)" in inspect.getsource(base._RunInferenceDoFn._run_inference)  # noqa: SLF001 - as above


def test_a_batch_is_pickled_to_find_its_size() -> None:
    """Which is why we say it; else a tenth of a run's time went into that."""
    batch = [Document("a", "b", 0, "c")]
    assert Handler().get_num_bytes(batch) == len(pickle.dumps(batch))


def test_a_model_is_referenced_weakly() -> None:
    """Else each batch would load a model that cannot be."""
    with pytest.raises(TypeError, match="weak reference"):
        Shared().acquire(lambda: (1, 2))


def test_a_coder_is_asked_for_a_size() -> None:
    """Else every tenth second of a run goes into encoding what never leaves its process."""
    document = Document("a", "b", 0, "text")
    coder = RecordCoder().get_impl()  # type: ignore[no-untyped-call]  # Beam has no types
    assert coder.estimate_size(document) == record_bytes(document)


def test_a_bundles_last_files_are_windowed_by_hand() -> None:
    """Else the files that are open when a bundle ends are not reported, and the commit fails."""
    letter = DeadLetter("a", 0, None, "s", "e", "m")
    assert GlobalWindows.windowed_value_at_end_of_window(letter).value is letter


def test_a_pipeline_that_is_not_run_leaves_a_directory(pipeline: beam.Pipeline) -> None:
    """Which tests and the benchmark remove."""
    assert Path(pipeline.local_tempdir).is_dir()


# Files


def test_beam_reads_a_truncated_file_without_a_word(tmp_path: Path) -> None:
    """Which is why we decompress: half a file would be taken for all of it."""
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(os.urandom(4000))[:2000])
    with FileSystems.open(str(file)) as stream:
        assert len(stream.read()) < 4000


def test_beam_decompresses_by_name_unless_it_is_told_not_to(tmp_path: Path) -> None:
    """Else what we decompress would have been decompressed already."""
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"text"))
    with FileSystems.open(str(file), compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        assert stream.read() == file.read_bytes()


@pytest.mark.parametrize(("glob", "found"), [("*", 1), ("**", 2), ("a[1].txt", 0)])
def test_a_star_stops_at_slashes_and_a_bracket_cannot_be_quoted(
    glob: str, found: int, tmp_path: Path
) -> None:
    """Else `--input` takes other files, and our own listing of folders could go."""
    (tmp_path / "b").mkdir()
    for name in ("a[1].txt", "b/c.txt"):
        (tmp_path / name).touch()
    matched = FileSystems.match([f"{tmp_path}/{glob}"])[0].metadata_list
    assert sum(Path(file.path).is_file() for file in matched) == found


def test_the_checksum_of_a_local_file_is_its_size(tmp_path: Path) -> None:
    """Which is why fingerprints have the time too: a change of the same length would be missed."""
    (tmp_path / "a").write_text("four")
    assert FileSystems.checksum(f"{tmp_path}/a") == "4"


def test_an_error_of_a_filesystem_holds_those_of_its_paths() -> None:
    """Else a refusal reads "Match operation failed with exceptions {...}"."""
    assert BeamIOError("no", {"a": OSError("why")}).exception_details["a"].args == ("why",)
    assert messages.S3ClientError("why", 403).message == "why"


@pytest.mark.parametrize(
    "size",
    [
        inspect.signature(s3io.S3IO.open).parameters["read_buffer_size"].default,
        gcsio.DEFAULT_READ_BUFFER_SIZE,
    ],
)
def test_readers_of_object_stores_fetch_16_mib_at_a_time(size: int) -> None:
    """Else byte ranges of 64 MiB are too small, and most bytes are fetched twice, or too large."""
    assert size == 16 * 2**20


def test_a_client_of_s3_is_its_connection_and_the_state_of_one_download() -> None:
    """Else clients that share a connection lack a field, and the first read on S3 fails."""
    client = next(
        kind for kind in boto3_client.Client.__mro__ if kind.__module__ == boto3_client.__name__
    )
    made = client({"s3_region_name": "us-east-1"})
    assert set(vars(made)) == {"client", "_download_request", "_download_stream", "_download_pos"}


def test_beam_takes_the_client_of_s3_by_its_name() -> None:
    """Else each file that is opened makes two connections of its own, of 0.1 s each."""
    assert "boto3_client.Client(options=options)" in inspect.getsource(s3io.S3IO.__init__)


def test_clients_of_google_are_made_of_the_options() -> None:
    """Else manifests are written with other credentials than rows."""
    assert parameters(gcsio.create_storage_client)[0] == "pipeline_options"
