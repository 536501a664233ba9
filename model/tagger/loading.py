"""A tagger for programs: texts in, their entities out, as `pipeline.run` would write them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pyarrow import ArrowException, fs

from model.tagger.arithmetic import start_arithmetic
from model.tagger.artifact import find_artifact, gather_files, load_artifact, read_files
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from schemas.errors import ArtifactError
from schemas.records import Document, TaggedDocument


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled stretch `[start, end)` of a text, in code points; `text` is what stands there.

    confidence: the model's own probability that exactly this stretch has exactly this label.
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text and its entities, in order of the text and without overlaps."""

    text: str
    entities: tuple[Entity, ...]


class TextTagger:
    """A loaded model. Threads may share it, and each text is tagged by itself, whatever others."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

    @property
    def model(self) -> str:
        """Name and content hash, as they stand in the `model` column."""
        return self._tagger.artifact.identity

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that the model knows, sorted."""
        return self._tagger.artifact.tags.labels

    def tag(self, texts: Iterable[str]) -> list[TaggedText]:
        """The texts, in their order, with what was found in each; a text may be empty, or a book.

        Raises TypeError where it is given a single text, which would be read letter by letter, and
        where one of several is none, as a missing value of a data frame.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("texts is a single text, expected several: tag([text])")
        segmentation = self._tagger.artifact.segmentation
        documents = (
            tokenize_document(Document("", "", 0, _text(text, position)), segmentation)
            for position, text in enumerate(texts)
        )
        return [_tagged_text(document) for document in tag_documents(self._tagger, documents)]


def load_tagger(model: str | os.PathLike[str], *, min_confidence: float = 0.0) -> TextTagger:
    """The tagger of a bundled model's name, a directory, or a URL (`s3:`, `gs:`, `hdfs:`, `file:`).

    min_confidence: entities below it are left out. TensorFlow is started here, and takes all cores.
    Raises ArtifactError where there is no such model, where it cannot be reached, and where it is
    damaged; ValueError for a confidence that is none.
    """
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence is {min_confidence}, expected 0 to 1")
    place = os.fspath(model)
    files = _stored_files(place) if "://" in place else read_files(find_artifact(place))
    artifact = load_artifact(files, place)
    start_arithmetic()
    return TextTagger(Tagger(artifact, min_confidence=min_confidence))


def _text(text: object, position: int) -> str:
    if not isinstance(text, str):
        raise TypeError(f"the text at position {position} is {text!r}, expected a string")
    return text


def _stored_files(url: str) -> dict[str, bytes]:
    try:
        store, directory = fs.FileSystem.from_uri(url.rstrip("/"))
    except (OSError, ArrowException) as error:
        # A list of every library that was looked for may follow.
        reason = str(error).partition("\n")[0]
        raise ArtifactError(f"{url} cannot be read: {reason}") from error

    return gather_files(lambda name: store.open_input_stream(f"{directory}/{name}"), url)


def _tagged_text(tagged: TaggedDocument) -> TaggedText:
    text = tagged.document.text
    columns = (tagged.start_char.tolist(), tagged.end_char.tolist(), tagged.labels)
    entities = (
        Entity(start, end, text[start:end], label, confidence)
        for start, end, label, confidence in zip(*columns, tagged.confidence.tolist(), strict=True)
    )
    return TaggedText(text, tuple(entities))
