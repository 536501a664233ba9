"""Settings that follow the data: within their bounds for any size, and beside what is given."""

from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model.training.automatic import DataSize, automatic
from model.training.configuration import NetworkConfig, TrainingConfig

SIZES = st.builds(
    DataSize,
    sentences=st.integers(1, 10**8),
    tokens=st.integers(1, 10**10),
    labels=st.integers(1, 256),
    words=st.integers(1, 10**7),
    vectors=st.booleans(),
)
AUTOMATIC = {
    each.name: each.type
    for kind in (NetworkConfig, TrainingConfig)
    for each in fields(kind)
    if each.metadata.get("auto")
}


@given(SIZES)
def test_every_automatic_setting_is_chosen_within_its_bounds_and_of_its_type(
    size: DataSize,
) -> None:
    chosen = automatic(size, {})
    assert chosen.keys() == AUTOMATIC.keys()
    for name, choice in chosen.items():
        assert type(choice.value) is AUTOMATIC[name]
        assert choice.reason
    values: dict[str, Any] = {name: choice.value for name, choice in chosen.items()}
    for kind in (NetworkConfig, TrainingConfig):
        kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})


@given(SIZES, st.dictionaries(st.sampled_from(sorted(AUTOMATIC)), st.integers(1, 50)))
def test_what_is_given_is_not_chosen(size: DataSize, values: dict[str, int]) -> None:
    assert automatic(size, values).keys() == AUTOMATIC.keys() - values.keys()


@given(SIZES, st.integers(1, 30))
def test_the_warm_up_follows_the_steps_that_there_will_be(size: DataSize, epochs: int) -> None:
    few = replace(size, sentences=min(size.sentences, 1000))
    share = automatic(few, {"epochs": epochs, "batch_size": 8})["warm_up"].value
    steps = epochs * -(-few.sentences // 8)
    assert share * steps <= 300.5
    assert share == 0.1 or share * steps > 290


@given(SIZES, SIZES)
def test_more_sentences_make_larger_batches_and_no_more_epochs(a: DataSize, b: DataSize) -> None:
    small, large = sorted((a, b), key=lambda size: size.sentences)
    few, many = automatic(small, {}), automatic(large, {})
    assert few["batch_size"].value <= many["batch_size"].value
    assert few["learning_rate"].value >= many["learning_rate"].value
