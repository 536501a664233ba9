"""What is read and written has the names that OpenLineage's naming gives it."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lineage.names import MOST_INPUTS, dataset_name, input_places, is_within, place_of


@pytest.mark.parametrize(
    ("path", "namespace", "name"),
    [
        ("/data/out/entities", "file", "/data/out/entities"),
        ("/data/out/", "file", "/data/out"),
        ("file:///data/a%20b", "file", "/data/a b"),
        ("s3://bucket/out/entities", "s3://bucket", "out/entities"),
        ("gs://bucket/out/", "gs://bucket", "out"),
        ("s3://bucket", "s3://bucket", "/"),
        ("hdfs://node:8020/out", "hdfs://node:8020", "/out"),
    ],
)
def test_a_path_has_a_namespace_and_a_name(path: str, namespace: str, name: str) -> None:
    assert dataset_name(path) == (namespace, name)


def test_a_relative_path_is_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dataset_name("out").name == f"{Path.cwd()}/out"


@pytest.mark.parametrize(
    ("patterns", "places"),
    [
        (["/in/*.jsonl"], ["/in"]),
        (["/in/2026-*/part-?.csv"], ["/in"]),
        (["/in/[ab]/c.csv"], ["/in"]),
        (["/*.jsonl"], ["/"]),
        (["/in/", "/in/a.jsonl", "/in"], ["/in"]),
        (["/in/a.jsonl"], ["/in/a.jsonl"]),
        (["/in", "/inner"], ["/in", "/inner"]),
        (["s3://b/in/**/*.gz", "s3://b/other"], ["s3://b/in", "s3://b/other"]),
        (["s3://b/*"], ["s3://b"]),
        (["file:///in/*.txt"], ["/in"]),
        ([], []),
    ],
)
def test_a_glob_stands_for_the_folder_it_begins_in(
    patterns: Sequence[str], places: Sequence[str]
) -> None:
    assert input_places(patterns) == places


def test_thousands_of_shards_are_few_datasets() -> None:
    shards = [f"/in/{day}/{number}.jsonl" for day in range(3) for number in range(1000)]
    assert input_places(shards) == ["/in/0", "/in/1", "/in/2"]
    folders = [f"/in/{number}" for number in range(1000)]
    assert input_places(folders) == ["/in"]
    assert input_places(f"s3://b/{n}/x" for n in range(MOST_INPUTS + 1)) == ["s3://b"]


def test_more_buckets_than_places_stay_so() -> None:
    buckets = [f"s3://bucket{number}/in/*" for number in range(MOST_INPUTS + 5)]
    assert len(input_places(buckets)) == len(buckets)


_PATHS = st.lists(
    st.lists(st.sampled_from("abc"), max_size=4).map(lambda parts: "/" + "/".join(parts))
)


@given(_PATHS, st.sampled_from(["", "s3://bucket"]))
def test_every_file_that_is_named_is_in_exactly_one_place(paths: list[str], store: str) -> None:
    places = input_places(store + path for path in paths)
    assert len(places) <= MOST_INPUTS
    for path in paths:
        whole = (store + path).rstrip("/") or os.sep
        assert [place for place in places if is_within(whole, place)] == [place_of(whole, places)]
