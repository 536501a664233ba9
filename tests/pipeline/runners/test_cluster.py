"""Elsewhere: a job that is not done is an error, and none outlives an interrupted submitter."""

import threading
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from pipeline.runners.cluster import ClusterRunner
from pipeline.runners.errors import cause_of
from schemas.errors import JobError

Submit = Callable[[object], None]


class Job:
    """A submitted job; `ending` is the state that it ends in, or what is raised meanwhile."""

    def __init__(self, ending: object) -> None:
        self.ending = ending
        self.cancelled = False

    def wait_until_finish(self) -> object:
        if isinstance(self.ending, BaseException):
            raise self.ending
        return self.ending

    def cancel(self) -> None:
        self.cancelled = True


def run_on_cluster(on_tick: Callable[[], None]) -> None:
    runner = ClusterRunner(PipelineOptions([]))
    workers = runner.workers([])
    runner.run(lambda pipeline: pipeline | beam.Create([1]), workers, Path(), on_tick)


@pytest.fixture
def submit(monkeypatch: pytest.MonkeyPatch) -> Submit:
    """Run an empty graph whose submission gives a job, or raises."""

    def run(job: object) -> None:
        def submitted(_: beam.Pipeline) -> object:
            if isinstance(job, Exception):
                raise job
            return job

        monkeypatch.setattr(beam.Pipeline, "run", submitted)
        run_on_cluster(lambda: None)

    return run


def test_a_job_that_is_done_is_done(submit: Submit) -> None:
    submit(Job(PipelineState.DONE))


@pytest.mark.parametrize("state", [PipelineState.CANCELLED, PipelineState.FAILED, "DRAINED"])
def test_a_job_that_ends_otherwise_is_an_error(state: str, submit: Submit) -> None:
    with pytest.raises(JobError, match=f"the job was {state.lower()} before it was done"):
        submit(Job(state))


def test_a_job_that_cannot_be_submitted_is_one_sentence(submit: Submit) -> None:
    with pytest.raises(JobError, match=r"could not be submitted \(no such host\)"):
        submit(OSError("no such host\nand a page about it"))


def test_someone_hears_that_the_job_still_runs_and_nothing_once_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.runners.cluster._TICK", 0.001)
    heard = threading.Semaphore(0)

    class LongJob(Job):
        def wait_until_finish(self) -> object:
            assert all(heard.acquire(timeout=10) for _ in range(3))
            return PipelineState.DONE

    monkeypatch.setattr(beam.Pipeline, "run", lambda _: LongJob(None))
    run_on_cluster(heard.release)
    assert all(thread.name != "progress" for thread in threading.enumerate())


def test_an_interrupt_cancels_the_job(submit: Submit) -> None:
    job = Job(KeyboardInterrupt("terminated"))
    with pytest.raises(KeyboardInterrupt, match="terminated"):
        submit(job)
    assert job.cancelled


def test_a_job_that_failed_is_not_cancelled(submit: Submit) -> None:
    job = Job(RuntimeError("Pipeline failed"))
    with pytest.raises(RuntimeError, match="Pipeline failed"):
        submit(job)
    assert not job.cancelled


class DataflowError(Exception):
    """As Dataflow raises for a job that is not done: it holds the result."""

    def __init__(self, state: str) -> None:
        super().__init__(f"Dataflow pipeline failed. State: {state}, Error:\nNone")
        self.result = type("Result", (), {"state": state})


def test_a_job_that_somebody_cancelled_says_so(submit: Submit) -> None:
    with pytest.raises(JobError, match="the job was cancelled before it was done"):
        submit(Job(DataflowError(PipelineState.CANCELLED)))


def test_a_job_that_is_lost_sight_of_is_cancelled_where_that_can_be(submit: Submit) -> None:
    job = Job(AssertionError("Job did not reach to a terminal state"))
    with pytest.raises(JobError, match="lost sight of, it may go on"):
        submit(job)
    assert job.cancelled


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Dataflow pipeline failed. State: CANCELLED, Error:\nNone",
            "Dataflow pipeline failed. State: CANCELLED, Error:",
        ),
        (
            (
                "Pipeline p_1 failed in state FAILED: java.lang.RuntimeException: Error received\n"
                "Traceback (most recent call last):\n"
                '  File "x.py", line 1, in load_model\n'
                "schemas.errors.ArtifactError: m holds a@1, the job was submitted for a@2 [while "
                "running 'TagBatches/RunInference/BeamML_RunInference-ptransform-40']\n"
                "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
                "Caused by: java.util.concurrent.ExecutionException: it said so\n\t... 9 more"
            ),
            "m holds a@1, the job was submitted for a@2, in TagBatches",
        ),
        (
            (
                "Pipeline failed: [org.apache.flink.X: a\n\tat org.apache.flink.Y(Y.java:1)\n"
                "Caused by: java.io.IOException: b\n\tat z\n"
                "Caused by: java.net.ConnectException: Connection refused\n\t... 13 more\n]"
            ),
            "Connection refused",
        ),
        ("OSError: [Errno 28] No space left on device", "No space left on device"),
        ("shards: none", "shards: none"),
    ],
)
def test_the_cause_is_found_in_what_runners_say(text: str, cause: str) -> None:
    assert cause_of(RuntimeError(text)) == cause
