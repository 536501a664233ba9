"""The compiled arithmetic equals the reference, with each instruction set of the processor."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.runtime import start_tensorflow
from model.tagger.arithmetic import NumpyCrf
from model.tagger.artifact import Artifact
from model.tagger.compiled import build
from model.tagger.compiled.crf import CompiledCrf
from model.tagger.compiled.library import Library, find_library
from model.tagger.compiled.network import CompiledNetwork
from model.tagger.compiled.words import number_words
from model.tagger.crf import Potentials, TokenSpans
from model.tagger.encoding import EncodedWords
from model.tagger.padding import pad_documents, parts_of, windows
from model.tagger.weights import TaggerWeights
from model.tagger.word_table import WordRows
from model.tags import SCHEMES, TagSet
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Bucket, Document, Floats, Ints

built = pytest.mark.skipif(find_library() is None, reason="no C compiler made the library here")
SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = (4, 8, 16)
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=70)
LABELS = tuple(f"l{number:02}" for number in range(20))
TAG_SETS = st.builds(
    TagSet, st.integers(1, 20).map(lambda n: LABELS[:n]), st.sampled_from([*SCHEMES])
)


def library_of(width: int) -> Library:
    widest = find_library()
    if widest is None or width > widest.width:
        pytest.skip(f"this processor has no vectors of {width} floats")
    library = find_library(width)
    assert library is not None
    return library


def weights_of(random: np.random.Generator, units: int, filters: int, width: int) -> TaggerWeights:
    def normal(*shape: int) -> Floats:
        return random.normal(scale=0.3, size=shape).astype(np.float32)

    tags = TagSet(LABELS[: int(random.integers(1, 20))])
    features, count = 3 + 2 + 4 + filters, len(tags.tags)
    return TaggerWeights(
        words=normal(6, 3),
        vectors=normal(9, 2),
        casing=normal(8, 4),
        characters=normal(7, 5),
        convolution_kernel=normal(width, 5, filters),
        convolution_bias=normal(filters),
        lstm_kernel=normal(2, features, 4 * units),
        lstm_recurrent=normal(2, units, 4 * units),
        lstm_bias=normal(2, 4 * units),
        dense_kernel=normal(2 * units, count),
        dense_bias=normal(count),
        start=normal(count),
        transitions=normal(count, count),
        end=normal(count),
    )


def encoded_words(random: np.random.Generator, count: int) -> EncodedWords:
    """Words of 1 to 9 characters."""
    sizes = random.integers(1, 10, count)
    characters = random.integers(1, 7, (count, sizes.max()))
    padded = np.where(np.arange(sizes.max()) < sizes[:, None], characters, 0)
    numbers = random.integers(0, 9, count), random.integers(1, 8, count)
    return EncodedWords(*(each.astype(np.int32) for each in (*numbers, padded)))


def bucket_of(random: np.random.Generator, lengths: Sequence[int], words: int) -> Bucket:
    """Windows of sentences of these lengths, longest first, of random words."""
    first, length, keep_from, keep_to = windows(np.array(lengths, np.int32))
    order = np.argsort(-length, kind="stable")
    columns = (column[order].astype(np.int32) for column in (length, first, keep_from, keep_to))
    text = random.integers(0, words, sum(lengths))
    cells = first[order][:, None] + np.arange(length.max())
    return Bucket(text[np.minimum(cells, len(text) - 1)].astype(np.int32), *columns)


def emitted(network: Any, bucket: Bucket, positions: Ints, tags: int) -> tuple[Floats, Any]:  # noqa: ANN401
    tokens = int((bucket.keep_to - bucket.keep_from).sum())
    emissions, unknown = network.blank(tokens), np.zeros(tokens, bool)
    rows = WordRows(positions, positions % 3 == 0)
    network.emit(bucket, rows, emissions, unknown)
    return emissions[:, :tags], unknown


@built
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("units", "filters", "span", "lengths"),
    [
        (48, 48, 3, [300, 41, 40, 40, 7, 3, 1]),
        (1, 1, 1, [2, 1]),
        (17, 5, 4, [9] * 13),
        (33, 20, 2, [*range(60, 0, -1)]),
    ],
)
def test_the_network_is_that_of_tensorflow(
    width: int, units: int, filters: int, span: int, lengths: list[int]
) -> None:
    """To 1e-5: any sizes, words anywhere in the table, one of them stored anew, windows too."""
    library = library_of(width)
    start_tensorflow(1)
    from model.tagger.emissions import EmissionGraph

    random = np.random.default_rng(units)
    weights = weights_of(random, units, filters, span)
    networks: list[Any] = [EmissionGraph(weights, 40), CompiledNetwork(weights, 40, library)]
    positions = random.permutation(40)[:30].astype(np.int32)
    first, second = encoded_words(random, 30), encoded_words(random, 1)
    bucket = bucket_of(random, lengths, 30)
    found = []
    for network in networks:
        network.store(first, positions)
        network.store(second, positions[7:8])
        found.append(emitted(network, bucket, positions, len(weights.dense_bias)))
    (theirs, unknown), (ours, unknown_too) = found
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_array_equal(unknown_too, unknown)


@built
@pytest.mark.parametrize("width", WIDTHS)
@given(seed=SEEDS, lengths=LENGTHS)
@settings(max_examples=15, deadline=None)
def test_a_sentence_has_the_same_bits_in_any_company(
    width: int, seed: int, lengths: list[int]
) -> None:
    library, random = library_of(width), np.random.default_rng(seed)
    weights = weights_of(random, 20, 6, 3)
    network = CompiledNetwork(weights, 30, library)
    positions = np.arange(30, dtype=np.int32)
    network.store(encoded_words(random, 30), positions)
    together = bucket_of(random, lengths, 30)
    whole, _ = emitted(network, together, positions, 3)
    for row in range(len(lengths)):
        size, begin = int(together.lengths[row]), int(together.first[row])
        alone = Bucket(
            together.words[row : row + 1, :size].copy(),
            *(np.array([number], np.int32) for number in (size, 0, 0, size)),
        )
        found, _ = emitted(network, alone, positions, 3)
        np.testing.assert_array_equal(found, whole[begin : begin + size])


def potentials_of(random: np.random.Generator, tags: TagSet, scale: float) -> Potentials:
    legal = (tags.legal_start, tags.legal_transition, tags.legal_end)
    scores = (
        np.where(each, random.normal(scale=scale, size=each.shape), -np.inf) for each in legal
    )
    return Potentials(*scores)


@built
@pytest.mark.parametrize("width", WIDTHS)
@given(
    seed=SEEDS,
    tags=TAG_SETS,
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e3, 1e5]),
    own_scale=st.sampled_from([0.0, 1.0, 60.0]),
)
@settings(max_examples=60, deadline=None)
def test_tags_and_probabilities_are_those_of_numpy(
    width: int, seed: int, tags: TagSet, lengths: list[int], scale: float, own_scale: float
) -> None:
    """The tags to the bit, for scores of any size, between emissions that are padded or not."""
    random = np.random.default_rng(seed)
    potentials = potentials_of(random, tags, own_scale)
    sizes = np.array(lengths, np.int32)
    padding = int(random.integers(0, 3))
    padded = random.normal(scale=scale, size=(sum(lengths), len(tags.tags) + padding))
    emissions = padded.astype(np.float32)[:, : len(tags.tags)]
    ours = CompiledCrf(potentials, tags.span_tags, library_of(width))
    theirs = NumpyCrf(potentials, tags.span_tags)
    decoded = ours.decode(emissions, sizes)
    np.testing.assert_array_equal(decoded, theirs.decode(emissions, sizes))
    spans = random_spans(random, tags, sizes)
    found = ours.posteriors(emissions, sizes, spans)
    np.testing.assert_allclose(
        found, theirs.posteriors(emissions, sizes, spans), rtol=1e-9, atol=1e-12
    )
    assert ((found >= 0) & (found <= 1)).all()


def random_spans(random: np.random.Generator, tags: TagSet, lengths: Ints) -> TokenSpans:
    """Spans in order, some of neighbours, some sentences without one."""
    spans, begin = [], 0
    for size in lengths.tolist():
        token = begin
        while random.random() < 0.7 and token < begin + size:
            end = int(random.integers(token + 1, begin + size + 1))
            spans.append((token, end, int(random.integers(len(tags.labels)))))
            token = end
        begin += size
    return TokenSpans(*np.array(spans, np.int64).reshape(-1, 3).T)


@built
@pytest.mark.parametrize("width", WIDTHS)
@given(words=st.lists(st.text(st.sampled_from("ab\u0301\U0001f6a2\ud800"), min_size=1, max_size=4)))
@settings(max_examples=100, deadline=None)
def test_words_are_numbered_as_they_first_stand(width: int, words: list[str]) -> None:
    """Of letters, marks, characters beyond the first plane, and halves of pairs."""
    ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
    starts = ends - np.array([len(word) for word in words], np.int64)
    distinct, numbers = number_words(" ".join(words), starts, ends, library_of(width))
    assert list(distinct) == list(dict.fromkeys(words))
    assert [distinct[number] for number in numbers.tolist()] == words


@built
@given(
    texts=st.lists(st.text(st.sampled_from("ab \n.é🚢"), max_size=30), max_size=8),
    part=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_batches_are_padded_alike_without_the_library(texts: list[str], part: int) -> None:
    """Whole, or a part of some tokens at a time."""
    documents = [tokenize_document(Document("d", "s", 0, text), Segmentation()) for text in texts]

    def padded() -> list[tuple[list[str], list[list[int]]]]:
        parts = parts_of(pad_documents(documents))
        return [(list(p.vocabulary), [b.words.tolist() for b in p.buckets]) for p in parts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.tagger.padding.PART_TOKENS", part)
        with_library = padded()
        patch.setattr("model.tagger.padding.find_library", lambda: None)
        assert padded() == with_library
    words = [word for document in documents for word in document.words]
    assert {word for vocabulary, _ in with_library for word in vocabulary} == set(words)


@built
def test_nothing_to_do_and_sentences_without_tokens(tiny_model: Artifact) -> None:
    potentials, tags = tiny_model.weights.potentials(), tiny_model.tags
    library = find_library()
    assert library is not None
    crf = CompiledCrf(potentials, tags.span_tags, library)
    none = np.zeros((0, len(tags.tags)), np.float32)
    nowhere = TokenSpans(*np.zeros((3, 0), np.int64))
    assert len(crf.decode(none, np.zeros(0, np.int32))) == 0
    assert len(crf.posteriors(none, np.zeros(0, np.int32), nowhere)) == 0
    with pytest.raises(ValueError, match="a sentence without tokens"):
        crf.decode(none, np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="no rows of float32"):
        crf.decode(np.zeros((len(tags.tags), 2), np.float32).T, np.array([2], np.int32))


def test_without_the_library_tensorflow_takes_its_place(
    tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model.tagger.tagger import Tagger

    monkeypatch.setattr("model.tagger.compiled.library._FILE", Path("nowhere.so"))
    find_library.cache_clear()
    try:
        assert find_library() is None
        start_tensorflow(1)
        assert type(Tagger(tiny_model).network).__name__ == "EmissionGraph"
    finally:
        monkeypatch.undo()
        find_library.cache_clear()


@built
def test_a_tagger_with_the_library_imports_no_tensorflow() -> None:
    """Nor is it imported by who only names one; it takes a second, and 200 MB."""
    code = (
        "import sys\n"
        "from model import load_tagger\n"
        "[tagged] = load_tagger('gmb-en').tag(['Maria left Lisbon on Monday.'])\n"
        "print(len(tagged.entities), 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.split()[-1] == "False"
    assert int(done.stdout.split()[0]) > 0


def hook(root: Path, warnings: list[str]) -> Any:  # noqa: ANN401
    made = object.__new__(build.CompilingHook)
    app = SimpleNamespace(display_warning=warnings.append)
    for name, value in {"root": str(root), "target_name": "wheel", "app": app}.items():
        made.__dict__[f"_BuildHookInterface__{name}"] = value
    return made


@built
def test_the_package_is_built_with_the_library_or_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no compiler, or it fails, a warning says so, and no old library stays."""
    folder = tmp_path / "model/tagger/compiled"
    folder.mkdir(parents=True)
    for source in Path(build.__file__).parent.glob("*.[ch]"):
        (folder / source.name).write_bytes(source.read_bytes())
    warnings: list[str] = []

    def data() -> dict[str, Any]:
        return {"artifacts": [], "pure_python": True}

    made = data()
    hook(tmp_path, warnings).initialize("standard", made)
    assert (folder / build.LIBRARY).exists()
    assert made["tag"].startswith("py3-none-")
    assert (made["pure_python"], warnings) == (False, [])
    for compiler in ("no-such-compiler", "false"):
        (folder / build.LIBRARY).write_bytes(b"old")
        monkeypatch.setenv("CC", compiler)
        made = data()
        hook(tmp_path, warnings).initialize("standard", made)
        assert made == data()
        assert not (folder / build.LIBRARY).exists()
        assert "extraction will be slower" in warnings.pop()
