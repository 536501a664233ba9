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
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import RESERVED, Vocabulary
from model.tagger.weights import HALF_PRECISION, TaggerWeights
from model.tags import TagSet
from model.text.segmentation import Segmentation
from schemas.errors import ArtifactError

FORMAT = "gleaner-tagger"
FORMAT_VERSION = 2
BUNDLED = Path(__file__).parents[1] / "bundled"

# What a tagger computes depends on these files alone, so they make up its identity.
_IDENTITY = ("config.json", "labels.json", "vocabulary.json", "weights.safetensors")
_CHECKSUMS = "checksums.json"


@dataclass(frozen=True, eq=False)
class Artifact:
    """A tagger as loaded: everything that extraction needs, and the figures it came with.

    temperature: what the CRF's scores are divided by, so that its confidence is calibrated. Raises
    ValueError where it is not a finite number above 0.
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
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, expected a number above 0")

    @property
    def identity(self) -> str:
        """`name@hash`, as it stands in the `model` column."""
        return f"{self.name}@{self.content_hash}"

    @property
    def language(self) -> str:
        """What its training data are in, if that was found out; else whose rules cut sentences."""
        return str(self.baseline.get("language") or self.segmentation.language)


def save_artifact(artifact: Artifact, directory: Path, people: Mapping[str, str]) -> None:
    """Write the directory, whole or not at all.

    `people` holds the texts for readers (model card, plots) by file name.

    Raises ArtifactError where the directory exists and is not empty.
    """
    if directory.exists() and any(directory.iterdir()):
        raise ArtifactError(f"{directory} exists and is not empty")
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
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".model-", dir=directory.parent) as scratch:
        whole = Path(scratch, directory.name)
        whole.mkdir()
        for name, data in {**files, _CHECKSUMS: _json(checksums)}.items():
            (whole / name).write_bytes(data)
        whole.replace(directory)


def find_artifact(name_or_directory: str, argument: str = "model") -> Path:
    """The directory of a bundled model's name, or the directory itself.

    Raises ArtifactError where there is neither; `argument` is what the user called it.
    """
    for directory in (Path(name_or_directory), BUNDLED / name_or_directory):
        if directory.is_dir():
            return directory
    bundled = sorted(path.name for path in BUNDLED.glob("*") if path.is_dir())
    nearest = difflib.get_close_matches(name_or_directory, bundled, 1)
    raise ArtifactError(
        f"{argument} {name_or_directory}: no such directory, and no bundled model of that name "
        f"(bundled: {', '.join(bundled) or 'none'})"
        + (f", did you mean {nearest[0]}?" if nearest else "")
    )


def read_files(directory: Path) -> dict[str, bytes]:
    """The files of a model directory; raises as `gather_files`."""
    return gather_files(lambda name: (directory / name).read_bytes(), str(directory))


def gather_files(read: Callable[[str], bytes], where: str) -> dict[str, bytes]:
    """The files that a model's checksums name, and these; nothing else is opened.

    read: the bytes of a file of the model, by its name; raises FileNotFoundError where there is
    none. Raises ArtifactError where there are no checksums, or a file cannot be read.
    """
    files: dict[str, bytes] = {}
    try:
        listed = read(_CHECKSUMS)
        for name in _parsed({_CHECKSUMS: listed}, _CHECKSUMS, where):
            with contextlib.suppress(FileNotFoundError):  # which `load_artifact` notices
                files[Path(name).name] = read(Path(name).name)
    except FileNotFoundError as error:
        raise ArtifactError(f"{where} is not a gleaner model: it has no {_CHECKSUMS}") from error
    except OSError as error:
        raise ArtifactError(f"{where} cannot be read: {error.strerror or error}") from error
    return {**files, _CHECKSUMS: listed}


def load_artifact(files: Mapping[str, bytes], where: str) -> Artifact:
    """A verified artifact from its files; `where` names it in messages.

    Raises ArtifactError where a file is missing, was changed, or does not fit the others.
    """
    checksums = _verified_checksums(files, where)
    config = _parsed(files, "config.json", where)
    if config.get("format") != FORMAT:
        raise ArtifactError(
            f"{where} is not a gleaner model: its format is {config.get('format')!r}"
        )
    if config.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{where} has model format version {config.get('format_version')}, "
            f"this release reads version {FORMAT_VERSION}"
        )
    labels, words, metrics, baseline = (
        _parsed(files, f"{name}.json", where)
        for name in ("labels", "vocabulary", "metrics", "baseline")
    )
    try:
        tags = TagSet(tuple(labels["labels"]), labels["scheme"])
        vocabulary = Vocabulary(tuple(words["words"]), tuple(words["characters"]))
        return Artifact(
            name=config["name"],
            segmentation=Segmentation(**config["segmentation"]),
            encoder=WordEncoder(vocabulary, config["max_characters"]),
            tags=tags,
            weights=_weights(files["weights.safetensors"], vocabulary, tags),
            training=config["training"],
            metrics=metrics,
            baseline=baseline,
            temperature=config["temperature"],
            content_hash=_content_hash(checksums),
        )
    except ArtifactError as error:
        raise ArtifactError(f"{where}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise ArtifactError(f"{where} does not fit together: {error!r}") from error


def _verified_checksums(files: Mapping[str, bytes], where: str) -> dict[str, str]:
    if _CHECKSUMS not in files:
        raise ArtifactError(f"{where} is not a gleaner model: it has no {_CHECKSUMS}")
    checksums: dict[str, str] = _parsed(files, _CHECKSUMS, where)
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
    arrays = safetensors.numpy.load(data)
    expected = {f.name for f in fields(TaggerWeights)}
    if arrays.keys() != expected:
        raise ValueError(f"weights {sorted(arrays)} where {sorted(expected)} are expected")
    weights = TaggerWeights(**{name: array.astype(np.float32) for name, array in arrays.items()})
    sizes = (len(weights.vectors), len(weights.characters), len(weights.start))
    words, characters = vocabulary.words, vocabulary.characters
    wanted = (len(words) + RESERVED, len(characters) + RESERVED, len(tags.tags))
    if sizes != wanted:
        raise ValueError(f"weights for {sizes} words, characters and tags, the files list {wanted}")
    scores = (weights.start, weights.transitions, weights.end)
    legal = (tags.legal_start, tags.legal_transition, tags.legal_end)
    if not all(map(np.array_equal, map(np.isfinite, scores), legal)):
        raise ValueError(f"weights forbid other sequences of tags than {tags.scheme} does")
    return weights


def _parsed(files: Mapping[str, bytes], name: str, where: str) -> dict[str, Any]:
    if name not in files:
        raise ArtifactError(f"{where} is incomplete: {name} is missing")
    try:
        parsed = json.loads(files[name])
    except ValueError as error:
        raise ArtifactError(f"{where} is damaged: {name} is no JSON") from error
    if not isinstance(parsed, dict):
        raise ArtifactError(f"{where} is damaged: {name} holds no object")
    return parsed


def _json(value: Mapping[str, Any], indent: int | None = 1) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True).encode()
