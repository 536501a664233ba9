"""An evaluation as one self-contained HTML page."""

from pathlib import Path

from jobs.evaluate.marked_sentence import marked_sentence
from jobs.evaluate.report import Evaluation
from jobs.evaluate.terminal import format_speed, origin
from model.evaluation.mistakes import KINDS
from model.evaluation.muc import SCHEMES
from pipeline.console.html import render_page

_SENTENCE_CELLS = 600


def html_page(found: Evaluation) -> str:
    """The page: no script, nothing from a network, all text of others escaped."""
    return render_page(
        Path(__file__).with_name("page.html.j2"),
        {
            "found": found,
            "speed": format_speed(found.speed) if found.speed else None,
            "kinds": KINDS,
            "schemes": SCHEMES,
            "mistakes": [
                (each, origin(each.example), marked_sentence(each.example, _SENTENCE_CELLS))
                for each in found.frequent
            ],
        },
    )
