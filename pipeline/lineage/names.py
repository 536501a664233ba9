"""The names of datasets, by the naming of OpenLineage: a namespace, and a name in it.

A local file has the namespace `file` and its path as a name, an object that of its bucket and its
key. Whatever is named so by several jobs, of whichever tool, is one dataset.
"""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.filesystems.paths import bucket_and_key, is_remote, local_path, scheme_of
from pipeline.inputs.globs import MAGIC

# Inputs of a run. A shell makes thousands of paths of one glob; of more than these, folders.
MOST_INPUTS = 10


class DatasetName(NamedTuple):
    """Where a dataset is, and what it is called there."""

    namespace: str
    name: str


def dataset_name(path: str) -> DatasetName:
    """A local path or a URL in, the name of what is there out."""
    path = local_path(path)
    if not is_remote(path):
        return DatasetName("file", os.path.abspath(path))
    authority, key = bucket_and_key(path.rstrip("/"))
    is_bucket = scheme_of(path) in ("s3", "gs")
    return DatasetName(f"{scheme_of(path)}://{authority}", key if is_bucket and key else f"/{key}")


def input_places(patterns: Iterable[str]) -> Sequence[str]:
    """What was named as input in, the few files and folders out that hold all of it, in order.

    A glob stands for the folder that it begins in. Of more than MOST_INPUTS, those that are deepest
    become the folders they are in, until that is no longer so.
    """
    places = _outermost(map(_place, patterns))
    while len(places) > MOST_INPUTS:
        deepest = max(place.count("/") for place in places)
        wider = _outermost(
            _folder(place) if place.count("/") == deepest else place for place in places
        )
        if wider == places:  # as many buckets
            return places
        places = wider
    return places


def place_of(source: str, places: Sequence[str]) -> str | None:
    """The place that a source is in, of those of `input_places`; None: it is in none of them."""
    return next((place for place in places if is_within(source, place)), None)


def is_within(path: str, place: str) -> bool:
    """Whether a path is this place, or below it."""
    return path == place or path.startswith(place.rstrip("/") + "/")


def _place(pattern: str) -> str:
    pattern = local_path(pattern)
    path = pattern if is_remote(pattern) else os.path.abspath(pattern)
    found = MAGIC.search(path)
    return _folder(path[: found.start()] + "*") if found else path.rstrip("/") or "/"


def _folder(path: str) -> str:
    """The folder that a path is in; of a bucket or a root that itself."""
    scheme, separator, rest = path.rpartition("://")
    folder, slash, _ = rest.rpartition("/")
    return f"{scheme}{separator}{folder}" if folder else path if separator else slash or path


def _outermost(places: Iterable[str]) -> Sequence[str]:
    """Places without those that are within others, each once."""
    kept: list[str] = []
    for place in sorted(set(places), key=lambda place: (place.count("/"), place)):
        if not any(is_within(place, other) for other in kept):
            kept.append(place)
    return sorted(kept)
