"""What is looked up before anything is written: model, inputs, output, and the name of the run."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from model.gazetteer.matching import Gazetteer
from model.tagger.artifact import Artifact, load_artifact
from pipeline.configuration.extraction import ExtractionConfig
from pipeline.filesystems.gazetteer_files import read_gazetteer
from pipeline.filesystems.model_files import read_model, settle_model
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.stores import require_filesystem
from pipeline.inputs.files import InputFile, Matches, find_files
from pipeline.inputs.globs import MAGIC
from pipeline.inputs.shards import is_known, plan_shards, unreadable_named
from pipeline.inputs.walk import OwnOutput, Unread
from pipeline.outputs.catalog import require_writable
from pipeline.outputs.description import Part
from pipeline.outputs.layout import is_own
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.planning.preview import require_columns, separator_warnings
from pipeline.planning.worklist import dead_letter_files
from schemas.errors import UsageError
from schemas.manifest import Configuration, Manifest


@dataclass(frozen=True)
class CheckedInputs:
    """What the flags stand for, looked up and found in order.

    model: what names it on any worker. configuration: the flags, with the contents of what they
    name. unread: what was seen in the input and is not read. warnings: what is odd about input and
    gazetteer, a sentence each.
    """

    model: str
    artifact: Artifact
    gazetteer: Gazetteer | None
    configuration: Configuration
    files: Sequence[InputFile]
    unread: Sequence[Unread] = ()
    warnings: tuple[str, ...] = ()


def check(config: ExtractionConfig) -> CheckedInputs:
    """Look up model, inputs and output; raises UsageError if one of them is not in order."""
    for pattern in filter(is_remote, map(local_path, config.inputs)):
        require_filesystem("--input", pattern)
    model = settle_model(config.model)
    artifact = load_artifact(read_model(model), model)
    configuration = config.described()
    terms = read_gazetteer(config.gazetteer, artifact.segmentation)
    if terms:
        configuration["gazetteer"] = [*terms.digests]
    warnings: list[str] = []
    if config.input_format == "dead_letters":
        found = Matches(dead_letter_files(config.inputs, allow_none=config.allow_no_input))
    else:
        _require_readable(config.inputs, config.input_format)
        root = config.output if is_remote(config.output) else os.path.realpath(config.output)
        found = find_files(
            config.inputs,
            allow_none=config.allow_no_input,
            flat=config.flat,
            output=OwnOutput(root, is_own),
            is_known=partial(is_known, input_format=config.input_format),
        )
        shards = plan_shards(found.files, config.read)
        require_columns(shards, config.read)
        warnings = separator_warnings(shards, config.read)
    require_writable(config.output)
    return CheckedInputs(
        model=model,
        artifact=artifact,
        gazetteer=terms and terms.gazetteer,
        configuration=configuration,
        files=found.files,
        unread=found.unread,
        warnings=(*found.warnings, *warnings, *(terms.warnings if terms else ())),
    )


def _require_readable(patterns: Iterable[str], input_format: str) -> None:
    """No archive is named; what a glob or a folder has of them breaks nothing but itself."""
    for pattern in patterns:
        problem = unreadable_named(pattern, input_format)
        if problem and not MAGIC.search(pattern) and not os.path.isdir(pattern):
            raise UsageError(f"--input {problem}")


def require_new(
    config: ExtractionConfig,
    manifests: Sequence[Manifest],
    storages: Iterable[RunStorage],
) -> None:
    """No run has this id yet, as a whole or as a part of its job; nor had one that was merged.

    Asked once the output is clean: a run that was killed before it counted may be tried again.
    """
    exists = UsageError(f"--run_id {config.run_id} exists already in {config.output}")
    ids = (config.run_id, Part(config.run_id, 1, 1).run_id)
    own = [*(run_storage(config.output, run_id) for run_id in ids), *storages]
    known = {manifest["run_id"] for manifest in manifests}
    # Of an object store the manifests tell all; on a disk a table alone is in the way.
    if any(run.run_id in known or (run.is_staged and run.run_exists()) for run in own):
        raise exists
    for manifest in manifests:
        if manifest.get("part", {}).get("of") == config.run_id:
            raise exists
        for merged in manifest.get("replaces", ()):
            if config.run_id in (merged, merged.rpartition(".")[0]):
                raise UsageError(f"--run_id {merged} was merged into {manifest['run_id']}")
