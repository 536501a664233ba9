"""What stages share: outputs by name, and failures of single documents as one of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, Literal, NamedTuple, TypeVar

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.typehints.decorators import IOTypeHints

from pipeline.console.text import cause
from schemas.errors import STOPS
from schemas.records import RAW_BYTES, DeadLetter, Document, TaggedDocument, TokenizedDocument

DEAD_LETTERS: Final = "dead_letters"

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F")
Input = TypeVar("Input")
Output = TypeVar("Output")

# Beam reads this for the element type of the output.
TaggedDeadLetter = TaggedOutput[Literal["dead_letters"], DeadLetter]


class NamedPTransform(beam.PTransform[Input, Output]):
    """A PTransform whose input or output is several collections, by their names."""

    def default_type_hints(self) -> IOTypeHints:
        """No hints of the whole: Beam would warn that it cannot use a NamedTuple as one."""
        return IOTypeHints.empty()


class DocumentOutputs(NamedTuple, Generic[T]):
    """What a stage made of the documents, and the dead letters of those that it failed at."""

    documents: PCollection[T]
    dead_letters: PCollection[DeadLetter]


def in_halves(
    items: Sequence[T],
    work: Callable[[Sequence[T]], Iterable[R]],
    give_up: Callable[[T, BaseException], F],
) -> list[R | F]:
    """What `work` makes of the items, in order; where it fails at one alone, what `give_up` says.

    Where work fails at several items it is tried on each half of them: of n items with k culprits,
    at most about 2 k log2(n) times. Nothing that a failed try made is kept. A failure is whatever
    is raised, memory errors and panics of libraries too, but for a request to stop.
    """
    try:
        return list(work(items))
    except STOPS:
        raise
    except BaseException as error:  # noqa: BLE001 - see above
        if len(items) == 1:
            return [give_up(items[0], error)]
    # Outside of `except`, where the error would hold the arrays of the failed try.
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [result for half in halves for result in in_halves(half, work, give_up)]


def set_aside(
    stage: str,
) -> Callable[[TokenizedDocument | TaggedDocument, BaseException], DeadLetter]:
    """What makes the dead letter of a document that a stage after tokenizing failed at."""
    return lambda record, error: document_dead_letter(record.document, stage, error)


def document_dead_letter(document: Document, stage: str, error: BaseException) -> DeadLetter:
    """The dead letter of a document that was read and then failed; `raw` is its text in UTF-8."""
    raw = document.text.encode()
    return DeadLetter(
        document.source,
        document.record,
        document.doc_id,
        stage,
        type(error).__name__,
        cause(error),
        raw[:RAW_BYTES],
        len(raw),
        document.fields,
    )


def routed(result: T | DeadLetter) -> T | TaggedDeadLetter:
    """A stage's result on its way: dead letters to the output of that name, others to the main."""
    return TaggedDeadLetter(DEAD_LETTERS, result) if isinstance(result, DeadLetter) else result
