"""An output as the commands get it: its place, the manifests of its runs, and what counts now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jobs.runs.holding import no_runs, require_output
from model.text.escaping import harmless
from pipeline.console.arguments import did_you_mean
from pipeline.filesystems.paths import is_remote
from pipeline.outputs.catalog import output_root, read_manifests
from pipeline.outputs.current import CurrentSource, by_age, current_sources
from schemas.errors import UsageError
from schemas.manifest import Manifest


@dataclass(frozen=True)
class Output:
    """root: an absolute path or a URL; manifests: those of its runs, oldest first."""

    root: str
    manifests: Sequence[Manifest]

    @cached_property
    def by_id(self) -> Mapping[str, Manifest]:
        """The manifests by their run's id."""
        return {manifest["run_id"]: manifest for manifest in self.manifests}

    @cached_property
    def current(self) -> Mapping[str, CurrentSource]:
        """What counts of each source."""
        return current_sources(self.manifests)

    @cached_property
    def counting(self) -> Counter[str]:
        """For each run, of how many sources rows of it count."""
        return Counter(run_id for state in self.current.values() for run_id in state.runs)

    def named(self, names: Iterable[str]) -> list[Manifest]:
        """The manifests of these runs; the id of a job in parts stands for all its parts."""
        found = []
        for name in names:
            parts = [m for m in self.manifests if m.get("part", {}).get("of") == name]
            own = [self.by_id[name]] if name in self.by_id else parts
            if not own:
                known = [*self.by_id, *(m["part"]["of"] for m in self.manifests if m.get("part"))]
                raise UsageError(
                    f"{self.root} has no run {harmless(name)!r}" + did_you_mean(name, known)
                )
            found += [manifest for manifest in own if manifest not in found]
        return found


def find_output(flag: str) -> Output:
    """What `--output` said in, the output out; raises UsageError where there is none."""
    root = output_root(flag)
    require_output(root)
    try:
        manifests = read_manifests(root)
    except OSError as error:
        raise UsageError(f"--output {root} cannot be read: {error}") from error
    if is_remote(root) and not manifests:
        raise no_runs(root)
    return Output(root, by_age(manifests))
