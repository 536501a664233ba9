"""Model directories that fit their checksums and hold something odd, as others might write them."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import safetensors.numpy

Files = dict[str, bytes]
Arrays = dict[str, Any]

WEIGHTS = "weights.safetensors"
_JSON = ("config.json", "labels.json", "vocabulary.json", "metrics.json", "baseline.json")
_WEIGHED = (4, 3, 2, 1, 2)


class _Raw(str):
    """JSON as it is to stand in a file, whatever it is."""

    __slots__ = ()


_DEEP = 100_000
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 64, 65, 1.5, -0.0, 10**9, 2**63, 10**400, [], {}, [[]], [0]),
    *(1e300, -1e300, 1e-300, 5e-324, float("nan"), float("inf"), float("-inf"), _Raw("1e999")),
    *("", " ", "20", "1", "en", "BIOES", "x" * 100_000, "\ud800", "\x1b[31mred", "a\nb", "\x9b"),
    *("../../x", "/etc/passwd", "\u202eabc", "NaN", "\0", ["\ud800"], ["a", "a"], ["", "b"], ["a"]),
    *(_Raw("[" * _DEEP + "]" * _DEEP), _Raw('{"a":' * _DEEP + "0" + "}" * _DEEP), _Raw("9" * 5000)),
    *([str(n).zfill(3) for n in range(300)], {"a": [1, 2]}, {"counts": [1], "bounds": [1, 2]}),
)
# Where drift looks, which the tiny model leaves empty.
_BASELINE = {
    "language": "en",
    "tokens": 9000,
    "unknown_tokens": 900,
    "sentence_lengths": {
        "bounds": [1, 5, 10, 15, 20, 25, 30, 40, 60, 100, 200],
        "counts": [90] * 11,
    },
    "confidence_histogram_by_label": {"geo": [40] * 10, "per": [30] * 10},
}
_NUMBERS = (
    *(float("nan"), float("inf"), float("-inf"), 3e38, -3e38, 1e30, -1e20, 65_504.0, 1e-45, 0.0),
    *(9_999.0, -9_999.0, 10_001.0),
)


def resealed(files: Mapping[str, bytes]) -> Files:
    """The files with right checksums, as another program might have written them."""
    sums = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name != "checksums.json"
    }
    return {**files, "checksums.json": json.dumps(sums).encode()}


def mutated(files: Mapping[str, bytes], seed: int) -> Files:
    """The files of a valid model with one to three mutations, sealed again."""
    draw = random.Random(seed)
    changed = {**files, "baseline.json": json.dumps(_BASELINE).encode()}
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        mutate = draw.choices((_in_json, _in_weights, _in_bytes), (6, 5, 1))[0]
        changed = mutate(changed, draw)
    sealed = resealed(changed)
    return _odd_checksums(sealed, draw) if draw.random() < 0.03 else sealed


def _in_json(files: Files, draw: random.Random) -> Files:
    name = draw.choices(_JSON, _WEIGHED)[0]
    try:
        tree = json.loads(files[name])
    except (ValueError, RecursionError):
        return files
    if not isinstance(tree, dict):
        return files
    places: list[tuple[Any, Any]] = list(_places(tree))
    parent: Any
    key: Any
    parent, key = draw.choice(places) if places else (tree, "a")
    value = draw.choice(ODD_VALUES)
    change = draw.choice(("replace", "replace", "replace", "delete", "add", "repeat"))
    if change == "delete" and places:
        del parent[key]
    elif change == "repeat" and isinstance(parent, list):
        parent.append(parent[key])
    elif change == "add" and isinstance(parent, dict):
        parent[draw.choice(("more", "", "\x1b[0m", "tokens", "language"))] = value
    else:
        parent[key] = value
    return {**files, name: _written(tree)}


def _places(tree: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _written(tree: object) -> bytes:
    raws: list[str] = []

    def marked(value: object) -> object:
        if isinstance(value, _Raw):
            raws.append(value)
            return f"@raw{len(raws) - 1}@"
        if isinstance(value, dict):
            return {key: marked(one) for key, one in value.items()}
        return list(map(marked, value)) if isinstance(value, list) else value

    text = json.dumps(marked(tree))
    for n, raw in enumerate(raws):
        text = text.replace(f'"@raw{n}@"', raw)
    return text.encode()


def _in_weights(files: Files, draw: random.Random) -> Files:
    try:
        arrays = safetensors.numpy.load(files[WEIGHTS])
    except Exception:  # noqa: BLE001 - mutated before
        return files
    name = draw.choice(sorted(arrays))
    try:
        arrays = draw.choice(_CHANGES)(arrays, name, draw)
    except (IndexError, KeyError, ValueError):  # of what was mutated before
        return files
    whole = {key: np.array(array, order="C") for key, array in arrays.items()}
    return {**files, WEIGHTS: safetensors.numpy.save(whole)}


def _element(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    array = arrays[name].astype(np.float32)
    if array.size:
        array.flat[draw.randrange(array.size)] = draw.choice(_NUMBERS)
    return {**arrays, name: array}


def _filled(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    """All that is finite becomes one number, with signs of its own."""
    signs = np.random.default_rng(draw.randrange(2**32)).choice((-1.0, 1.0), arrays[name].shape)
    array = np.where(np.isfinite(arrays[name]), signs * abs(draw.choice(_NUMBERS)), arrays[name])
    return {**arrays, name: np.ascontiguousarray(array, np.float32)}


def _all_filled(arrays: Arrays, _name: str, draw: random.Random) -> Arrays:
    for name in arrays:
        number = draw.choice((9_999.0, 10_000.0, 300.0, 1e-45, 0.0))
        signs = np.random.default_rng(draw.randrange(2**32)).choice((-1.0, 1.0), arrays[name].shape)
        array = np.where(np.isfinite(arrays[name]), signs * number, arrays[name])
        arrays = {**arrays, name: np.ascontiguousarray(array, np.float32)}
    return arrays


def _scaled(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    factor = draw.choice((1e3, 1e5, 1e20, 1e37, 1e-30, -1.0))
    with np.errstate(all="ignore"):
        array = np.where(np.isfinite(arrays[name]), arrays[name] * factor, arrays[name])
    return {**arrays, name: np.ascontiguousarray(array, np.float32)}


def _retyped(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    kind = draw.choice((np.float64, np.float16, np.int32, np.int64, np.uint8, np.bool_))
    with np.errstate(all="ignore"):
        return {**arrays, name: np.nan_to_num(arrays[name]).astype(kind)}


def _reshaped(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    array = arrays[name]
    shapes: tuple[Callable[[], Any], ...] = (
        lambda: array[:-1],
        lambda: array[..., :-1],
        lambda: array[:0],
        lambda: array[..., :0],
        lambda: array.reshape(-1),
        lambda: array[None],
        lambda: array[..., None],
        lambda: array.T,
        lambda: np.concatenate([array, array]),
        lambda: array.flat[0],
    )
    return {**arrays, name: np.array(draw.choice(shapes)())}


def _of_units(arrays: Arrays, _name: str, draw: random.Random) -> Arrays:
    """Another number of units, at which all shapes fit each other."""
    units = draw.choice((0, 1, 3, 200))
    random_ = np.random.default_rng(draw.randrange(2**32))
    features, tags = arrays["lstm_kernel"].shape[1], len(arrays["dense_bias"])
    shapes = {
        "lstm_kernel": (2, features, 4 * units),
        "lstm_recurrent": (2, units, 4 * units),
        "lstm_bias": (2, 4 * units),
        "dense_kernel": (2 * units, tags),
    }
    return arrays | {
        name: random_.normal(size=shape).astype(np.float32) for name, shape in shapes.items()
    }


def _of_width(arrays: Arrays, _name: str, draw: random.Random) -> Arrays:
    """Filters that span another number of characters."""
    kernel = arrays["convolution_kernel"]
    width = draw.choice((0, 1, 2, 50))
    return {**arrays, "convolution_kernel": np.resize(kernel, (width, *kernel.shape[1:]))}


def _renamed(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    rest = {key: array for key, array in arrays.items() if key != name}
    return rest if draw.random() < 0.5 else {**rest, draw.choice((" ", "more")): arrays[name]}


def _swapped(arrays: Arrays, name: str, draw: random.Random) -> Arrays:
    other = draw.choice(sorted(arrays))
    return {**arrays, name: arrays[other], other: arrays[name]}


_CHANGES = (
    *(_element, _element, _filled, _all_filled, _scaled, _retyped, _reshaped, _of_units),
    *(_of_width, _renamed, _swapped),
)


def _in_bytes(files: Files, draw: random.Random) -> Files:
    name = draw.choice(sorted(files))
    data = files[name]
    place = draw.randrange(len(data) + 1)
    return {
        **files,
        name: draw.choice(
            (
                data[:place],
                data[:place] + b"\xff\x00" + data[place:],
                data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :],
                data[:8] + data[:place],
                (2**62).to_bytes(8, "little") + data[8:],
                b"",
                b"null",
                b"\xff\xfe" + data,
                b"[" * _DEEP,
                files[draw.choice(sorted(files))],
            )
        ),
    }


def _odd_checksums(files: Files, draw: random.Random) -> Files:
    sums = json.loads(files["checksums.json"])
    name = draw.choice(
        ("", ".", "..", "a/b", "/etc/passwd", "../x", "\0", "\ud800", "x" * 5000, "x")
    )
    sums[name] = draw.choice(("", None, 1, [], {}, "0" * 64))
    return {**files, "checksums.json": json.dumps(sums).encode()}
