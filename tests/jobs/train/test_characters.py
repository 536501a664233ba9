"""A model of characters does from raw text what it does from the characters one by one."""

import json
import random
from pathlib import Path

import pytest

from jobs.evaluate.__main__ import run as evaluate
from jobs.train.__main__ import run as train
from jobs.train.data.parts import read_parts
from jobs.train.flags import training_parser
from model.tagger.artifact import load_artifact, read_files

SURNAMES, GIVEN = "赵钱孙李周吴郑冯", "明丽刚红军华平玉"
TOWNS = ("海口", "拉萨", "成都", "长春", "石家庄", "呼和浩特")
FRAMES = (
    "{p}去年搬到{t}。",
    "在{t}，{p}开了一家店。",
    "{p}说{t}很美！",
    "我们和{p}在{t}见面，很高兴。",
)
SMALL = (
    *("--embedding_size=16", "--units=12", "--character_filters=4", "--character_size=4"),
    *("--batch_size=20", "--epochs=4", "--learning_rate=0.03", "--verbose=0", "--seed=5"),
    "--validation_split=0.1",
)

Entity = tuple[int, int, str]


def sentence(draw: random.Random) -> tuple[str, list[Entity]]:
    """A text with a person and a town, and where these stand."""
    person = draw.choice(SURNAMES) + "".join(draw.choices(GIVEN, k=draw.choice((1, 2))))
    town = draw.choice(TOWNS)
    text = draw.choice(FRAMES).format(p=person, t=town)
    found = ((person, "PER"), (town, "LOC"))
    spans = [(text.index(name), text.index(name) + len(name), label) for name, label in found]
    return text, sorted(spans)


def files(folder: Path, count: int, seed: int) -> tuple[Path, Path]:
    """The same sentences as CoNLL, a character a line, and as documents with spans."""
    draw = random.Random(seed)
    blocks, lines = [], []
    for number in range(count):
        text, spans = sentence(draw)
        tags = ["O"] * len(text)
        for start, end, label in spans:
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
        blocks.append("\n".join(f"{word}\t{tag}" for word, tag in zip(text, tags, strict=True)))
        entities = [{"start": a, "end": b, "label": label} for a, b, label in spans]
        lines.append(json.dumps({"id": str(number), "text": text, "entities": entities}))
    conll, documents = folder / f"{seed}.conll", folder / f"{seed}.jsonl"
    conll.write_text("\n\n".join(blocks) + "\n")
    documents.write_text("\n".join(lines) + "\n")
    return conll, documents


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_f1_from_raw_text_is_that_from_characters(tmp_path: Path) -> None:
    """On sentences that training never saw, most of whose entities the model finds."""
    labelled, _ = files(tmp_path, 160, seed=1)
    conll, documents = files(tmp_path, 80, seed=2)
    model = tmp_path / "model"
    assert train([f"--train={labelled}", "--language=zh", f"--output={model}", *SMALL]) == 0
    segmentation = load_artifact(read_files(model), "model").segmentation
    assert (segmentation.language, segmentation.characters) == ("zh", True)
    assert "into characters, each of them a token" in (model / "MODEL_CARD.md").read_text()

    f1 = {}
    for data in (conll, documents):
        scores = tmp_path / "scores.json"
        assert evaluate([f"--model={model}", f"--data={data}", f"--json={scores}"]) == 0
        f1[data.suffix] = json.loads(scores.read_text())["micro"]["f1"]
    assert f1[".conll"] > 0.5
    assert f1[".jsonl"] == pytest.approx(f1[".conll"], abs=0.01)


def test_words_of_several_characters_are_cut_and_this_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "words.conll"
    words = "王芳 B-PER\n搬到 O\n了 O\n拉萨 B-LOC\n。 O\n"
    path.write_text("\n".join([words] * 30))
    dev, _ = files(tmp_path, 20, seed=3)
    assert train([f"--train={path}", f"--dev={dev}", "--check", "--language=ZH"]) == 0
    report = capsys.readouterr().out
    assert "and scripts without blanks into characters" in report
    assert "90 of 150 words of train (60.0%) are several characters of scripts without" in report

    flags = training_parser().parse([f"--train={path}", f"--dev={path}"])
    assert read_parts(flags).report.train.tokens == 30 * 8


def test_other_text_is_cut_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "latin.conll"
    path.write_text("\n".join(["Ana B-PER\nsaw O\nOslo B-LOC\n"] * 30))
    flags = training_parser().parse([f"--train={path}", f"--dev={path}"])
    assert not read_parts(flags).segmentation.characters
