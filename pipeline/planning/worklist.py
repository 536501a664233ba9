"""What a run has to do: all files that match, those that are new, or dead letters once more."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from model.drift.last_run import LastRun
from pipeline.configuration.extraction import DECISIVE
from pipeline.console.commands import called
from pipeline.console.text import listed
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.inputs.files import InputFile, match_files
from pipeline.inputs.formats import run_of
from pipeline.inputs.shards import format_read_as
from pipeline.outputs.current import CurrentSource, committed_runs, current_sources
from schemas.errors import UsageError
from schemas.manifest import Configuration, Manifest
from schemas.records import Repair

_NAMED = 5  # runs, in a sentence


@dataclass(frozen=True)
class History:
    """The runs of an output, and what counts of them, which is found out once."""

    manifests: Collection[Manifest]

    @cached_property
    def by_id(self) -> Mapping[str, Manifest]:
        return {manifest["run_id"]: manifest for manifest in self.manifests}

    @cached_property
    def current(self) -> Mapping[str, CurrentSource]:
        return current_sources(self.by_id.values())


@dataclass(frozen=True)
class Worklist:
    """The files to read, and what the run is said to have read.

    skipped: files that were left out since they are done. repairs: of each source whose dead
    letters are read again, the run that read it; the sources are those of the dead letters then.
    warnings: what was asked for and is not done. real_paths: of each source that is a link, or
    stands behind one, its path without links.
    """

    files: Sequence[InputFile]
    fingerprints: Mapping[str, str]
    skipped: int = 0
    repairs: Mapping[str, Repair] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    real_paths: Mapping[str, str] = field(default_factory=dict)

    def in_parts(self, files: int | None) -> Sequence["Worklist"]:
        """The work in parts of so many files; None: all of it. Repairs stay together."""
        if files is None or self.repairs or not self.files:
            return [self]
        groups = [self.files[at : at + files] for at in range(0, len(self.files), files)]
        first, *others = map(all_files, groups)
        return [replace(first, skipped=self.skipped, warnings=self.warnings), *others]


def all_files(files: Sequence[InputFile]) -> Worklist:
    """The files of a run that takes them as they come."""
    return Worklist(
        files,
        {file.name: file.fingerprint for file in files},
        real_paths={f.name: f.identity for f in files if f.identity != f.name},
    )


def with_known_names(files: Sequence[InputFile], history: History) -> Sequence[InputFile]:
    """Each file under the name under which the runs that count have read it, or else its own.

    A folder may be reached by its path one night and by a link the next: its rows count once. Where
    a name now leads to another file that is read too, that one has it.
    """
    current = history.current
    names: dict[str, str] = {}
    for run_id in dict.fromkeys(state.run_id for state in current.values()):
        for entry in history.by_id[run_id]["inputs"]:
            source = entry["source"]
            if current[source].run_id == run_id:
                identity = entry.get("real_path", source)
                names[identity] = min(source, names.get(identity, source))
    taken = {file.path for file in files}
    known = ((file, _known(file, names) or file.path) for file in files)
    named = [
        file._replace(source=name) if name not in taken and name != file.path else file
        for file, name in known
    ]
    return sorted(named, key=lambda file: file.name)


def _known(file: InputFile, names: Mapping[str, str]) -> str | None:
    identities = (file.identity, *file.others)
    return next((names[each] for each in identities if each in names), None)


def moved_in_words(files: Sequence[InputFile], history: History) -> tuple[str, ...]:
    """A sentence where files have a new name since a run read them: their rows would count twice.

    Such a file has the size and time of one that is gone. Object stores give copies a new time.
    """
    current = history.current
    names = {state.fingerprint: source for source, state in current.items()}
    moved = [
        f"{file.name}, once {old}"
        for file in files
        if file.name not in current
        and (old := names.get(file.fingerprint))
        and os.path.isabs(old)
        and not os.path.lexists(old)
    ]
    if not moved:
        return ()
    told = "1 file was" if len(moved) == 1 else f"{len(moved):,} files were"
    few = "; ".join([*moved[:_NAMED], *(["..."] if moved[_NAMED:] else [])])
    advice = f"until {called('jobs.runs')} forget --source erases the old one"
    seen = f"{told} moved, it seems, since a run read them ({few})"
    return (f"{seen}: the rows of both names count, {advice}",)


def new_files(
    files: Sequence[InputFile], history: History, model: str, configuration: Configuration
) -> Worklist:
    """Those files that no run has done in their present state, with this model and configuration.

    A file that could not be read to its end is not done. A setting that an older run did not know
    had the value that is now the default.
    """
    runs = history.by_id.items()
    alike = {run_id for run_id, run in runs if _is_alike(run, model, configuration)}
    done = {
        (path, state.fingerprint)
        for path, state in history.current.items()
        if state.complete and state.run_id in alike
    }
    todo = [file for file in files if (file.name, file.fingerprint) not in done]
    return replace(all_files(todo), skipped=len(files) - len(todo))


def _is_alike(manifest: Manifest, model: str, configuration: Configuration) -> bool:
    before: Mapping[str, object] = manifest["configuration"]
    after: Mapping[str, object] = configuration
    return manifest["model"] == model and all(
        before.get(name, usual) == after.get(name, usual) for name, usual in DECISIVE.items()
    )


def last_run(
    manifests: Iterable[Manifest], configuration: Configuration, labels: Collection[str]
) -> LastRun | None:
    """What the last run found that took its documents from the same place in the same way.

    Figures of a place may differ, since folders and files are named by dates. The parts of a job
    are taken together, whatever their model. labels: those that the model of this run has.
    """
    before = [
        run
        for run in committed_runs(manifests)
        if _place(run["configuration"]) == _place(configuration)
        and run["counts"]["tokens"]
        and _tells_of_lists(run)
    ]
    if not before:
        return None
    job = before[-1].get("part", {}).get("of")
    runs = [run for run in before if run.get("part", {}).get("of") == job] if job else before[-1:]
    entities: Counter[str] = Counter()
    for run in runs:
        entities.update(run["counts"]["entities_by_label"])
        listed = run.get("gazetteer")
        if listed:
            entities.subtract(listed["entities_by_label"])
    return LastRun(
        job or before[-1]["run_id"],
        sum(run["counts"]["tokens"] for run in runs),
        entities.total(),
        {label: n for label, n in sorted(entities.items()) if label in labels and n},
    )


def _tells_of_lists(run: Manifest) -> bool:
    """Whether it is known what a run's lists found; of merged runs and forgetful ones it is not."""
    return "gazetteer" in run or not run["configuration"].get("gazetteer")


def _place(configuration: Configuration) -> tuple[object, ...]:
    """Where documents are read, without figures, and what decides how many entities they have."""
    patterns = {re.sub(r"\d+", "0", pattern) for pattern in configuration["input"]}
    how = (configuration["input_format"], configuration["text_field"])
    return sorted(patterns), how, configuration.get("min_confidence", 0.0)


def dead_letter_files(patterns: Iterable[str], *, allow_none: bool) -> list[InputFile]:
    """Patterns in, the Parquet files they match out; a directory stands for all that is below."""
    paths = map(local_path, patterns)
    globs = [f"{p.rstrip('/')}/**/*.parquet" if _is_directory(p) else p for p in paths]
    return match_files(globs, allow_none=allow_none)


def _is_directory(pattern: str) -> bool:
    """Object stores have none, but what is no file's name there is the beginning of many."""
    return not pattern.endswith(".parquet") if is_remote(pattern) else os.path.isdir(pattern)


def dead_letters_to_repair(files: Sequence[InputFile], history: History, root: str) -> Worklist:
    """Files of dead letters below an output in, those of their runs that still count out.

    What a later run repaired or read anew is done. A run's files are taken together. Those of
    failed runs are passed over: no other rows of these runs count, so their files are read again
    whole. Raises UsageError for a file that no run of this output has.
    """
    by_id, current = history.by_id, history.current
    named = {_run_of(file, by_id, root) for file in files}
    failed = sorted(run_id for run_id in named if by_id[run_id]["status"] == "failed")
    chosen = named.difference(failed)
    repairs = {}
    for source, state in current.items():
        holder = state.runs[-1]
        if holder in chosen and _dead_letters(by_id[holder], source):
            name = by_id[state.run_id]["configuration"]["input_format"]
            kept = tuple(by_id[holder]["configuration"]["keep_fields"])
            repairs[source] = Repair(state.run_id, holder, format_read_as(source, name), kept)
    paths = [
        f"{root}/{file['path']}"
        for holder in sorted({repair.dead_letters for repair in repairs.values()})
        for file in by_id[holder]["tables"]["dead_letters"]["files"]
    ]
    return Worklist(
        match_files(paths),
        {source: current[source].fingerprint for source in repairs},
        repairs=repairs,
        warnings=_passed_over(failed),
    )


def _passed_over(failed: Sequence[str]) -> tuple[str, ...]:
    if not failed:
        return ()
    which = f"{'run' if len(failed) == 1 else 'runs'} {listed(failed, most=_NAMED)}"
    told = (
        f"the dead letters of {which} were passed over, since a failed run counts for nothing: its "
        "files are to be read again"
    )
    return (told,)


def _run_of(file: InputFile, by_id: Mapping[str, Manifest], root: str) -> str:
    run = by_id.get(run_of(file.path) or "")
    if (
        run is None
        or run["status"] not in ("committed", "failed")
        or not file.path.startswith(f"{root}/")
    ):
        raise UsageError(
            f"--input {file.path}: --input_format dead_letters reads the dead letters of runs that "
            f"are committed in --output {root}"
        )
    run_id: str = run["run_id"]
    return run_id


def _dead_letters(manifest: Manifest, source: str) -> int:
    return sum(e["dead_letters"] for e in manifest["inputs"] if e["source"] == source)
