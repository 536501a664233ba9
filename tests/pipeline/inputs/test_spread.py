"""Files of any sizes are spread over the processes of a local run, so that none works on alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.shards import spread
from schemas.records import Shard


@given(st.lists(st.integers(0, 10**9), max_size=40), st.integers(0, 9))
def test_each_process_gets_about_as_many_bytes(sizes: list[int], processes: int) -> None:
    """No shard is lost, and no two processes differ by more than the largest of all."""
    shards = [Shard(f"{n}", "text", 0, None, size, "") for n, size in enumerate(sizes)]
    dealt = spread(shards, processes)
    assert Counter(dealt) == Counter(shards)
    if processes < 2:
        assert dealt == shards
        return
    loads = [sum(shard.size for shard in dealt[n::processes]) for n in range(processes)]
    assert max(loads) - min(loads) <= max(sizes, default=0)


def test_large_files_at_every_second_place_are_not_all_read_by_one() -> None:
    shards = [Shard(f"{n}", "text", 0, None, 1 if n % 2 else 100, "") for n in range(8)]
    dealt = spread(shards, 2)
    assert [sum(shard.size for shard in dealt[n::2]) for n in range(2)] == [202, 202]
