"""Plots are well-formed SVG with the names and figures they are of, and equal for equal figures."""

import warnings
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from jobs.train.report.plots import (
    confusion_matrix,
    f1_by_label,
    learning_curves,
    reliability_diagram,
)
from model.evaluation.calibration import Calibration, Sample, reliability
from model.evaluation.confusion import Confusion
from model.evaluation.entity_scores import EntityScores, ScoreRow

pytestmark = pytest.mark.training  # where matplotlib is

# Each is a label that could break XML, mathematics or the layout.
ODD = ("<b>&amp;", "$x^$", "\x0bbell\x07", "naïve 語", "x" * 200, "_private")


def texts_of(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - our own file
    return [
        "".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]


def scores(labels: tuple[str, ...]) -> EntityScores:
    rows = {label: ScoreRow(0.5, 0.5, n / 10, 1000 * n) for n, label in enumerate(labels)}
    return EntityScores(ScoreRow(0.5, 0.5, 0.5, 1234), rows)


def calibration(found: int) -> Calibration:
    random = np.random.default_rng(2)
    confidence = random.random(found)
    right = random.random(found) < confidence
    sample = Sample(9, found, int(right.sum()), found)
    return Calibration(
        temperature=1.5,
        fitted_on=sample,
        before=reliability(confidence**2, right),
        after=reliability(confidence, right),
        thresholds=(),
    )


PLOTS: dict[str, Callable[[], str]] = {
    "curves": lambda: learning_curves({"loss": [2.0, 1.0], "val_f1": [0.5, 0.6]}, 2),
    "f1": lambda: f1_by_label(scores(("geo", "per"))),
    "confusion": lambda: confusion_matrix(Confusion(("geo",), ((1234, 5), (6, 0)))),
    "reliability": lambda: reliability_diagram(calibration(500)),
}


@pytest.mark.parametrize("name", PLOTS)
def test_equal_figures_give_equal_files_without_a_bitmap_or_a_date(name: str) -> None:
    svg = PLOTS[name]()
    assert svg == PLOTS[name]()
    assert "<image" not in svg
    assert "dc:date" not in svg


def test_names_and_figures_are_text() -> None:
    assert {"loss", "val_f1", "kept epoch"} <= set(texts_of(PLOTS["curves"]()))
    assert {"geo (0)", "per (1,000)", "0.10"} <= set(texts_of(PLOTS["f1"]()))
    assert {"geo", "none", "1,234", "5", "6"} <= set(texts_of(PLOTS["confusion"]()))
    ece = calibration(500).after.ece
    assert f"temperature 1.5, ECE {ece:.3f}" in texts_of(PLOTS["reliability"]())


def test_any_label_is_shown_as_it_is() -> None:
    """No markup and no formula comes out of a name; what XML cannot hold is spelt out."""
    counts = tuple(tuple(range(len(ODD) + 1)) for _ in range(len(ODD) + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = [
            texts_of(f1_by_label(scores(ODD))),
            texts_of(confusion_matrix(Confusion(ODD, counts))),
        ]
    for texts in shown:
        joined = "\n".join(texts)
        for label in (
            "<b>&amp;",
            "$x^$",
            r"\x0bbell\x07",
            "naïve 語",
            "x" * 23 + "…",
            "_private",
        ):
            assert label in joined


def test_labels_that_look_alike_keep_a_bar_each() -> None:
    long = "y" * 50
    texts = texts_of(f1_by_label(scores((f"{long}1", f"{long}2", f"{long}3"))))
    assert sum(text.startswith("yyy") for text in texts) == 3


def test_nothing_to_show_is_no_error() -> None:
    empty = EntityScores(ScoreRow(0.0, 0.0, 0.0, 0), {})
    for svg in (
        f1_by_label(empty),
        confusion_matrix(Confusion((), ((0,),))),
        reliability_diagram(calibration(0)),
    ):
        assert svg.startswith("<?xml")
