"""A flag is a field: what the field says, the parser takes, the bounds refuse and a run records."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from pipeline.console.arguments import Parser
from pipeline.console.flags import add_flags, flag, from_flags, recorded, require_bounds
from schemas.errors import UsageError


@dataclass(frozen=True)
class Settings:
    place: str = flag("where", "DIR", group="first", recorded=False)
    files: tuple[str, ...] = flag("which", "GLOB", ("a",), name="file")
    columns: tuple[str, ...] = flag("a,b", "A,B", (), parse=lambda text: tuple(text.split(",")))
    size: int = flag("how large", default=3, least=1, group="second")
    share: float = flag("how much", "S", 0.5, least=0, most=1)
    limit: int | None = flag("at most", default=None, least=1)
    kind: Literal["long", "short"] = flag("which", default="long")
    quiet: bool = flag("say nothing", default=False)
    best: bool = flag("keep the best", default=True)
    units: int = field(default=7, metadata={"help": "a field of another make"})
    made: str = "not a flag"


def parse(*arguments: str) -> Settings:
    parser = Parser("settings", None)
    add_flags(parser, Settings)
    return from_flags(Settings, parser.parse(arguments))


def test_names_types_and_defaults_are_those_of_the_fields() -> None:
    assert parse("--place=x") == Settings("x")
    given = (
        "--place x --file b c --columns d,e --size 9 --share=0.25 --limit 2 --kind short --quiet"
    )
    settings = parse(*given.split(), "--best=False", "--units=8")
    files, columns = ("b", "c"), ("d", "e")
    assert settings == Settings("x", files, columns, 9, 0.25, 2, "short", True, False, 8)  # noqa: FBT003 - as above
    assert hash(settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --place"),
        (["--place=x", "--size=a"], "--size is 'a', expected a whole number"),
        (["--place=x", "--kind=shrt"], "--kind is 'shrt', expected long or short, did you mean sh"),
        (["--place=x", "--best=maybe"], "--best: 'maybe' is neither true nor false"),
        (["--place=x", "--made=y"], "unknown flag --made"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(*arguments)
    assert str(caught.value).startswith(message)


def test_a_value_out_of_bounds_is_refused_by_its_name() -> None:
    require_bounds(Settings("x", limit=None, share=1.0))
    for settings, message in (
        (Settings("x", size=0), "--size is 0, expected at least 1"),
        (Settings("x", limit=0), "--limit is 0, expected at least 1"),
        (Settings("x", share=1.5), "--share is 1.5, expected 0 to 1"),
        (Settings("x", share=float("nan")), "--share is nan, expected 0 to 1"),
    ):
        with pytest.raises(UsageError) as caught:
            require_bounds(settings)
        assert str(caught.value) == message
    with pytest.raises(UsageError, match=r"^size is 0"):
        require_bounds(Settings("x", size=0), prefix="")


def test_a_run_records_every_flag_that_is_to_be_and_nothing_else() -> None:
    told = recorded(Settings("x", files=("a", "b")))
    names = ["file", "columns", "size", "share", "limit", "kind", "quiet", "best", "units"]
    assert list(told) == names
    assert (told["file"], told["columns"], told["limit"]) == (["a", "b"], [], None)


def test_help_has_the_groups_in_the_order_of_the_fields() -> None:
    parser = Parser("settings", None)
    add_flags(parser, Settings)
    words = parser.format_help().partition("\n\n")[2].split()
    order = ["first:", "--place", "--file", "second:", "--size", "--limit", "general:"]
    assert [word for word in words if word in order] == order
    assert "how large (default: 3)" in " ".join(words)


@dataclass(frozen=True)
class Following:
    rate: float = flag("how fast", default=0.5, auto=True)
    steps: int = flag("how far", default=9, auto=True)


def test_a_flag_that_follows_the_data_is_found_where_none_is_given() -> None:
    """`auto` says so in words; what is given has its type, or is refused."""
    parser = Parser("following", None)
    add_flags(parser, Following)
    for arguments in ([], ["--rate=auto", "--steps=auto"]):
        parsed = parser.parse(arguments)
        assert (parsed.rate, parsed.steps) == (None, None)
        assert from_flags(Following, parsed) == Following()
        assert from_flags(Following, parsed, steps=4) == Following(steps=4)
    parser = Parser("following", None)
    add_flags(parser, Following)
    assert from_flags(Following, parser.parse(["--steps=3", "--rate=auto"])) == Following(steps=3)
    assert parser.format_help().count("(default: auto)") == 2
    with pytest.raises(UsageError, match=r"--steps is '3\.5', expected a whole number or auto"):
        parser.parse(["--steps=3.5"])
