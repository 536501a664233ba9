"""A trained tagger as a directory of data files: no pickle, no executable graph.

config.json          format version, name, segmentation, sizes, temperature, how it was trained
labels.json          tag scheme and labels
vocabulary.json      words and characters
weights.safetensors  the arrays of `TaggerWeights`; word tables in half precision
metrics.json         scores, calibration and learning curves
baseline.json        statistics of the training data, to compare a run's documents with
MODEL_CARD.md, *.svg for people
checksums.json       SHA-256 of every other file
"""

import contextlib
import difflib
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.numpy

from model.host.regular_files import open_regular
from model.tagger.artifact.contents import Fields, is_name, shown
from model.tagger.artifact.records import (
    require_statistics,
    stored_segmentation,
    stored_tags,
)
from model.tagger.encoding import MOST_CHARACTERS, WordEncoder
from model.tagger.vocabulary import RESERVED, Vocabulary
from model.tagger.weights import HALF_PRECISION, TaggerWeights
from model.tags import TagSet
from model.text.segmentation import Segmentation
from schemas.errors import STOPS, ArtifactError

FORMAT = "gleaner-tagger"
FORMAT_VERSION = 2
BUNDLED = Path(__file__).parents[2] / "bundled"

# What a tagger computes depends on these files alone, so they make up its identity.
_IDENTITY = ("config.json", "labels.json", "vocabulary.json", "weights.safetensors")
_CHECKSUMS = "checksums.json"

# Bytes of the whole directory, and of one file of JSON, which takes up to twenty times as many once
# it is read: so a worker stays below 2 GB whatever it is given. 400,000 words with vectors of 300
# numbers take 320 MB, and 8.
_MOST_BYTES = 400_000_000
_MOST_JSON_BYTES = 32_000_000
_MOST_FILES = 1000

# Calibration fits 0.2 to 10. All scores are divided by it, and stay far from float32's ends.
_LEAST_TEMPERATURE, _MOST_TEMPERATURE = 0.01, 100.0


@dataclass(frozen=True, eq=False)
class Artifact:
    """A tagger as loaded: everything that extraction needs, and the figures it came with.

    temperature: what the CRF's scores are divided by, so that its confidence is calibrated. Raises
    ValueError where it is not from 0.01 to 100.
    """

    name: str
    segmentation: Segmentation
    encoder: WordEncoder
    tags: TagSet
    weights: TaggerWeights
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    baseline: Mapping[str, Any]
    temperature: float = 1.0
    content_hash: str = ""

    def __post_init__(self) -> None:
        if not _LEAST_TEMPERATURE <= self.temperature <= _MOST_TEMPERATURE:
            raise ValueError(f"temperature is {self.temperature}, expected 0.01 to 100")

    @property
    def identity(self) -> str:
        """`name@hash`, as it stands in the `model` column."""
        return f"{self.name}@{self.content_hash}"

    @property
    def language(self) -> str:
        """What its training data are in, if that was found out; else whose rules cut sentences."""
        return str(self.baseline.get("language") or self.segmentation.language)


def save_artifact(artifact: Artifact, directory: Path, people: Mapping[str, str]) -> str:
    """Write the directory, whole or not at all; returns its content hash.

    `people` holds the texts for readers (model card, plots) by file name.

    Raises ArtifactError where the directory exists and is not empty, and for a model that would be
    refused when it is read: where training went astray, or made too much.
    """
    if directory.exists() and any(directory.iterdir()):
        raise ArtifactError(f"{directory} exists and is not empty")
    try:
        artifact.weights.require_sound(artifact.tags, artifact.temperature)
    except ValueError as error:
        raise ArtifactError(f"{directory} is not written: {error}") from error
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": artifact.name,
        "segmentation": artifact.segmentation.to_json(),
        "max_characters": artifact.encoder.max_characters,
        "temperature": artifact.temperature,
        "training": dict(artifact.training),
    }
    files = {
        "config.json": _json(config),
        "labels.json": _json(asdict(artifact.tags)),
        "vocabulary.json": _json(asdict(artifact.encoder.vocabulary), indent=None),
        "weights.safetensors": safetensors.numpy.save(_stored(artifact.weights)),
        "metrics.json": _json(artifact.metrics),
        "baseline.json": _json(artifact.baseline),
        **{name: text.encode() for name, text in people.items()},
    }
    checksums = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    if sum(map(len, files.values())) > _MOST_BYTES:
        raise ArtifactError(
            f"{directory} is not written: it would have more than {_MOST_BYTES:,} B"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".model-", dir=directory.parent) as scratch:
        whole = Path(scratch, directory.name)
        whole.mkdir()
        for name, data in {**files, _CHECKSUMS: _json(checksums)}.items():
            (whole / name).write_bytes(data)
        whole.replace(directory)
    return _content_hash(checksums)


def find_artifact(name_or_directory: str, argument: str = "model") -> Path:
    """The directory of a bundled model's name, or the directory itself.

    Raises ArtifactError where there is neither; `argument` is what the user called it.
    """
    for directory in (Path(name_or_directory), BUNDLED / name_or_directory):
        with contextlib.suppress(OSError):  # a name that is too long for one
            if directory.is_dir():
                return directory
    bundled = sorted(path.name for path in BUNDLED.glob("*") if path.is_dir())
    nearest = difflib.get_close_matches(name_or_directory, bundled, 1)
    raise ArtifactError(
        f"{argument} {name_or_directory}: no such directory, and no bundled model of that name "
        f"(bundled: {', '.join(bundled) or 'none'})"
        + (f", did you mean {nearest[0]}?" if nearest else "")
    )


class Readable(Protocol):
    """A stream of bytes, whichever library opened it."""

    def read(self, size: int, /) -> bytes: ...


def read_files(directory: Path) -> dict[str, bytes]:
    """The files of a model directory; raises as `gather_files`."""
    return gather_files(lambda name: open_regular(directory / name), str(directory))


def gather_files(
    open_file: Callable[[str], AbstractContextManager[Readable]], where: str
) -> dict[str, bytes]:
    """The files that a model's checksums name, and these; nothing else is opened.

    open_file: a stream of a file of the model, by its name; raises FileNotFoundError where there is
    none. Raises ArtifactError where there are no checksums, or a file cannot be read or is larger
    than one of a model may be.
    """
    files: dict[str, bytes] = {}
    name = _CHECKSUMS

    def read() -> bytes:
        most = _MOST_BYTES - sum(map(len, files.values()))
        if name.endswith(".json"):
            most = min(most, _MOST_JSON_BYTES)
        with open_file(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise ArtifactError(f"{where} cannot be read: {name} is too large for a model")
        return data

    try:
        listed = read()
        for name in _checksums({_CHECKSUMS: listed}, where):
            with contextlib.suppress(FileNotFoundError):  # which `load_artifact` notices
                files[name] = read()
    except FileNotFoundError as error:
        raise ArtifactError(f"{where} is not a gleaner model: it has no {_CHECKSUMS}") from error
    except OSError as error:
        problem = error.strerror or error
        raise ArtifactError(f"{where} cannot be read: {name}: {problem}") from error
    return {**files, _CHECKSUMS: listed}


def load_artifact(files: Mapping[str, bytes], where: str) -> Artifact:
    """A verified artifact from its files; `where` names it in messages.

    Raises ArtifactError where a file is missing, was changed, does not fit the others, or holds
    what no tagger can work with: see `TaggerWeights.require_sound` for the numbers.
    """
    checksums = _verified_checksums(files, where)
    config, labels, words, metrics, baseline = (
        Fields(_parsed(files, name, where), name)
        for name in (*_IDENTITY[:3], "metrics.json", "baseline.json")
    )
    if config.values.get("format") != FORMAT:
        raise ArtifactError(
            f"{where} is not a gleaner model: its format is {shown(config.values.get('format'))}"
        )
    if config.values.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{where} has model format version {shown(config.values.get('format_version'))}, "
            f"this release reads version {FORMAT_VERSION}"
        )
    try:
        tags = stored_tags(labels)
        vocabulary = Vocabulary(words.texts("words"), words.texts("characters"))
        weights = _weights(files["weights.safetensors"], vocabulary, tags)
        temperature = config.number("temperature", _LEAST_TEMPERATURE, _MOST_TEMPERATURE)
        weights.require_sound(tags, temperature)
        require_statistics(baseline)
        return Artifact(
            name=config.text("name"),
            segmentation=stored_segmentation(config.fields("segmentation")),
            encoder=WordEncoder(vocabulary, config.whole("max_characters", 1, MOST_CHARACTERS)),
            tags=tags,
            weights=weights,
            training=config.fields("training").values,
            metrics=metrics.values,
            baseline=baseline.values,
            temperature=temperature,
            content_hash=_content_hash(checksums),
        )
    except ArtifactError as error:
        raise ArtifactError(f"{where}: {error}") from error
    except ValueError as error:
        raise ArtifactError(f"{where} does not fit together: {error}") from error


def _checksums(files: Mapping[str, bytes], where: str) -> dict[str, str]:
    checksums = _parsed(files, _CHECKSUMS, where)
    for name in checksums:
        if not is_name(name) or name != Path(name).name:
            raise ArtifactError(f"{where} is damaged: {_CHECKSUMS} names what is no file beside it")
    if len(checksums) > _MOST_FILES:
        raise ArtifactError(f"{where} is damaged: {_CHECKSUMS} names {len(checksums):,} files")
    return checksums


def _verified_checksums(files: Mapping[str, bytes], where: str) -> dict[str, str]:
    if _CHECKSUMS not in files:
        raise ArtifactError(f"{where} is not a gleaner model: it has no {_CHECKSUMS}")
    checksums = _checksums(files, where)
    for name in sorted({*_IDENTITY, "metrics.json", "baseline.json", *checksums}):
        if name not in files:
            raise ArtifactError(f"{where} is incomplete: {name} is missing")
        if hashlib.sha256(files[name]).hexdigest() != checksums.get(name):
            raise ArtifactError(f"{where} is damaged: {name} does not match its checksum")
    return checksums


def _content_hash(checksums: Mapping[str, str]) -> str:
    joined = "\n".join(f"{name} {checksums[name]}" for name in _IDENTITY)
    return hashlib.sha256(joined.encode()).hexdigest()[:12]


def _stored(weights: TaggerWeights) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name: np.ascontiguousarray(array, np.float16 if name in HALF_PRECISION else None)
        for name, array in weights.arrays().items()
    }


def _weights(data: bytes, vocabulary: Vocabulary, tags: TagSet) -> TaggerWeights:
    try:
        arrays = safetensors.numpy.load(data)
    except BaseException as error:  # by what its header holds, one of many; in Rust it may panic
        if isinstance(error, STOPS):
            raise
        raise ArtifactError(f"weights.safetensors cannot be read: {error}") from error
    expected = {f.name for f in fields(TaggerWeights)}
    if arrays.keys() != expected:
        raise ValueError(f"weights {sorted(arrays)} where {sorted(expected)} are expected")
    for name, array in arrays.items():
        if array.dtype not in (np.float16, np.float32):
            raise ValueError(f"weight {name} is of {array.dtype}, expected float16 or float32")
    weights = TaggerWeights(
        **{name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    )
    sizes = (len(weights.vectors), len(weights.characters), len(weights.start))
    words, characters = vocabulary.words, vocabulary.characters
    wanted = (len(words) + RESERVED, len(characters) + RESERVED, len(tags.tags))
    if sizes != wanted:
        raise ValueError(f"weights for {sizes} words, characters and tags, the files list {wanted}")
    return weights


def _parsed(files: Mapping[str, bytes], name: str, where: str) -> dict[str, Any]:
    if name not in files:
        raise ArtifactError(f"{where} is incomplete: {name} is missing")
    try:
        parsed = json.loads(files[name])
    except ValueError as error:
        raise ArtifactError(f"{where} is damaged: {name} is no JSON") from error
    except RecursionError as error:
        raise ArtifactError(f"{where} is damaged: {name} is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise ArtifactError(f"{where} is damaged: {name} holds no object")
    return parsed


def _json(value: Mapping[str, Any], indent: int | None = 1) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True).encode()
