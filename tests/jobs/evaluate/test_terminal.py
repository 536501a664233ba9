"""The table of scores lines up, whatever the labels are called."""

from jobs.evaluate.terminal import format_scores
from model.evaluation.entity_scores import EntityScores, ScoreRow, entity_scores
from model.tags import Span


def test_a_label_gives_no_orders_to_a_terminal() -> None:
    table = format_scores(entity_scores([[Span(0, 1, "\x1b[31mX")]], [[]]))
    lines = table.split("\n")
    assert lines[1].startswith(r"\x1b[31mX  ")
    assert all(line.isprintable() for line in lines)
    assert len(set(map(len, lines))) == 1


def test_the_table_lines_up() -> None:
    scores = EntityScores(
        ScoreRow(0.5, 1.0, 2 / 3, 12345), {"Chemical": ScoreRow(0.5, 1.0, 2 / 3, 12345)}
    )
    assert format_scores(scores).split("\n") == [
        "label     precision  recall      f1  support",
        "Chemical     0.5000  1.0000  0.6667   12,345",
        "micro        0.5000  1.0000  0.6667   12,345",
        "macro        0.5000  1.0000  0.6667   12,345",
    ]


def test_the_table_of_nothing_has_the_lines_of_all() -> None:
    assert format_scores(entity_scores([], [])).split("\n")[1:] == [
        "micro     0.0000  0.0000  0.0000        0",
        "macro     0.0000  0.0000  0.0000        0",
    ]
