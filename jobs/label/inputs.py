"""What passages are drawn from: the inputs of the runs that count, or files that a flag names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from functools import partial

from jobs.runs.outputs import Output
from pipeline.console.text import listed
from pipeline.inputs.files import InputFile, find_files
from pipeline.inputs.formats import ReadConfig, Record
from pipeline.inputs.shards import is_known
from pipeline.inputs.walk import OwnOutput
from pipeline.languages import LanguageScreen
from pipeline.outputs.forgotten import ForgottenNames, read_forgotten, withholding
from pipeline.outputs.layout import is_own
from schemas.errors import UsageError
from schemas.manifest import Aside, Configuration, InputEntry, Manifest

# Why a record is not wanted; None: it is.
Screen = Callable[[Record], Aside | None]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to draw from: its name in the tables, how it is read, and what of it is not wanted.

    fingerprint: the state in which a run read it, if one did.
    """

    name: str
    read: ReadConfig
    screens: tuple[Screen, ...] = ()
    fingerprint: str | None = None
    file: InputFile | None = None

    def find(self) -> InputFile | None:
        """The file as it is now, None where it is gone."""
        if self.file:
            return self.file
        # What exists by a name is what it means, so this finds no other file.
        found = find_files([self.name], allow_none=True).files
        return next((file for file in found if file.path == self.name), None)

    def unwanted(self, record: Record) -> bool:
        """Whether a run would not have written it: forgotten, or in another language."""
        return any(screen(record) for screen in self.screens)


def sources_of_files(
    patterns: Sequence[str], read: ReadConfig, output: Output | None
) -> tuple[list[Source], list[str]]:
    """The files that `--input` names, without those of an output and what was forgotten of it.

    With what is odd about them, in sentences.
    """
    own = OwnOutput(output.root, is_own) if output else None
    known = partial(is_known, input_format=read.input_format)
    found = find_files(patterns, output=own, is_known=known)
    forgotten = _Forgotten.of(output)
    sources = [
        Source(file.path, read, forgotten.screens(read), file=file)
        for file in found.files
        if not forgotten.has_source(file.path, file.identity)
    ]
    unread = [f"{each.path} ({each.reason})" for each in found.unread]
    told = [f"of --input, this is not read: {listed(unread)}"] if unread else []
    return sources, [*found.warnings, *told]


def sources_of_runs(output: Output, run: str | None) -> list[Source]:
    """The files that count of an output, or those that one of its runs read; sorted by name.

    Raises UsageError where that are none.
    """
    entries = _entries(output, run)
    forgotten = _Forgotten.of(output)
    ways: dict[str, tuple[ReadConfig, tuple[Screen, ...]]] = {}
    sources = []
    for name, (entry, manifest) in sorted(entries.items()):
        if manifest["run_id"] not in ways:
            ways[manifest["run_id"]] = _how_read(manifest["configuration"], forgotten)
        read, screens = ways[manifest["run_id"]]
        if not forgotten.has_source(name, entry.get("real_path", name)):
            sources.append(Source(name, read, screens, entry["fingerprint"]))
    if not sources:
        of = f"run {run}" if run else "the runs that count"
        raise UsageError(
            f"--output {output.root}: {of} read no file, so there is none to draw from"
        )
    return sources


def _entries(output: Output, run: str | None) -> Mapping[str, tuple[InputEntry, Manifest]]:
    """Of each source, what the run says that read it. A repair reads what another run did."""
    manifests = output.named([run]) if run else list(output.manifests)
    for manifest in manifests if run else ():
        if manifest["status"] not in ("committed", "empty"):
            status = manifest["status"].replace("_", " ")
            raise UsageError(f"--run {manifest['run_id']} is {status}: it has no inputs that count")
    found: dict[str, tuple[InputEntry, Manifest]] = {}
    for manifest in manifests:
        for entry in manifest.get("inputs", ()):
            reader = output.by_id.get(entry.get("repairs", ""), manifest)
            counts = output.current.get(entry["source"])
            if run or (counts is not None and counts.run_id == reader["run_id"]):
                found[entry["source"]] = (entry, reader)
    return found


def _how_read(
    configuration: Configuration, forgotten: "_Forgotten"
) -> tuple[ReadConfig, tuple[Screen, ...]]:
    """As the run read; what it carried along is not needed."""
    names = {field.name for field in fields(ReadConfig)} - {"keep_fields", "repairs"}
    told: Mapping[str, object] = configuration
    read = replace(ReadConfig(), **{name: told[name] for name in names if name in told})  # type: ignore[arg-type]  # of the flags
    screens = forgotten.screens(read)
    languages = configuration.get("languages")
    return read, (*screens, LanguageScreen(tuple(languages))()) if languages else screens


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """What `jobs.runs forget` erased of an output: it is not to come back in a task."""

    root: str = ""
    names: ForgottenNames | None = None

    @classmethod
    def of(cls, output: Output | None) -> "_Forgotten":
        return cls(output.root, read_forgotten(output.root)) if output else cls()

    def has_source(self, *names: str) -> bool:
        return self.names is not None and any(self.names.has("source", name) for name in names)

    def screens(self, read: ReadConfig) -> tuple[Screen, ...]:
        return (withholding(self.root, (), read.encoding),) if self.names else ()


def model_of_runs(output: Output, run: str | None) -> str:
    """The identity of the model of the newest of the runs that `sources_of_runs` takes."""
    manifests = output.named([run]) if run else output.manifests
    counting = [m for m in manifests if run or output.counting[m["run_id"]]]
    if not counting:
        raise UsageError(
            f"--output {output.root} has no run that counts: name a model with --model"
        )
    return counting[-1]["model"]


def warnings_about(
    gone: AbstractSet[str], changed: AbstractSet[str], *, taken: bool = True
) -> Iterator[str]:
    """A sentence for inputs that are not what the run read, as far as they were looked at.

    taken: whether those that changed are drawn from.
    """
    if gone:
        which = listed(sorted(gone))
        yield f"inputs of the run are gone, and nothing is chosen from them: {which}"
    if changed:
        which = listed(sorted(changed))
        what = "are drawn from as they are now" if taken else "are left out"
        yield f"inputs changed since the run read them, and {what}: {which}"
