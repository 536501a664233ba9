"""End to end: one bad document is one dead letter, and its neighbours do not notice."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from pipeline.run import run
from pipeline.stages.tag import TaggerHandler
from schemas.errors import DeadLettersError
from schemas.records import PaddedBatch, TaggedDocument

Rows = list[dict[str, Any]]

BROKEN = [b"{", b'{"id": "null", "text": null}', b'{"id": "latin", "text": "caf\xe9"}']


class PanicError(BaseException):
    """What a library in Rust raises that panics: no Exception."""


# Words at which a stage raises, as the fixture below arranges it.
FAILING = {
    "Tokenpoison": "TokenizeDocuments",
    "Tagpoison": "TagBatches",
    "Rowpoison": "WriteTables",
}
FAULTS = {"Tokenpoison": PanicError, "Tagpoison": RuntimeError, "Rowpoison": PanicError}


def documents(name: str, count: int) -> list[bytes]:
    texts = (f"Maria met {n} ships in Lisbon. The river froze on Monday." for n in range(count))
    return [json.dumps({"id": f"{name}{n}", "text": text}).encode() for n, text in enumerate(texts)]


def failing(word: str, count: int) -> list[bytes]:
    return [
        json.dumps({"id": f"{word}{n}", "text": f"{word} left Oslo."}).encode()
        for n in range(count)
    ]


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage fails at its word, batches and all."""
    from model.tagger.tagger import Tagger
    from pipeline.stages import row_sinks as sinks
    from pipeline.stages import tokenize

    def raising(place: object, name: str, word: str, words: Callable[[Any], Any]) -> None:
        work = getattr(place, name)
        error = FAULTS[word]

        def checked(*arguments: Any) -> Any:  # noqa: ANN401 - whatever is wrapped
            if any(word in text for argument in arguments for text in words(argument)):
                raise error(f"cannot bear {word}")
            return work(*arguments)

        monkeypatch.setattr(place, name, checked)

    raising(tokenize, "tokenize_document", "Tokenpoison", lambda d: [getattr(d, "text", "")])
    raising(Tagger, "tag", "Tagpoison", lambda batch: getattr(batch, "vocabulary", ()))
    raising(
        sinks,
        "document_rows",
        "Rowpoison",
        lambda records: [r.document.text for r in records] if isinstance(records, list) else (),
    )


def rows_of(output: Path, table: str) -> Rows:
    dropped = {"source", "record", "processed_at", "model"}
    rows: Rows = ds.dataset(output / table, format="parquet").to_table().to_pylist()
    kept = [{name: value for name, value in row.items() if name not in dropped} for row in rows]
    return sorted(kept, key=lambda row: (str(row["doc_id"]), row.get("start_char", 0)))


@pytest.mark.usefixtures("poisonous")
def test_poisoned_records_cost_nothing_but_themselves(tmp_path: Path, tiny_artifact: Path) -> None:
    """The oracle is the run over the same documents without the poison."""
    clean = {name: documents(name, 150) for name in ("a", "b", "c")}
    poisoned = {name: list(lines) for name, lines in clean.items()}
    bad = [*BROKEN, *(line for word in FAILING for line in failing(word, 3))]
    for place, line in enumerate(bad):
        poisoned["abc"[place % 3]].insert(place * 11, line)
    counts = {}
    for folder, shards in (("clean", clean), ("poisoned", poisoned)):
        (tmp_path / folder).mkdir()
        for name, lines in shards.items():
            (tmp_path / folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/{folder}", "--batch_tokens=700"]
        assert run([*flags, f"--output={tmp_path}/out/{folder}", "--run_id=r1"]) == 0
        manifest = json.loads((tmp_path / "out" / folder / "runs/r1.json").read_text())
        counts[folder] = manifest["counts"]

    before, after = tmp_path / "out/clean", tmp_path / "out/poisoned"
    assert len(rows_of(before, "entities")) > 300
    assert rows_of(after, "documents") == rows_of(before, "documents")
    for one, other in zip(rows_of(after, "entities"), rows_of(before, "entities"), strict=True):
        assert one.pop("confidence") == pytest.approx(other.pop("confidence"), abs=1e-4)
        assert one == other
    assert counts["poisoned"]["records"] == counts["clean"]["records"] + len(bad)

    letters = rows_of(after, "dead_letters")
    assert len(letters) == len(bad) == counts["poisoned"]["dead_letters"]
    for word, stage in FAILING.items():
        mine = [letter for letter in letters if letter["stage"] == stage]
        assert [letter["doc_id"] for letter in mine] == [f"{word}{n}" for n in range(3)]
        for letter in mine:
            expected = (FAULTS[word].__name__, f"cannot bear {word}")
            assert (letter["error"], letter["message"]) == expected
            assert letter["raw"] == f"{word} left Oslo.".encode()
            assert letter["raw_size"] == len(letter["raw"])
    read = [letter["raw"] for letter in letters if letter["stage"] == "ReadDocuments"]
    assert sorted(read) == sorted(line + b"\n" for line in BROKEN)


@pytest.mark.slow
def test_fifty_poisoned_records_among_fifteen_thousand_documents(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bundled model, in this process alone; five of them make the predictor raise."""
    load = TaggerHandler.load_model

    class Poisoned:
        """The loaded tagger, but for batches with the word."""

        def __init__(self, tagger: Any) -> None:  # noqa: ANN401 - imports TensorFlow
            self.tagger = tagger

        def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
            if "Tagpoison" in batch.vocabulary:
                raise MemoryError
            tagged: list[TaggedDocument] = self.tagger.tag(batch)
            return tagged

    monkeypatch.setattr(TaggerHandler, "load_model", lambda self: Poisoned(load(self)))
    bad = [*BROKEN * 15, *failing("Tagpoison", 5)]
    (tmp_path / "clean").mkdir()
    (tmp_path / "poisoned").mkdir()
    for number, shard in enumerate(sorted((shared_data / "text").glob("*.jsonl"))):
        lines = shard.read_bytes().splitlines()
        (tmp_path / "clean" / shard.name).write_bytes(b"\n".join(lines))
        for place, line in enumerate(bad[number::16]):
            lines.insert((place + 1) * 211 + number, line)
        (tmp_path / "poisoned" / shard.name).write_bytes(b"\n".join(lines))
    for folder in ("clean", "poisoned"):
        flags = [f"--input={tmp_path}/{folder}", f"--output={tmp_path}/out/{folder}"]
        assert run([*flags, "--run_id=r1", "--direct_num_workers=1"]) == 0
    before, after = tmp_path / "out/clean", tmp_path / "out/poisoned"
    letters = rows_of(after, "dead_letters")
    stages = Counter(letter["stage"] for letter in letters)
    assert stages == {"ReadDocuments": 45, "TagBatches": 5}
    assert len(rows_of(before, "documents")) > 15_000
    assert rows_of(after, "documents") == rows_of(before, "documents")
    for one, other in zip(rows_of(after, "entities"), rows_of(before, "entities"), strict=True):
        assert abs(one.pop("confidence") - other.pop("confidence")) < 1e-4
        assert one == other


def test_a_single_dead_letter_fails_no_run_unless_none_is_allowed(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """One of two is half of them, and no pattern; one of one is all there was."""
    path = tmp_path / "in.jsonl"
    flags = [f"--model={tiny_artifact}", f"--input={path}", f"--output={tmp_path}/out"]
    path.write_bytes(b"\n".join([*documents("a", 1), BROKEN[0]]))
    assert run([*flags, "--run_id=one"]) == 0
    with pytest.raises(DeadLettersError, match=r"^1 of 2 records .* --max_dead_letters is 0;"):
        run([*flags, "--run_id=none-allowed", "--max_dead_letters=0"])
    path.write_bytes(BROKEN[0])
    with pytest.raises(DeadLettersError, match=r"^1 of 1 records "):
        run([*flags, "--run_id=all"])
    path.write_bytes(b"\n".join([*documents("a", 1), *BROKEN[:2]]))
    with pytest.raises(DeadLettersError, match=r"^2 of 3 records "):
        run([*flags, "--run_id=two"])
    assert {path.parent.name for path in tmp_path.glob("out/documents/*/*")} == {"run_id=one"}


def test_too_many_dead_letters_fail_the_run_and_are_all_that_is_written(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """Three of 23 records; an earlier run stays as it was."""
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([*documents("a", 20), *BROKEN]))
    output = tmp_path / "out"
    flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/in.jsonl", f"--output={output}"]
    assert run([*flags, "--run_id=kept", "--max_dead_letters=0.131"]) == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with pytest.raises(DeadLettersError) as caught:
        run([*flags, "--run_id=refused", "--max_dead_letters=0.12"])
    assert caught.value.exit_code == 3
    letters = output / "dead_letters/run_id=refused"
    assert str(caught.value) == (
        "3 of 23 records became dead letters, a share of 0.13, and --max_dead_letters is 0.12; "
        "no other rows were written. The most frequent cause (1 time) is JSONDecodeError: "
        "The record is not valid JSON: Expecting property name enclosed in double quotes at "
        f"character 1; see {output}/reports/refused.html"
    )
    assert ds.dataset(letters, format="parquet").count_rows() == 3
    added = {path for path in output.rglob("*") if path.is_file()} - set(before)
    assert added == {
        *(output / "runs/refused.json", output / "reports/refused.html"),
        *letters.iterdir(),
    }
    assert all(path.read_bytes() == data for path, data in before.items())
    assert not (output / "_staging").exists()
    manifest = json.loads((output / "runs/refused.json").read_text())
    assert (manifest["status"], set(manifest["tables"])) == ("failed", {"dead_letters"})
    assert str(caught.value).startswith(manifest["error"])
