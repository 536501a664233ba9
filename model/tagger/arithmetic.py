"""What a tagger computes with: the compiled library, else TensorFlow and numpy."""

from typing import Protocol

from model.runtime import start_tensorflow
from model.tagger.artifact import Artifact
from model.tagger.compiled.crf import CompiledCrf
from model.tagger.compiled.library import Library, find_library
from model.tagger.compiled.network import CompiledNetwork
from model.tagger.crf import Potentials, Scores, TokenSpans, decode
from model.tagger.encoding import EncodedWords
from model.tagger.span_posteriors import span_posteriors
from model.tagger.word_table import WordRows
from model.tags import SpanTags
from schemas.records import Bucket, Flags, Floats, Ints


class Network(Protocol):
    """The network, with the rows of `capacity` distinct words kept ready.

    filters, features: of the convolution, and all that the LSTM reads of a word.
    """

    capacity: int
    filters: int
    features: int

    def store(self, encoded: EncodedWords, positions: Ints) -> None:
        """Compute the rows of words, and put them at `positions` of the table."""

    def blank(self, tokens: int) -> Floats:
        """Where `emit` puts the emissions of so many tokens: (token, tag), and padding behind."""

    def emit(self, bucket: Bucket, rows: WordRows, emissions: Floats, unknown: Flags) -> None:
        """Put the emissions of the kept tokens of a bucket into those of the batch.

        rows: of the words that the bucket numbers; emissions: of `blank`; unknown: (token,) is
        filled as they are.
        """


class Crf(Protocol):
    """The CRF's decoding, and the probabilities of its spans; with its own weights."""

    potentials: Potentials

    def decode(self, emissions: Floats, lengths: Ints) -> Ints:
        """The most probable tag of every token, (token,)."""

    def posteriors(self, emissions: Floats, lengths: Ints, spans: TokenSpans) -> Scores:
        """Probability of exactly each span with its label; spans are in order."""


class NumpyCrf:
    """The CRF in numpy, which the library's has to equal."""

    def __init__(self, potentials: Potentials, span_tags: SpanTags) -> None:
        self.potentials, self.span_tags = potentials, span_tags

    def decode(self, emissions: Floats, lengths: Ints) -> Ints:
        """The most probable tag of every token, (token,)."""
        return decode(self.potentials, emissions, lengths)

    def posteriors(self, emissions: Floats, lengths: Ints, spans: TokenSpans) -> Scores:
        """Probability of exactly each span with its label."""
        return span_posteriors(self.potentials, emissions, lengths, spans, self.span_tags)


def start_arithmetic(threads: int | None = None, side_by_side: int | None = None) -> None:
    """Start TensorFlow, as `model.runtime` says, where a tagger is going to need it."""
    if find_library() is None:
        start_tensorflow(threads, side_by_side)


def arithmetic_for(artifact: Artifact, words: int, library: Library | None) -> tuple[Network, Crf]:
    """What a tagger of the artifact computes with, with room for so many distinct words.

    The library works on one thread, and without Python's lock, so that threads of several taggers
    run side by side; where it is None, TensorFlow has to be started.
    """
    weights = artifact.weights.tempered(artifact.temperature)
    potentials, span_tags = weights.potentials(), artifact.tags.span_tags
    if library:
        return CompiledNetwork(weights, words, library), CompiledCrf(potentials, span_tags, library)
    # TensorFlow is imported here, and not where a worker or a command names the type.
    from model.tagger.emissions import EmissionGraph

    return EmissionGraph(weights, words), NumpyCrf(potentials, span_tags)
