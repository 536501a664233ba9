"""End to end: a run of another kind of text warns, and with --fail_on_drift leaves with code 4."""

import json
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import schemas
from model.drift.profile import baseline_statistics
from model.tagger.artifact import Artifact, save_artifact
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from pipeline.outputs.current import current_sources, read_manifests
from pipeline.run import run
from schemas.errors import DriftError
from schemas.records import Document

Manifest = dict[str, Any]

SENTENCES = (
    *("Maria met the council in Lisbon on Monday.", "Ships left the harbour, and the river froze."),
    *(
        "The council of Lisbon said that 12 ships left.",
        "It was Monday.",
        "A river was in the way.",
    ),
    *("On Monday the ships and the council met in Oslo, in the harbour.", "Maria said: Lisbon!"),
)
OTHERS = ("GREAT OFFER!!!", "CLICK HERE NOW 4 FREE!", "$$$ 100% FREE $$$", "xx9q zzk 77-1 wq/z")
NAMES = ("unknown_words", "entities_per_1000_tokens", "labels", "confidence", "sentence_lengths")


def texts(sentences: tuple[str, ...], documents: int, seed: int) -> list[str]:
    """Documents of twenty sentences each, which are in the order of chance."""
    chance = random.Random(seed)
    return [" ".join(chance.choices(sentences, k=20)) for _ in range(documents)]


def write(path: Path, documents: Iterable[str]) -> Path:
    rows = ({"id": str(n), "text": text} for n, text in enumerate(documents))
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def measured(tiny_model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was measured on about 9,000 tokens of such sentences."""
    tagger = Tagger(tiny_model)
    documents = [Document("", "", 0, text) for text in texts(SENTENCES, 50, seed=1)]
    tokenized = [tokenize_document(document, tiny_model.segmentation) for document in documents]
    baseline = baseline_statistics(list(tag_documents(tagger, tokenized)))
    directory = tmp_path_factory.mktemp("models") / "measured"
    save_artifact(replace(tiny_model, baseline=baseline), directory, {})
    return directory


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write(folder / "alike.jsonl", texts(SENTENCES, 150, seed=2))
    write(folder / "others.jsonl", texts(OTHERS, 250, seed=3))
    write(folder / "night.jsonl", texts(OTHERS, 3, seed=4))
    return folder


def manifest_of(output: Path, run_id: str) -> Manifest:
    """A run's manifest, which is valid."""
    manifest: Manifest = json.loads((output / f"runs/{run_id}.json").read_text())
    schema = json.loads(Path(schemas.__file__).with_name("manifest.schema.json").read_text())
    assert [
        error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    ] == []
    return manifest


def test_the_kind_of_text_that_the_model_knows_passes(
    measured: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--model={measured}", f"--output={tmp_path}", f"--input={corpus}/alike.jsonl"]
    assert run([*flags, "--run_id=r1", "--fail_on_drift"]) == 0
    found = manifest_of(tmp_path, "r1")["drift"]
    assert {name: part["level"] for name, part in found["statistics"].items()} == dict.fromkeys(
        NAMES, "stable"
    )
    assert run([*flags, "--run_id=r2", "--fail_on_drift", "--min_confidence=0.55"]) == 0
    cut = manifest_of(tmp_path, "r2")["drift"]
    assert cut["level"] == "stable"
    assert len(cut["statistics"]["confidence"]["run"]) == 4
    assert "  drift" not in capsys.readouterr().out


def test_another_kind_of_text_ends_with_code_4_before_its_rows_count(
    measured: Path, corpus: Path, tmp_path: Path
) -> None:
    """The next try finds the same, until somebody looks: without the flag the rows are taken."""
    flags = [f"--model={measured}", f"--output={tmp_path}", f"--input={corpus}/others.jsonl"]
    for run_id in ("r1", "r2"):
        with pytest.raises(DriftError) as caught:
            run([*flags, f"--run_id={run_id}", "--fail_on_drift", "--only_new"])
        assert caught.value.exit_code == 4
        told = str(caught.value)
        assert told.startswith("the documents are unlike the model's training data in unknown wor")
        assert told.endswith(f"no other rows were written, see {tmp_path}/reports/{run_id}.html")
        manifest = manifest_of(tmp_path, run_id)
        assert (manifest["status"], manifest["drift"]["level"]) == ("failed", "drift")
        assert manifest["configuration"]["fail_on_drift"]
        assert list(manifest["tables"]) == ["dead_letters"]
        assert not (tmp_path / "entities").exists()
    assert run([*flags, "--run_id=r3", "--only_new"]) == 0
    assert manifest_of(tmp_path, "r3")["status"] == "committed"
    assert run([*flags, "--run_id=r4", "--fail_on_drift", "--only_new"]) == 0
    assert manifest_of(tmp_path, "r4")["status"] == "empty"


def test_without_the_flag_drift_is_a_warning(
    measured: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--model={measured}", f"--output={tmp_path}", f"--input={corpus}/others.jsonl"]
    assert run([*flags, "--run_id=r1"]) == 0
    warning = "  drift    unlike the model's training data in unknown words (PSI "
    assert sum(warning in line for line in capsys.readouterr().out.splitlines()) == 1
    assert manifest_of(tmp_path, "r1")["drift"]["level"] == "drift"


def test_every_part_is_done_before_drift_ends_the_job(
    measured: Path, corpus: Path, tmp_path: Path
) -> None:
    """Each part is compared by itself: the one that is alike hides no other."""
    (tmp_path / "others_still.jsonl").write_bytes((corpus / "others.jsonl").read_bytes())
    flags = [f"--model={measured}", f"--output={tmp_path}/out", "--input"]
    flags += [f"{corpus}/alike.jsonl", f"{corpus}/others.jsonl", f"{tmp_path}/others_still.jsonl"]
    with pytest.raises(DriftError, match=r"^the documents are unlike the model's training data"):
        run([*flags, "--run_id=r", "--commit_shards=1", "--fail_on_drift"])
    levels = [manifest_of(tmp_path / "out", f"r.{n}")["drift"]["level"] for n in (1, 2, 3)]
    assert levels == ["stable", "drift", "drift"]
    states = [manifest_of(tmp_path / "out", f"r.{n}")["status"] for n in (1, 2, 3)]
    assert states == ["committed", "failed", "failed"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("measured", r"too few tokens to compare: the run has \d+, expected at least 20,000"),
        ("tiny_artifact", "the model has no baseline statistics"),
    ],
)
def test_what_cannot_be_compared_is_no_drift(
    model: str, reason: str, corpus: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Three odd documents in a night, or a model that nobody measured."""
    flags = [f"--model={request.getfixturevalue(model)}", f"--output={tmp_path}", "--run_id=r1"]
    assert run([*flags, f"--input={corpus}/night.jsonl", "--fail_on_drift"]) == 0
    found = manifest_of(tmp_path, "r1")["drift"]
    assert list(found) == ["reason"]
    assert re.fullmatch(reason, found["reason"])


@pytest.mark.slow
def test_the_bundled_model_knows_its_own_kind_of_text_from_others(
    shared_data: Path, tmp_path: Path
) -> None:
    """Newswire from raw text is stable, books of another century are not."""
    flags = [f"--output={tmp_path}", "--fail_on_drift", "--keep_text=none"]
    newswire = f"--input={shared_data}/gmb/dev_documents.jsonl"
    assert run([*flags, newswire, "--run_id=newswire"]) == 0
    found = manifest_of(tmp_path, "newswire")["drift"]
    assert found["level"] == "stable"
    with pytest.raises(DriftError):
        run([*flags, f"--input={shared_data}/text/shard-00.jsonl", "--run_id=books"])


@pytest.fixture(scope="module")
def blind(tiny_model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the same labels, after something happened to its weights: all is outside."""
    bias = tiny_model.weights.dense_bias.copy()
    bias[tiny_model.tags.tags.index("O")] += 1000
    weights = replace(tiny_model.weights, dense_bias=bias)
    directory = tmp_path_factory.mktemp("models") / "blind"
    save_artifact(replace(tiny_model, weights=weights), directory, {})
    return directory


def test_a_model_that_finds_nothing_ends_before_its_rows_count(
    tiny_artifact: Path, blind: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nights of a few hundred tokens, from a folder for each date, and no baseline."""
    for night in (24, 25):
        (tmp_path / f"2026-11-{night}").mkdir()
        write(tmp_path / f"2026-11-{night}/x.jsonl", texts(SENTENCES, 5, seed=night))
    flags = [f"--output={tmp_path}/out", "--fail_on_drift", "--direct_num_workers=1"]
    first = f"--input={tmp_path}/2026-11-24"
    later = f"--input={tmp_path}/2026-11-25"
    assert run([*flags, f"--model={tiny_artifact}", first, "--run_id=r1"]) == 0
    entities = manifest_of(tmp_path / "out", "r1")["counts"]["entities"]
    assert entities > 40
    message = r"^the documents are far poorer in entities than those of run r1 \(0 per 1,000"
    with pytest.raises(DriftError, match=message):
        run([*flags, f"--model={blind}", later, "--run_id=r2"])
    told = manifest_of(tmp_path / "out", "r2")
    assert (told["status"], list(told["tables"])) == ("failed", ["dead_letters"])
    counted = current_sources(read_manifests(f"{tmp_path}/out"))
    assert {state.run_id for state in counted.values()} == {"r1"}
    # Elsewhere it is another kind of text, and what failed is no run to compare with.
    (tmp_path / "tables").mkdir()
    write(tmp_path / "tables/x.jsonl", texts(SENTENCES, 5, seed=9))
    assert run([*flags, f"--model={blind}", f"--input={tmp_path}/tables", "--run_id=r3"]) == 0
    assert run([*flags, f"--model={tiny_artifact}", later, "--run_id=r4"]) == 0
    capsys.readouterr()
    assert run([*flags[::2], f"--model={blind}", first, "--run_id=r5"]) == 0
    assert (
        "  drift    far poorer in entities than those of run r4 (0 per" in capsys.readouterr().out
    )
    found = manifest_of(tmp_path / "out", "r5")["drift"]
    assert found["level"] == "drift"
    assert found["statistics"]["entities_since_last_run"]["last_run"] == "r4"
