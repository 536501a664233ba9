"""A model card says what its figures say, and shows names from the data as they are."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.train.report.card import Figures, Recipe, escaped, model_card
from model.evaluation.calibration import (
    Calibration,
    Reliability,
    Sample,
    reliability,
    threshold_table,
)
from model.evaluation.entity_scores import EntityScores, ScoreRow
from model.evaluation.speed import Speed
from model.tagger.artifact import Artifact
from model.tags import TagSet
from model.text.escaping import harmless
from model.text.segmentation import Segmentation
from model.training.automatic import Choice
from model.training.configuration import NetworkConfig, TrainingConfig

SCORES = EntityScores(
    ScoreRow(0.9126, 0.8, 0.85263, 1234),
    {"geo": ScoreRow(0.95, 0.9, 0.92432, 1200), "per": ScoreRow(0.5, 0.25, 1 / 3, 34)},
)
DATA = {"train": "9,000 sentences", "dev": "1,000 sentences", "test": "500 sentences"}
COMMAND = "python -m jobs.train --train 'my data.csv' --output models/ferry"
RECIPE = Recipe(
    name="ferry",
    command=COMMAND,
    data=DATA,
    segmentation=Segmentation(),
    vectors=None,
    network=NetworkConfig(units=100, dropout=0.5),
    fitting=TrainingConfig(learning_rate=3e-4),
    chosen={"units": Choice(100, "by *guess*")},
)


def calibration_of(found: int) -> Calibration:
    random = np.random.default_rng(1)
    confidence = random.beta(5, 1, size=found)
    right = random.random(found) < confidence
    measured = reliability(confidence, right)
    return Calibration(
        temperature=1.25 if found else 1.0,
        fitted_on=Sample(500, found, int(right.sum()), found),
        before=replace(measured, ece=0.0423),
        after=replace(measured, ece=0.0117),
        thresholds=tuple(threshold_table(confidence, right, found)),
    )


def card(
    artifact: Artifact, calibration: Calibration, *parts: str, scores: EntityScores = SCORES
) -> str:
    scored = dict.fromkeys(parts or ("dev",), scores)
    return model_card(artifact, RECIPE, Figures(scored, calibration))


def test_the_speed_stands_beside_the_f1_with_whose_core_it_is(tiny_model: Artifact) -> None:
    """In the three digits that a measurement gives; where none was taken, nothing is said."""
    figures = Figures({"dev": SCORES}, calibration_of(2000))
    speed = Speed(123_456, from_text=False, processor="Ferry <b>7</b>")
    summary, blank = model_card(tiny_model, RECIPE, replace(figures, speed=speed)).split("\n")[2:4]
    told = r"One core (Ferry \<b\>7\</b\>) tags 123,000 tokens a second, cutting the text into them"
    assert "F1 0.853. Dev also decided which epoch was kept. An entity" in summary
    assert summary.endswith(f"{told} not counted.")
    assert blank == ""
    assert "tokens a second" not in model_card(tiny_model, RECIPE, figures)


def table_after(text: str, head: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    lines = iter(text.split("\n"))
    next(line for line in lines if line.startswith(f"| {head} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("| "):
            break
        rows.append(line[2:-2].split(" | "))
    return rows


def test_the_first_lines_say_what_it_finds_and_how_well(tiny_model: Artifact) -> None:
    text = card(tiny_model, calibration_of(2000))
    name, _, summary, _, head, *_ = text.split("\n")
    assert name == "# tiny"
    assert summary.startswith(
        "Finds **geo**, **org**, **per** in text. On dev (1,000 sentences) it finds 80.0% of the "
        "1,234 entities, and 91.3% of what it finds is right: F1 0.853. Dev also decided which "
        "epoch was kept."
    )
    assert head == "| label | precision | recall | F1 | entities |"
    assert table_after(text, "label") == [
        ["geo", "0.950", "0.900", "0.924", "1,200"],
        ["per", "0.500", "0.250", "0.333", "34"],
        ["**all (micro)**", "0.913", "0.800", "0.853", "1,234"],
    ]


def test_a_test_part_speaks_first_and_dev_still_has_its_table(tiny_model: Artifact) -> None:
    text = card(tiny_model, calibration_of(2000), "dev", "test")
    assert "On test (500 sentences) it finds" in text
    assert "decided which epoch" not in text
    assert text.index("On test") < text.index("Scores on dev:") < text.index("## Licence")


def test_thresholds_stand_with_the_precision_that_they_give(tiny_model: Artifact) -> None:
    calibration = calibration_of(2000)
    text = card(tiny_model, calibration)
    rows = table_after(text, "`--min_confidence`")
    assert [row[0] for row in rows] == ["0", "0.5", "0.6", "0.7", "0.8", "0.9", "0.95", "0.99"]
    assert rows[0][-1] == "100.0%"
    for row, threshold in zip(rows, calibration.thresholds, strict=True):
        assert row[1] == f"{threshold.precision:.3f}"
    assert "differ by 0.012 on average" in text
    assert "0.042 at temperature 1)" in text
    assert "a temperature of 1.25 was fitted" in text
    for target in (0.9, 0.95, 0.99):
        enough = [row[0] for row in rows if row[1] != "-" and float(row[1]) >= target]
        if enough:
            assert f"or a precision of {target:.0%} take `--min_confidence {enough[0]}`" in text
        else:
            assert f"o threshold of the table reaches a precision of {target:.0%}" in text


def test_a_model_that_could_not_be_calibrated_says_so(tiny_model: Artifact) -> None:
    """And shows no figures of confidence that a handful of entities would give."""
    text = card(tiny_model, calibration_of(0))
    assert "It is not calibrated: that takes 20 right and 20 wrong entities in dev" in text
    assert "which has 0 right and 0 wrong." in text
    assert "reliability.svg" not in text
    assert "`--min_confidence` |" not in text


def test_it_says_how_it_was_made_and_used_and_what_is_rough(tiny_model: Artifact) -> None:
    text = card(tiny_model, calibration_of(2000))
    assert f"\n    {COMMAND}\n" in text
    assert "--model models/tiny" in text
    assert ["train", "9,000 sentences"] in table_after(text, "data")
    settings = table_after(text, "setting")
    assert ["words known", "23", ""] in settings
    assert ["learning_rate", "0.0003", ""] in settings
    assert ["units", "100", r"by \*guess\*"] in settings
    assert "Fewer than 50 entities stand behind the scores of per: they are rough." in text


@pytest.mark.parametrize("label", ["a|b", "<img src=x>", "[x](http://y)", "**b**", "`c`", "a\\|b"])
def test_a_label_is_shown_and_not_obeyed(tiny_model: Artifact, label: str) -> None:
    """No tag, link, emphasis or column of a table comes out of a name in the data."""
    scores = EntityScores(SCORES.micro, {label: ScoreRow(0.5, 0.5, 0.5, 9)})
    artifact = replace(tiny_model, tags=TagSet((label,)), name=label)
    text = card(artifact, calibration_of(2000), scores=scores)
    visible = "\n".join(line for line in text.split("\n") if not line.startswith("    "))
    assert escaped(label) in visible
    assert label not in re.sub(re.escape(escaped(label)), "", visible)
    # Once what is escaped is gone, the row has the columns that its head has.
    (row,) = [line for line in visible.split("\n") if line.startswith(f"| {escaped(label)} |")]
    assert re.sub(r"\\.", "", row).count("|") == 6


@given(st.text(max_size=30))
def test_escaped_text_reads_as_the_text_on_one_line(text: str) -> None:
    shown = escaped(text)
    assert "\n" not in shown
    assert re.sub(r"\\(.)", r"\1", shown) == harmless(" ".join(text.split()))
    assert not re.search(r"[`*_\[\]<>|~&#$!]", re.sub(r"\\.", "", shown))


def test_nothing_that_does_not_print_reaches_a_card(tiny_model: Artifact) -> None:
    odd = "\x1b[31mX\u202e"
    scores = EntityScores(SCORES.micro, {odd: ScoreRow(0.5, 0.5, 0.5, 9)})
    artifact = replace(tiny_model, tags=TagSet((odd,)), name=odd)
    command = f"python -m jobs.train --train '{odd}\r.csv'"
    data = {"dev": odd}
    recipe = replace(RECIPE, command=command, data=data, vectors=odd)
    text = model_card(artifact, recipe, Figures({"dev": scores}, calibration_of(2000)))
    assert all(line.isprintable() for line in text.split("\n"))
    assert r"**\\x1b\[31mX\\u202e**" in text
    assert r"--train '\x1b[31mX\u202e\r.csv'" in text


def test_lines_of_a_command_stay_within_its_block(tiny_model: Artifact) -> None:
    recipe = replace(RECIPE, command="python -m jobs.train --train 'a\n\n# b.csv'")
    text = model_card(tiny_model, recipe, Figures({"dev": SCORES}, calibration_of(0)))
    assert "\n    python -m jobs.train --train 'a\n    \n    # b.csv'\n" in text


def test_nothing_measured_is_no_error(tiny_model: Artifact) -> None:
    nothing = EntityScores(ScoreRow(0.0, 0.0, 0.0, 0), {})
    empty = Calibration(
        temperature=1.0,
        fitted_on=Sample(0, 0, 0, 0),
        before=Reliability(0, 0, 0, ()),
        after=Reliability(0, 0, 0, ()),
        thresholds=(),
    )
    assert "F1 0.000" in card(tiny_model, empty, scores=nothing)
