"""The public interface: what is exported, and that it finds what the pipeline writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model
from model import Entity, TaggedText, TextTagger, load_tagger
from model.tagger.padding import WINDOW_TOKENS
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import ArtifactError

TEXTS = [
    "The council met in Lisbon on Monday. Maria Santos said that 12 ships left the harbour!",
    "",
    "In 2019 the river rose,\r\nand the mayor of Porto asked for help.  Nobody came.",
    "🚢🚢 Évora… e\u0301vora? (Rui & Ana) paid 3,000.50 to O'Neil.",
    " \n ",
    "Ships of the river council, " * WINDOW_TOKENS,  # one sentence that runs in windows
    "The harbour is of the river. " * 3000,  # more tokens than a batch has
]


@pytest.fixture(scope="module")
def tagger(tiny_artifact: Path) -> TextTagger:
    return load_tagger(tiny_artifact)


@pytest.fixture(scope="module")
def tagged(tagger: TextTagger) -> list[TaggedText]:
    return tagger.tag(TEXTS)


def almost(entity: Entity) -> tuple[object, ...]:
    """An entity to compare with: sums of other shapes differ in the last digits."""
    rest = (entity.start, entity.end, entity.text, entity.label)
    return (*rest, pytest.approx(entity.confidence, abs=1e-5))


def row(entity: Entity) -> tuple[object, ...]:
    return (entity.start, entity.end, entity.text, entity.label, entity.confidence)


def assert_alike(found: TaggedText, expected: TaggedText) -> None:
    assert found.text == expected.text
    assert list(map(row, found.entities)) == list(map(almost, expected.entities))


def test_what_is_exported() -> None:
    """Names go, or change their meaning, with a line in the changelog only."""
    assert model.__all__ == ["Entity", "TaggedText", "TextTagger", "load_tagger"]
    assert all(getattr(model, name).__doc__ for name in model.__all__)
    with pytest.raises(AttributeError, match="module 'model' has no attribute 'load_taggers'"):
        model.load_taggers  # noqa: B018 - that is what is tried


def test_the_package_itself_imports_next_to_nothing() -> None:
    script = "import sys, model; print({'numpy', 'pyarrow', 'tensorflow'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_the_entities_are_those_that_the_pipeline_writes(
    tagger: TextTagger, tagged: list[TaggedText], tiny_artifact: Path, tmp_path: Path
) -> None:
    documents = [json.dumps({"id": f"{n:03}", "text": text}) for n, text in enumerate(TEXTS)]
    (tmp_path / "in.jsonl").write_text("\n".join(documents), "utf-8")
    flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/in.jsonl", f"--output={tmp_path}/out"]
    assert run([*flags, "--run_id=r1", "--direct_num_workers=1"]) == 0
    rows = read_table(str(tmp_path / "out"), "entities").to_pylist()
    written = sorted(
        (r["doc_id"], r["start_char"], r["end_char"], r["text"], r["label"], r["confidence"])
        for r in rows
    )
    expected = [
        (f"{n:03}", *almost(entity)) for n, each in enumerate(tagged) for entity in each.entities
    ]
    assert len(expected) > 100
    assert written == expected
    assert {r["model"] for r in rows} == {tagger.model}
    assert {r["label"] for r in rows} <= set(tagger.labels)


def test_entities_stand_where_they_say(tagged: list[TaggedText]) -> None:
    assert [each.text for each in tagged] == TEXTS
    for each in tagged:
        assert list(each.entities) == sorted(each.entities, key=row)
        for entity in each.entities:
            assert each.text[entity.start : entity.end] == entity.text
            assert entity.confidence is not None
            assert 0 <= entity.confidence <= 1


@given(st.lists(st.sampled_from(range(5)), max_size=12))
@settings(max_examples=25)
def test_order_and_company_change_nothing(
    tagger: TextTagger, tagged: list[TaggedText], chosen: list[int]
) -> None:
    found = tagger.tag(TEXTS[n] for n in chosen)
    assert len(found) == len(chosen)
    for n, each in zip(chosen, found, strict=True):
        assert_alike(each, tagged[n])


def test_a_single_text_is_refused(tagger: TextTagger) -> None:
    with pytest.raises(TypeError, match=r"texts is a single text, expected several: tag\(\[text\]"):
        tagger.tag("Maria met the council.")


@pytest.mark.parametrize("missing", [None, float("nan"), b"text", 5])
def test_what_is_no_text_is_named_by_its_position(tagger: TextTagger, missing: Any) -> None:  # noqa: ANN401 - that is the point
    with pytest.raises(TypeError, match=r"the text at position 1 is .*, expected a string"):
        tagger.tag(["Maria", missing])


@pytest.mark.parametrize("confidence", [-0.1, 1.5, float("nan")])
def test_a_confidence_that_is_none_is_refused(tiny_artifact: Path, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"min_confidence is .*, expected 0 to 1"):
        load_tagger(tiny_artifact, min_confidence=confidence)


def test_entities_below_a_confidence_are_left_out(
    tagged: list[TaggedText], tiny_artifact: Path
) -> None:
    sure = load_tagger(str(tiny_artifact), min_confidence=0.5).tag(TEXTS[:5])
    expected = [
        TaggedText(
            each.text, tuple(e for e in each.entities if e.confidence and e.confidence >= 0.5)
        )
        for each in tagged[:5]
    ]
    assert 0 < sum(len(each.entities) for each in sure) < sum(len(e.entities) for e in tagged[:5])
    for found, wanted in zip(sure, expected, strict=True):
        assert_alike(found, wanted)


def test_a_model_is_loaded_from_a_url(tiny_artifact: Path, tagged: list[TaggedText]) -> None:
    for place in (f"file://{tiny_artifact}", f"file://{tiny_artifact}/"):
        assert_alike(load_tagger(place).tag(TEXTS[:1])[0], tagged[0])


def test_a_model_is_loaded_from_an_object_store(
    bucket: str, tiny_artifact: Path, tagged: list[TaggedText]
) -> None:
    import boto3

    client = boto3.client("s3")
    for file in tiny_artifact.iterdir():
        client.upload_file(str(file), bucket, f"models/tiny/{file.name}")
    assert_alike(load_tagger(f"s3://{bucket}/models/tiny/").tag(TEXTS[:1])[0], tagged[0])
    for empty in (f"s3://{bucket}/models", f"s3://no-{bucket}/tiny"):
        with pytest.raises(ArtifactError, match=f"{empty} is not a gleaner model: it has no check"):
            load_tagger(empty)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("gmb-xx", "^model gmb-xx: no such directory, and no bundled model of that name .*gmb-en"),
        ("file:///nowhere", "^file:///nowhere is not a gleaner model: it has no checksums.json$"),
        ("ftps://host/m", "^ftps://host/m cannot be read: Unrecognized filesystem type in URI"),
    ],
)
def test_a_place_without_a_model_is_refused_in_one_sentence(place: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message) as caught:
        load_tagger(place)
    assert "\n" not in str(caught.value)


def test_a_store_that_cannot_be_reached_is_refused(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match=f"^s3://{bucket}/m cannot be read: .*NETWORK_CONN"):
        load_tagger(f"s3://{bucket}/m")
