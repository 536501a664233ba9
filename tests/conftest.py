"""What tests of several packages share: shared data, a small model, and where training runs."""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from model.artifact import Artifact, save_artifact
from model.encoding import CASINGS, WordEncoder
from model.segmentation import Segmentation
from model.tags import SCHEMES, TagSet
from model.vocabulary import RESERVED, Vocabulary
from model.weights import TaggerWeights
from schemas.records import Floats

# An example's first run may import TensorFlow or open a file; pytest's own timeout bounds the rest.
# The same examples at each run, so that a green tree stays green; `make test-all` draws new ones.
settings.register_profile("search", deadline=None, print_blob=True)
settings.register_profile("gleaner", deadline=None, derandomize=True)
settings.load_profile("gleaner")

_TRAINING_PACKAGES = ("keras", "matplotlib", "pandas", "tensorflow_addons")
_NO_TRAINING = "training needs Keras 2.15 and tensorflow-addons, which exist for Python 3.11 only"

_WORDS = (
    *("the", "a", "of", "in", "to", "and", "on", "at", ".", ",", "is", "was", "said", "met"),
    *("maria", "lisbon", "harbour", "ships", "monday", "river", "council", "00", "0000"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what trains where the packages for it are missing."""
    if all(find_spec(package) for package in _TRAINING_PACKAGES):
        return
    for item in items:
        if item.get_closest_marker("training"):
            item.add_marker(pytest.mark.skip(reason=_NO_TRAINING))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared corpora that the environment names; without it the test is skipped."""
    folder = os.environ.get("GLEANER_DATA")
    if not folder:
        pytest.skip("GLEANER_DATA does not name the folder of shared corpora")
    return Path(folder)


def tiny_weights(vocabulary: Vocabulary, tags: TagSet, seed: int = 7) -> TaggerWeights:
    """Random weights, large enough that an untrained tagger finds entities in ordinary text."""
    random = np.random.default_rng(seed)
    embedding, vector, casing, character, filters, width, units = 8, 3, 4, 4, 6, 3, 7
    features, count = embedding + casing + filters, len(tags.tags)
    words = len(vocabulary.words) + RESERVED

    def normal(*shape: int) -> Floats:
        return random.normal(size=shape).astype(np.float32)

    vectors, more = (
        np.random.default_rng(seed + 1).normal(scale=0.1, size=size).astype(np.float32)
        for size in ((words, vector), (2, vector, 4 * units))
    )
    return TaggerWeights(
        words=normal(words, embedding)[:-2],  # the last two words have only a vector
        vectors=vectors,
        casing=normal(CASINGS, casing),
        characters=normal(len(vocabulary.characters) + RESERVED, character),
        convolution_kernel=normal(width, character, filters),
        convolution_bias=normal(filters),
        lstm_kernel=np.insert(normal(2, features, 4 * units), [embedding] * vector, more, axis=1),
        lstm_recurrent=normal(2, units, 4 * units) / 2,
        lstm_bias=normal(2, 4 * units),
        dense_kernel=normal(2 * units, count) * 2,
        dense_bias=normal(count),
        start=np.where(tags.legal_start, normal(count), -np.inf).astype(np.float32),
        transitions=np.where(tags.legal_transition, normal(count, count), -np.inf).astype(
            np.float32
        ),
        end=np.where(tags.legal_end, normal(count), -np.inf).astype(np.float32),
    ).as_stored()


def _tiny_model(scheme: str) -> Artifact:
    vocabulary = Vocabulary(_WORDS, tuple("etaoinshrdlcumwfgypbvk.,M0"))
    tags = TagSet.from_labels(("geo", "org", "per"), scheme)
    return Artifact(
        name="tiny",
        segmentation=Segmentation(),
        encoder=WordEncoder(vocabulary, 12),
        tags=tags,
        weights=tiny_weights(vocabulary, tags),
        training={"seed": 7},
        metrics={"scores": {}},
        baseline={"tokens": 0},
    )


@pytest.fixture(scope="session")
def tiny_models() -> Mapping[str, Artifact]:
    """For each tag scheme, a tagger as `tiny_model` is."""
    return {scheme: _tiny_model(scheme) for scheme in SCHEMES}


@pytest.fixture(scope="session")
def tiny_model(tiny_models: Mapping[str, Artifact]) -> Artifact:
    """A tagger of random, seeded weights in memory; it knows 23 words and three labels."""
    return tiny_models["BIO"]


@pytest.fixture(scope="session")
def tiny_artifact(tiny_model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small valid model that finds entities in ordinary text."""
    directory = tmp_path_factory.mktemp("models") / "tiny"
    save_artifact(tiny_model, directory, {"MODEL_CARD.md": "# tiny\n\nRandom weights.\n"})
    return directory


@pytest.fixture(scope="session")
def kept_taggers() -> Iterator[None]:
    """Runs in this process share what they load: tracing a tagger takes a third of a small run."""
    from model.tagger import Tagger
    from pipeline.tag import TaggerHandler

    load = TaggerHandler.load_model
    kept: dict[str, Tagger] = {}

    def load_once(handler: TaggerHandler) -> Tagger:
        key = str(sorted(vars(handler).items()))
        if key not in kept:
            kept[key] = load(handler)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaggerHandler, "load_model", load_once)
        yield


def _eagerly() -> Iterator[None]:
    """Run Keras without tracing graphs, which takes ten times as long as these tests need."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)  # noqa: FBT003 - TensorFlow's signature
    yield
    tf.config.run_functions_eagerly(False)  # noqa: FBT003


eager = pytest.fixture(_eagerly)
all_eager = pytest.fixture(scope="module")(_eagerly)  # where several tests share a training
