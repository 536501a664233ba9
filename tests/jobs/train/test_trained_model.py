"""What training leaves: a calibrated artifact, and a card with its plots and no training text."""

import json
import platform
import re
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from jobs.train.report.card import Recipe
from jobs.train.trained_model import TrainedModel, trained_model
from model.corpora import LabelledSentence
from model.evaluation.calibration import find_spans
from model.tagger.artifact import Artifact, load_artifact, read_files, save_artifact
from model.tagger.crf import decode
from model.text.segmentation import Segmentation
from model.training.configuration import NetworkConfig, TrainingConfig

pytestmark = pytest.mark.training

WORDS = ("the", "council", "of", "lisbon", "met", "maria", "harbour", "Zanzibar", "on", "monday")


@pytest.fixture(scope="module")
def made(tiny_model: Artifact) -> TrainedModel:
    """What a training gave that left random weights, right about half of the sentences."""
    from model.corpora.tokenized import TokenizedSentences
    from model.tagger.tagger import Tagger
    from model.training.fit import FittedTagger

    random = np.random.default_rng(4)
    texts = [tuple(random.choice(WORDS, size=random.integers(3, 12))) for _ in range(400)]
    blank = [LabelledSentence(words, ("O",) * len(words)) for words in texts]
    found = find_spans(Tagger(tiny_model), blank)
    decoded = decode(found.potentials, found.emissions, found.lengths)
    names = iter(tiny_model.tags.tags[tag] for tag in decoded)
    tags = [[next(names) for _ in words] for words in texts]
    gold = [row if len(row) % 2 else ["O"] * len(row) for row in tags]
    fitted = FittedTagger(
        weights=tiny_model.weights,
        encoder=tiny_model.encoder,
        tags=tiny_model.tags,
        history={"loss": [2.0, 1.5], "val_f1": [0.4, 0.5]},
        kept_epoch=2,
    )
    recipe = Recipe(
        name="ferry",
        command="python -m jobs.train --train ferry.csv --output ferry",
        data={"train": "9 sentences", "dev": "400 sentences"},
        segmentation=Segmentation(),
        vectors="glove-6b-50d",
        network=NetworkConfig(),
        fitting=TrainingConfig(),
        chosen={},
    )
    dev = TokenizedSentences(texts, gold)
    return trained_model(fitted, recipe, [(fitted, dev)], TokenizedSentences([], []))


def test_the_artifact_has_the_temperature_and_the_figures_behind_it(
    made: TrainedModel, tmp_path: Path
) -> None:
    save_artifact(made.artifact, tmp_path / "ferry", made.people)
    loaded = load_artifact(read_files(tmp_path / "ferry"), "ferry")
    calibration = loaded.metrics["calibration"]
    assert loaded.temperature == calibration["temperature"] != 1.0
    assert json.loads((tmp_path / "ferry/config.json").read_text())["temperature"] != 1.0
    assert calibration["after"]["ece"] < calibration["before"]["ece"]
    assert calibration["fitted_on"]["sentences"] == 400
    assert [row["confidence"] for row in calibration["thresholds"]][:3] == [0.0, 0.5, 0.6]
    assert len(calibration["after"]["bins"]) == 15


def test_the_artifact_knows_of_no_python_and_of_no_package(
    made: TrainedModel, tmp_path: Path
) -> None:
    """Any Python that gleaner supports reads what any other has trained: plain data, all of it."""
    save_artifact(made.artifact, tmp_path / "ferry", made.people)
    files = read_files(tmp_path / "ferry")
    pictures = {name for name in files if name.endswith(".svg")}  # nothing reads them
    texts = {name for name in files if name.endswith((".json", ".md"))}
    assert files.keys() - pictures - texts == {"weights.safetensors"}
    versions = {platform.python_version(), sys.version}
    versions |= {version(name) for name in ("tensorflow", "numpy", "safetensors")}
    for name in texts:
        assert not [each for each in versions if each in files[name].decode()], name
    length = int.from_bytes(files["weights.safetensors"][:8], "little")
    header = json.loads(files["weights.safetensors"][8 : 8 + length])
    assert "__metadata__" not in header
    assert {array["dtype"] for array in header.values()} <= {"F16", "F32"}


def test_a_temperature_leaves_the_scores_alone(made: TrainedModel) -> None:
    from model.evaluation.scoring import score_sentences
    from model.tagger.tagger import Tagger

    texts = [["maria", "met", "the", "council"], ["Zanzibar", "on", "monday"]]
    tags = [["B-per", "O", "O", "B-org"], ["B-geo", "O", "O"]]
    own = Tagger(replace(made.artifact, temperature=1.0))
    assert (
        score_sentences(own, texts, tags)[0]
        == score_sentences(Tagger(made.artifact), texts, tags)[0]
    )


def test_the_card_shows_every_plot_and_no_word_of_the_data(made: TrainedModel) -> None:
    card = made.people["MODEL_CARD.md"]
    plots = {name for name in made.people if name.endswith(".svg")}
    assert plots == set(re.findall(r"\]\((.*\.svg)\)", card))
    assert len(plots) == 4
    for text in made.people.values():
        assert "Zanzibar" not in text
        assert "monday" not in text
