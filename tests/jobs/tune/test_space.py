import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.train.flags import training_parser
from jobs.tune.space import DEFAULT_SPACE, Choices, Domain, Range, parse_space
from model.training.automatic import DataSize, automatic
from schemas.errors import UsageError

PARSER = training_parser()


def typed(flag: str, text: str) -> object:
    """The value as the training parser takes it."""
    flags = PARSER.parse(["--train=x", "--output=x", f"--{flag}={text}"])
    return getattr(flags, flag)


def parsed(*specs: str) -> dict[str, Domain]:
    return parse_space(specs, PARSER.flags, typed)


NUMBERS = st.floats(1e-6, 1e6)


@given(ends=st.tuples(NUMBERS, NUMBERS).filter(lambda pair: pair[0] < pair[1]), log=st.booleans())
def test_a_range_reads_back_as_it_was(ends: tuple[float, float], log: bool) -> None:
    domain = Range(*ends, log)
    assert parsed(f"dropout={domain}") == {"dropout": domain}


@given(ends=st.tuples(st.integers(1, 999), st.integers(1, 999)).filter(lambda p: p[0] < p[1]))
def test_a_range_of_whole_numbers_is_one_where_its_flag_takes_whole_numbers(
    ends: tuple[int, int],
) -> None:
    low, high = ends
    whole, real = parsed(f"units={low}..{high}", f"dropout={low}..{high}").values()
    assert isinstance(whole, Range)
    assert isinstance(real, Range)
    assert whole.whole
    assert not real.whole
    assert {whole.text(value) for value in (low, high)} == {str(low), str(high)}


@given(values=st.lists(st.integers(1, 999), min_size=2, unique=True))
def test_choices_read_back_as_they_were(values: list[int]) -> None:
    domain = Choices(tuple(map(str, values)))
    assert parsed(f"units={domain}") == {"units": domain}
    assert [domain.stored(value) for value in values] == list(domain.values)
    assert domain.stored(1000) is None


@given(data=st.data(), low=NUMBERS, factor=st.floats(1.001, 1e3))
def test_a_value_stays_in_its_range_within_three_digits(
    data: st.DataObject, low: float, factor: float
) -> None:
    domain = Range(low, low * factor)
    drawn = data.draw(st.floats(domain.low, domain.high))
    text = domain.text(drawn)
    assert domain.low <= float(text) <= domain.high
    assert float(text) == pytest.approx(drawn, rel=0.0051)
    assert domain.stored(drawn) == drawn
    assert domain.stored(math.nextafter(domain.low, 0)) is None
    assert domain.stored("adam") is None


@given(spec=st.text(alphabet="units=dropout.,:log019-e ", max_size=24))
def test_whatever_is_typed_is_understood_or_refused_in_one_sentence(spec: str) -> None:
    try:
        domains = parsed(spec)
    except UsageError as error:
        assert str(error).startswith(f"--search {spec}: ")  # noqa: PT017 - either is right
    else:
        assert parsed(*(f"{flag}={domain}" for flag, domain in domains.items())) == domains


def test_every_flag_of_the_default_space_is_one_of_training_and_its_default_is_in_it() -> None:
    """So the first trial can be training's own defaults, whatever the data."""
    domains = parsed(*(f"{flag}={spec}" for flag, spec in DEFAULT_SPACE.items()))
    flags = vars(PARSER.parse(["--train=x", "--output=x"]))
    for sentences in (10, 100, 300, 1000, 3000, 15_000, 40_000, 1_000_000):
        for vectors in (True, False):
            size = DataSize(sentences, 3, vectors)
            chosen = {name: choice.value for name, choice in automatic(size, {}).items()}
            defaults = flags | chosen
            missed = [flag for flag, d in domains.items() if d.stored(defaults[flag]) is None]
            assert missed == []


def test_a_flag_that_takes_words_has_choices_even_with_dots() -> None:
    assert parsed("optimizer=../a,adam") == {"optimizer": Choices(("../a", "adam"))}
    assert parsed("scheme=BIO,BIOES") == {"scheme": Choices(("BIO", "BIOES"))}
    assert parsed("save_best_only=true,false") == {"save_best_only": Choices(("True", "False"))}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("units", "expected FLAG=A,B,C or FLAG=LOW..HIGH"),
        ("=3,4", "expected FLAG=A,B,C"),
        ("unit=3,4", "unknown flag --unit, did you mean --units?"),
        ("units=4..x", "--units is 'x', expected a whole number"),
        ("units=4..8.5", "--units is '8.5', expected a whole number"),
        ("units=8..4", "8 is not below 4"),
        ("dropout=0..0.5:log", "a logarithmic range starts above 0, not at 0.0"),
        ("dropout=0.1..0.5:lin", "'lin' is no scale, expected log or nothing"),
        ("dropout=0.1..0.5:", "'' is no scale, expected log or nothing"),
        ("units=64", "one value is no choice: give --units=64 instead"),
        ("units=64,064", "it names a value twice"),
        ("monitor=loss,val_f1", "--monitor is not searched: all trials share their measure"),
        ("train=a,b", "--train is not searched: all trials share their data"),
        ("vectors=a,b", "--vectors is not searched: all trials share their data"),
        ("language=de,en", "--language is not searched: all trials share their data"),
        ("tokens=fine,whole", "--tokens is not searched: all trials share their data"),
        ("output=a,b", "--output is not searched: it is the search's own"),
        ("resume=a,b", "--resume is not searched: it is the search's own"),
    ],
)
def test_a_mistake_is_named(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed(spec)
    assert str(refused.value).startswith(f"--search {spec}: {message}")


def test_a_flag_is_searched_once() -> None:
    for first, second in pairwise(["units=1,2", "units=1..9", "units=1,2"]):
        with pytest.raises(UsageError, match="--units is searched twice"):
            parsed(first, second)
