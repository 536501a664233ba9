"""Settings that follow the data: within their bounds for any size, and beside what is given."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model.training.automatic import DataSize, automatic
from model.training.configuration import NetworkConfig, TrainingConfig

SIZES = st.builds(
    DataSize,
    sentences=st.integers(1, 10**8),
    labels=st.integers(1, 256),
    vectors=st.booleans(),
)
AUTOMATIC = {
    each.name: each.type
    for kind in (NetworkConfig, TrainingConfig)
    for each in fields(kind)
    if each.metadata.get("auto")
}


def values_for(size: DataSize, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {name: choice.value for name, choice in automatic(size, given or {}).items()}


@given(SIZES)
def test_every_automatic_setting_is_chosen_within_its_bounds_and_of_its_type(
    size: DataSize,
) -> None:
    chosen = automatic(size, {})
    assert chosen.keys() == AUTOMATIC.keys()
    for name, choice in chosen.items():
        assert type(choice.value) is AUTOMATIC[name]
        assert choice.reason
    values = values_for(size)
    for kind in (NetworkConfig, TrainingConfig):
        kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})


@given(SIZES, st.dictionaries(st.sampled_from(sorted(AUTOMATIC)), st.integers(1, 50)))
def test_what_is_given_is_not_chosen(size: DataSize, values: dict[str, int]) -> None:
    assert automatic(size, values).keys() == AUTOMATIC.keys() - values.keys()


@given(SIZES, st.integers(1, 30))
def test_the_warm_up_follows_the_steps_that_there_will_be(size: DataSize, epochs: int) -> None:
    few = replace(size, sentences=min(size.sentences, 1000))
    share = values_for(few, {"epochs": epochs, "batch_size": 8})["warm_up"]
    steps = epochs * -(-few.sentences // 8)
    assert share * steps <= 300.5
    assert share == 0.1 or share * steps > 290


@given(SIZES, SIZES)
def test_more_sentences_make_larger_batches_and_no_more_epochs(a: DataSize, b: DataSize) -> None:
    small, large = sorted((a, b), key=lambda size: size.sentences)
    few, many = values_for(small), values_for(large)
    assert few["batch_size"] <= many["batch_size"]
    assert few["learning_rate"] >= many["learning_rate"]
    assert few["units"] <= many["units"]


def test_few_sentences_have_epochs_for_steps_enough() -> None:
    epochs = [
        values_for(DataSize(count, 8, vectors=True))["epochs"] for count in (50, 100, 150, 300)
    ]
    assert epochs == [60, 60, 42, 32]


@given(SIZES)
def test_text_that_taggers_labelled_is_gone_through_less_often(size: DataSize) -> None:
    own, taught = (values_for(replace(size, text=text)) for text in (0, size.sentences))
    assert 8 <= taught["epochs"] <= own["epochs"]


def test_five_thousand_sentences_that_taggers_labelled_are_gone_through_eight_times() -> None:
    assert values_for(DataSize(5_300, 8, vectors=True, text=5_000))["epochs"] == 8


@given(SIZES, st.integers(1, 10**6))
def test_gold_that_follows_silver_is_learnt_gently(size: DataSize, silver: int) -> None:
    alone, after = (values_for(replace(size, silver=count)) for count in (0, silver))
    assert 8 <= after["epochs"] <= min(alone["epochs"], 16)
    assert after["batch_size"] == alone["batch_size"]
    assert after["learning_rate"] == round(alone["learning_rate"] / 2, 4)


def test_units_are_for_gold_and_silver_together() -> None:
    units = [values_for(DataSize(300, 8, vectors=True, silver=n))["units"] for n in (0, 15_000)]
    assert units == [64, 128]


@given(SIZES)
def test_scheme_may_be_chosen_as_any_setting(size: DataSize) -> None:
    """Tags of a decoder grow with the labels, and its time with their square."""
    assert values_for(size)["scheme"] == ("BIOES" if size.labels <= 4 else "BIO")
    assert "scheme" not in automatic(size, {"scheme": "BIO"})
