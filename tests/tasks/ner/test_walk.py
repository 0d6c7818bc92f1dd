"""A batch of NER from the file to the loss: through few files, and only downwards."""

import sys
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, List, Set, Tuple

from allennlp.data.batch import Batch

import luke_allennlp
from tests.tasks.support import make_model, make_reader

PACKAGE = Path(luke_allennlp.__file__).parent

WALK = (
    "tasks/base/reader.py",
    "tasks/ner/reader.py",
    "tasks/ner/forms/__init__.py",
    "tasks/ner/forms/columns.py",
    "tasks/ner/tag_schemes.py",
    "data/word_tokenizer.py",
    "data/fields.py",
    "tasks/base/model.py",
    "tasks/ner/model.py",
    "token_embedders/luke_embedder.py",
    "modules/encoder.py",
    "modules/layer.py",
)
"""The files that run, except the helpers in `common/`. A task's class and its base class call each other."""

LAYERS = ("tasks", "token_embedders", "data", "modules", "common")


class Trace:
    """Which files of this package run, and which of them call which, directly or through others' code."""

    def __init__(self) -> None:
        self.files: Set[str] = set()
        self.calls: Set[Tuple[str, str]] = set()

    def __enter__(self) -> "Trace":
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(None)

    def _on_event(self, frame: FrameType, event: str, _: Any) -> None:
        name = _name(frame.f_code.co_filename)
        if event != "call" or not name:
            return
        self.files.add(name)
        caller = frame.f_back
        while caller is not None and not _name(caller.f_code.co_filename):
            caller = caller.f_back
        self.calls.add((_name(caller.f_code.co_filename) if caller else name, name))


@lru_cache(maxsize=None)
def _name(path: str) -> str:
    return str(Path(path).relative_to(PACKAGE)) if path.startswith(f"{PACKAGE}/") else ""


def test_from_the_file_to_the_loss(fixtures_dir: Path) -> None:
    reader, model = make_reader("luke_ner"), make_model("luke_ner")
    with Trace() as trace:
        batch = Batch(list(reader.read(str(fixtures_dir / "ner" / "test.conll")))[:4])
        batch.index_instances(model.vocab)
        loss = model(**batch.as_tensor_dict())["loss"]
    assert loss.requires_grad

    ours = {file for file in trace.files if not file.startswith("common/")}
    assert ours == set(WALK)
    assert len(ours) <= 12
    upwards: List[Tuple[str, str]] = [
        (caller, called)
        for caller, called in trace.calls
        if LAYERS.index(caller.split("/")[0]) > LAYERS.index(called.split("/")[0])
    ]
    assert not upwards
    # Within the task: reader and model call everything else, which calls neither of them back.
    order = [file for file in WALK if file.startswith("tasks/ner/") and file != "tasks/ner/model.py"]
    for caller, called in trace.calls:
        if caller in order and called in order:
            assert order.index(caller) <= order.index(called), (caller, called)
