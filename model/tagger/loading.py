"""A tagger for programs: texts in, their entities out, as `pipeline.run` would write them."""

import math
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from pyarrow import ArrowException, fs

from model.gazetteer.lists import ListFiles, gazetteer_of, paths_of
from model.gazetteer.matching import Gazetteer
from model.tagger.arithmetic import start_arithmetic
from model.tagger.artifact import find_artifact, gather_files, load_artifact, read_files
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import Segmentation, tokenize_document
from schemas.errors import ArtifactError, UsageError
from schemas.records import ORIGINS, Document, Origin, TaggedDocument


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled stretch `[start, end)` of a text, in code points; `text` is what stands there.

    confidence: the model's own probability that exactly this stretch has exactly this label; None
    where a gazetteer found what the model cannot find, or contradicts. entity_id: the gazetteer's.
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float | None
    origin: Origin = "model"
    entity_id: str | None = None


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
        """Every label that the model knows, sorted, and then those of the gazetteer alone."""
        return tuple(self._tagger.labels.tolist())

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


def load_tagger(
    model: str | os.PathLike[str],
    *,
    min_confidence: float = 0.0,
    gazetteer: ListFiles = (),
) -> TextTagger:
    """The tagger of a bundled model's name, a directory, or a URL (`s3:`, `gs:`, `hdfs:`, `file:`).

    min_confidence: entities of the model are left out below it. gazetteer: a file of terms
    or several, on a disk or by URLs, as `pipeline.run` takes them; what is odd about them becomes
    warnings. TensorFlow is started here, and takes all cores. Raises ArtifactError where there is
    no such model, where it cannot be reached, and where it is damaged; UsageError for files that
    are no lists of terms; ValueError for a confidence that is none.
    """
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence is {min_confidence}, expected 0 to 1")
    place = os.fspath(model)
    files = _stored_files(place) if "://" in place else read_files(find_artifact(place))
    artifact = load_artifact(files, place)
    terms = _gazetteer(paths_of(gazetteer), artifact.segmentation)
    start_arithmetic()
    return TextTagger(Tagger(artifact, min_confidence=min_confidence, gazetteer=terms))


def _gazetteer(paths: Sequence[str], segmentation: Segmentation) -> Gazetteer | None:
    if not paths:
        return None
    gazetteer, odd = gazetteer_of({path: _read(path) for path in paths}, segmentation)
    for sentence in odd:
        warnings.warn(sentence, stacklevel=3)
    return gazetteer


def _read(path: str) -> bytes:
    try:
        if "://" not in path:
            return Path(path).read_bytes()
        store, place = fs.FileSystem.from_uri(path)
        with store.open_input_stream(place) as stream:
            return bytes(stream.read())
    except (OSError, ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{path} cannot be read: {reason}") from error


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
    listed = tagged.listed
    origins = [ORIGINS[code] for code in listed.origin.tolist()] if listed else repeat("model")
    entities = (
        Entity(start, end, text[start:end], label, _known(confidence), origin, entity_id)
        for start, end, label, confidence, origin, entity_id in zip(
            *columns,
            tagged.confidence.tolist(),
            origins,
            listed.ids if listed else repeat(None),
            strict=False,
        )
    )
    return TaggedText(text, tuple(entities))


def _known(confidence: float) -> float | None:
    return None if math.isnan(confidence) else confidence
