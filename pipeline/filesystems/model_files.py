"""The files of a model, wherever the user has it: bundled, on a disk, or on an object store."""

import os
from pathlib import Path
from typing import BinaryIO

from model.tagger.artifact import Artifact, find_artifact, gather_files, load_artifact, read_files
from pipeline.filesystems.beam import list_files, open_file, refusal
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.stores import require_filesystem
from schemas.errors import ArtifactError


def open_model(model: str) -> Artifact:
    """`--model` in, the verified artifact out; raises as `settle_model` and `load_artifact`."""
    settled = settle_model(model)
    return load_artifact(read_model(settled), settled)


def settle_model(model: str) -> str:
    """`--model` in, what names the same model on any worker out: a bundled name, a path or a URL.

    Raises ArtifactError where there is no such model, UsageError where its filesystem is unknown.
    """
    model = local_path(model)
    if is_remote(model):
        require_filesystem("--model", model)
        return model.rstrip("/")
    directory = find_artifact(model, "--model")
    return os.path.abspath(directory) if directory == Path(model) else model


def read_model(model: str) -> dict[str, bytes]:
    """What `settle_model` gives in, the model's files out; raises as `gather_files`."""
    if not is_remote(model):
        return read_files(find_artifact(model, "--model"))
    try:
        found = list_files(f"{model}/*")
    except Exception as error:  # each filesystem raises errors of its own
        raise ArtifactError(f"{model} cannot be listed: {refusal(error)}") from error
    names = {file.path.rpartition("/")[2] for file in found}
    if not names:
        raise ArtifactError(f"{model} is not a gleaner model: nothing is there")

    def open_named(name: str) -> BinaryIO:
        if name not in names:
            raise FileNotFoundError(name)
        return open_file(f"{model}/{name}")

    return gather_files(open_named, model)
