"""Takes tasks as Label Studio's own SDK does, and exports them: `... TASKS FOLDER LABEL ...`.

Runs in the environment of .ci/labelling.lock. Of each task the prediction is what the person sends
back unchanged; FOLDER receives the exports `JSON`, `JSON_MIN` and `CONLL2003`.
"""

import json
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface


def main(tasks_file: str, folder: str, *labels: str) -> None:
    """Check every task against the project's configuration, and export all."""
    tasks = json.loads(Path(tasks_file).read_text("utf-8"))
    choices = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    config = (
        f'<View><Labels name="label" toName="text">{choices}</Labels>'
        '<Text name="text" value="$text"/></View>'
    )
    interface = LabelInterface(config)
    interface.validate()
    answered = []
    for number, task in enumerate(tasks, 1):
        if not interface.validate_task({"data": task["data"]}):
            sys.exit(f"task {number} does not fit the configuration")
        (prediction,) = task["predictions"]
        errors = interface.validate_prediction(prediction, return_errors=True)
        if errors:
            sys.exit(f"the prediction of task {number}: {errors}")
        annotation = {
            "id": number,
            "completed_by": {"id": 1, "email": "ana"},
            "result": prediction["result"],
            "was_cancelled": False,
        }
        answered.append({"id": number, "data": task["data"], "annotations": [annotation]})
    place = Path(folder)
    place.mkdir()
    (place / "answered.json").write_text(json.dumps(answered), "utf-8")
    converter = Converter(config, project_dir=None)
    for name in ("JSON", "JSON_MIN", "CONLL2003"):
        converter.convert(str(place / "answered.json"), str(place / name), name, is_dir=False)
    print(f"export_from_label_studio: {len(tasks):,} tasks taken and exported")


if __name__ == "__main__":
    main(*sys.argv[1:])
