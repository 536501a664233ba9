"""Which runs may become one: manifests in, groups out whose union counts as the runs do now."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from pipeline.configuration.extraction import DECISIVE
from pipeline.outputs.current import CurrentSource, committed_runs, current_sources
from schemas.manifest import Manifest

_Key = tuple[str, ...]


class Group(NamedTuple):
    """Runs that may become one, oldest first, and the sources that count of them now.

    All runs of each of these sources are among them.
    """

    runs: Sequence[Manifest]
    sources: Mapping[str, CurrentSource]

    @property
    def latest(self) -> Manifest:
        """The last run that read sources, not dead letters again."""
        return [run for run in self.runs if not _repairs(run)][-1]

    @property
    def superseded(self) -> int:
        """Documents of the runs that do not count."""
        return sum(
            entry["documents"]
            for run in self.runs
            for entry in run["inputs"]
            if not self._counts(entry["source"], run["run_id"])
        )

    def _counts(self, source: str, run_id: str) -> bool:
        return source in self.sources and run_id in self.sources[source].runs


def find_groups(manifests: Collection[Manifest], before: str) -> list[Group]:
    """Groups of two runs or more that started before this time, with one model and configuration.

    A repair belongs to the runs that it repaired, where its model and configuration are theirs.
    Where a run of a source cannot come along, all runs of that source stay as they are.
    """
    committed = committed_runs(manifests)
    current = current_sources(committed)
    old = [run for run in committed if run["timings"]["started_at"] < before]
    members: dict[_Key, set[str]] = {}
    keys = {run["run_id"]: _key(run) for run in old if not _repairs(run)}
    for run_id, key in keys.items():
        members.setdefault(key, set()).add(run_id)
    for run in old:
        if _repairs(run):
            bases = {s.run_id for s in current.values() if run["run_id"] in s.repairs}
            homes = {keys.get(base, ()) for base in bases}
            if len(homes) == 1 and homes <= members.keys():
                (home,) = homes
                if home[1:] == _key(run)[1:]:
                    members[home].add(run["run_id"])
    groups = []
    for chosen in members.values():
        _leave_out_what_is_bound(chosen, current)
        runs = [run for run in committed if run["run_id"] in chosen]
        sources = {name: state for name, state in current.items() if state.run_id in chosen}
        if len(runs) > 1 and sources:
            groups.append(Group(runs, sources))
    return groups


def _leave_out_what_is_bound(chosen: set[str], current: Mapping[str, CurrentSource]) -> None:
    """Drop runs until each source has all of its runs among the chosen, or none."""
    while True:
        bound = {
            run_id
            for state in current.values()
            if not chosen.issuperset(state.runs)
            for run_id in chosen.intersection(state.runs)
        }
        if not bound:
            return
        chosen -= bound


def _repairs(run: Manifest) -> bool:
    return bool(run["configuration"]["input_format"] == "dead_letters")


def _key(run: Manifest) -> _Key:
    """How the run read its sources, then what else its rows depend on."""
    settings = run["configuration"]
    others = {name: settings.get(name, usual) for name, usual in DECISIVE.items()}
    others.pop("input_format")
    return settings["input_format"], run["model"], json.dumps(others, sort_keys=True)
