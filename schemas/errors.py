"""Errors that gleaner raises on purpose.

GleanerError
├── RecordError          one record is at fault: it becomes a dead letter, the run goes on
│   └── RecordSizeError     a record is larger than allowed
├── ShardError           the rest of a file is: one dead letter, the run goes on
└── JobError             the run stops with one sentence and `exit_code`
    ├── UsageError       2  flags, paths, input that does not exist: nothing was written
    │   ├── ArtifactError   2  a model directory that is damaged, foreign or too new
    │   └── CorpusError     2  a labelled file that cannot be trained or measured on
    ├── WorkerLostError  1  a worker process died
    ├── DeadLettersError 3  more dead letters than allowed
    ├── BrokenFilesError 3  more files than allowed could not be read to their end
    ├── DriftError       4  unlike the model's training data, or the last run
    └── OutputBusyError  5  another run holds the output
"""

# What asks a process or a generator to end. No other error does, whatever its class: a library in
# Rust that panics, for one, raises what is no Exception.
STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class GleanerError(Exception):
    """Base of every error that gleaner raises on purpose."""


class RecordError(GleanerError):
    """A record cannot be processed; the message names the cause for the dead letter."""


class RecordSizeError(RecordError):
    """A record is larger than allowed; the message names both sizes."""


class ShardError(GleanerError):
    """The rest of a shard cannot be read; the message says why, in one sentence.

    nameless: the same without the names of columns or keys that the file has: where a header is
    missing these are values of a record, and what is written down quotes none.
    """

    def __init__(self, message: str, nameless: str = "") -> None:
        super().__init__(message)
        self.nameless = nameless or message


class JobError(GleanerError):
    """The run stops; the message is the one sentence that the user sees."""

    exit_code = 1


class UsageError(JobError):
    """Flags, paths or inputs are wrong; nothing has been written."""

    exit_code = 2


class ArtifactError(UsageError):
    """A model directory is missing, damaged, foreign or of a newer format."""


class CorpusError(UsageError):
    """A labelled file is broken; the message names file, line and reason."""


class WorkerLostError(JobError):
    """A worker process died before its work was done."""


class DeadLettersError(JobError):
    """More records than allowed became dead letters; these were written, and nothing else."""

    exit_code = 3


class BrokenFilesError(JobError):
    """More files than allowed could not be read to their end; the message says what was kept."""

    exit_code = 3


class DriftError(JobError):
    """The documents are unlike the model's training data or the last run; no rows count."""

    exit_code = 4


class OutputBusyError(JobError):
    """Another run holds the output directory."""

    exit_code = 5


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that this error ends; 1 for what nobody raised on purpose."""
    return error.exit_code if isinstance(error, JobError) else 1
