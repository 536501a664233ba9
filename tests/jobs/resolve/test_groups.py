"""The union-find with what it forbids, against sets that are searched."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from jobs.resolve.groups import Groups

SIZE = 7
ROWS = st.integers(0, SIZE - 1)
PAIRS = st.lists(st.tuples(ROWS, ROWS), max_size=12)


class SearchedGroups:
    """The same by sets: of every two rows of a group that would be, it looks whether they may."""

    def __init__(self, ids: list[str | None], genders: list[str]) -> None:
        self.groups = [{row} for row in range(SIZE)]
        self.ids, self.genders = ids, genders
        self.different: set[frozenset[int]] = set()

    def of(self, row: int) -> set[int]:
        return next(group for group in self.groups if row in group)

    def join(self, one: int, other: int) -> bool:
        first, second = self.of(one), self.of(other)
        if first is second:
            return True
        if not all(self.may(a, b) for a in first for b in second):
            return False
        self.groups = [group for group in self.groups if group not in (first, second)]
        self.groups.append(first | second)
        return True

    def may(self, one: int, other: int) -> bool:
        ids = {self.ids[one], self.ids[other]} - {None}
        genders = {self.genders[one], self.genders[other]} - {""}
        return len(ids) < 2 and len(genders) < 2 and frozenset((one, other)) not in self.different


@given(
    st.lists(st.sampled_from([None, None, "q1", "q2"]), min_size=SIZE, max_size=SIZE),
    st.lists(st.sampled_from(["", "", "m", "f"]), min_size=SIZE, max_size=SIZE),
    PAIRS,
    PAIRS,
)
def test_joining_is_refused_just_where_two_rows_may_not_meet(
    ids: list[str | None],
    genders: list[str],
    different: list[tuple[int, int]],
    joined: list[tuple[int, int]],
) -> None:
    groups, searched = Groups(ids, genders), SearchedGroups(ids, genders)
    for one, other in different:
        if one != other:
            groups.forbid(one, other)
            searched.different.add(frozenset((one, other)))
    for one, other in joined:
        assert groups.join(one, other, "similar") == searched.join(one, other)
    for one, other in combinations(range(SIZE), 2):
        assert (groups.find(one) == groups.find(other)) == (other in searched.of(one))
    assert len(groups.links) == SIZE - len(searched.groups)
    for row in range(SIZE):
        assert groups.id_of(row) == next((ids[r] for r in searched.of(row) if ids[r]), None)


def test_what_the_user_decides_joins_ids_too_but_not_what_is_different() -> None:
    groups = Groups(["q1", "q2", None], ["m", "f", ""])
    groups.forbid(0, 2)
    assert groups.join(0, 1, "decision", decided=True)
    assert not groups.join(2, 1, "decision", decided=True)
