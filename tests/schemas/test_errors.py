"""Errors and the exit codes that DESIGN.md promises to a scheduler."""

import pytest

from schemas.errors import (
    ArtifactError,
    CorpusError,
    DriftError,
    GleanerError,
    JobError,
    OutputBusyError,
    RecordError,
    UsageError,
    WorkerLostError,
    exit_code_of,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobError, 1),
        (WorkerLostError, 1),
        (UsageError, 2),
        (ArtifactError, 2),
        (CorpusError, 2),
        (DriftError, 4),
        (OutputBusyError, 5),
    ],
)
def test_a_job_that_stops_has_the_exit_code_of_the_contract(
    error: type[JobError], code: int
) -> None:
    assert error.exit_code == exit_code_of(error("x")) == code
    assert issubclass(error, JobError)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), RecordError(), MemoryError()])
def test_what_nobody_raised_on_purpose_ends_a_command_with_1(error: BaseException) -> None:
    assert exit_code_of(error) == 1


def test_a_record_error_never_stops_a_job() -> None:
    """Code that ends a run catches JobError: a record error must not be one."""
    assert not issubclass(RecordError, JobError)
    assert issubclass(RecordError, GleanerError)
    assert not issubclass(JobError, RecordError)
