"""Colours on a terminal alone, as the environment wishes."""

import io

import pytest

from pipeline.console.colour import painter, plain, rendered


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "on_a_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),  # empty is not set, says no-color.org
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_the_environment_decides_before_the_terminal(
    environment: dict[str, str],
    on_a_terminal: bool,
    elsewhere: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (painter(Terminal()) is not plain) is on_a_terminal
    assert (painter(io.StringIO()) is not plain) is elsewhere


def test_text_is_between_a_colour_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    paint = painter(io.StringIO())
    assert rendered(paint("error:", "bad"), io.StringIO()) == "\x1b[31merror:\x1b[0m"
    assert plain("error:", "bad") == "error:"
