"""Repeated ids: exactly those that there are, or of many a share that is the same in all files."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.outputs.manifest.repeated_ids import (
    RUN_IDS,
    expected_share,
    merged,
    repeated_ids_in_words,
    sample_ids,
)
from schemas.records import FileResult, IdSample

FILES = st.lists(st.lists(st.integers(0, 40).map(str), max_size=30), max_size=5)


def file(ids: IdSample, table: str = "documents") -> FileResult:
    return FileResult(table, "p", 0, 0, "", {}, ids=ids)


def hashes(sample: IdSample) -> list[int]:
    return sorted(np.frombuffer(sample.hashes, np.uint64).tolist())


@given(FILES)
def test_all_repeated_ids_are_counted_with_their_records(files: list[list[str]]) -> None:
    """Brute force, within a file and over several."""
    times = Counter(name for ids in files for name in ids)
    repeated = [count for count in times.values() if count > 1]
    told = repeated_ids_in_words([file(sample_ids(ids, 1.0)) for ids in files])
    if not repeated:
        assert told is None
        return
    plural = "" if len(repeated) == 1 else "s"
    assert told == (
        f"{len(repeated)} document id{plural} came more than once, in {sum(repeated)} records: "
        "join entities to documents by source and record"
    )


@given(FILES, st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5))
def test_of_an_id_all_records_are_in_the_share_or_none(
    files: list[list[str]], shares: list[float]
) -> None:
    samples = [sample_ids(ids, share) for ids, share in zip(files, shares, strict=False)]
    whole = merged(samples)
    least = min((sample.share for sample in samples), default=1.0)
    assert whole.share == least
    every = [name for ids in files[: len(samples)] for name in ids]
    assert hashes(whole) == hashes(sample_ids(every, least))


def test_a_sample_stays_within_its_size_and_its_share_is_even() -> None:
    ids = [f"id-{n}" for n in range(40_000)]
    sample = merged([sample_ids(ids[:20_000], 1.0), sample_ids(ids[20_000:], 1.0)], most=3_000)
    assert (sample.share, len(sample.hashes) // 8 <= 3_000) == (1 / 16, True)
    assert len(sample.hashes) / 8 == pytest.approx(40_000 / 16, rel=0.1)
    told = repeated_ids_in_words([file(sample), file(sample_ids(ids[:1_000], 1.0))])
    assert told is not None
    assert " looked at came more than once, in " in told


@pytest.mark.parametrize(("documents", "share"), [(0, 1), (RUN_IDS, 1), (RUN_IDS * 4, 0.25)])
def test_so_many_ids_are_looked_at_as_fit(documents: int, share: float) -> None:
    assert expected_share(documents) == share
