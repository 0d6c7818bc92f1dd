"""A batch of NER from the file to the loss: through few files, and only downwards."""

import sys
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, Iterator, Set, Tuple

from allennlp.data.batch import Batch

import luke_allennlp
from tests.tasks.support import make_model, make_reader

PACKAGE = Path(luke_allennlp.__file__).parent

WALK = (
    "tasks/base/reader.py",
    "tasks/base/counts.py",
    "tasks/ner/reader.py",
    "tasks/ner/forms/__init__.py",
    "tasks/ner/forms/columns.py",
    "tasks/ner/tag_schemes.py",
    "data/word_tokenizer.py",
    "data/punctuation.py",
    "data/fields.py",
    "tasks/base/model.py",
    "tasks/ner/model.py",
    "token_embedders/luke_embedder.py",
    "modules/encoder.py",
    "modules/packing.py",
    "modules/layer.py",
    "modules/packed_attention.py",
    "modules/grouped_attention.py",
    "modules/attention_kernels.py",
)
"""The files that run, except the helpers in `common/`. A task's class and its base class call each other."""

LAYERS = ("tasks", "token_embedders", "data", "modules", "common")


@lru_cache(maxsize=None)
def name_of(path: str) -> str:
    return str(Path(path).relative_to(PACKAGE)) if path.startswith(f"{PACKAGE}/") else ""


@contextmanager
def traced() -> Iterator[Set[Tuple[str, str]]]:
    """Which files of this package call which, directly or through others' code."""
    calls: Set[Tuple[str, str]] = set()

    def on_event(frame: FrameType, event: str, _: Any) -> None:
        called, caller = name_of(frame.f_code.co_filename), frame.f_back
        if event == "call" and called:
            while caller is not None and not name_of(caller.f_code.co_filename):
                caller = caller.f_back
            calls.add((name_of(caller.f_code.co_filename) if caller else called, called))

    sys.setprofile(on_event)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def test_from_the_file_to_the_loss(fixtures_dir: Path) -> None:
    reader, model = make_reader("luke_ner"), make_model("luke_ner")
    with traced() as calls:
        batch = Batch(list(reader.read(str(fixtures_dir / "ner" / "test.conll")))[:4])
        batch.index_instances(model.vocab)
        loss = model(**batch.as_tensor_dict())["loss"]
    assert loss.requires_grad

    ours = {called for _, called in calls if not called.startswith("common/")}
    assert ours == set(WALK)
    upwards = [
        (caller, called)
        for caller, called in calls
        if LAYERS.index(caller.split("/")[0]) > LAYERS.index(called.split("/")[0])
    ]
    assert upwards == []
    # Within the task: reader and model call everything else, which calls neither of them back.
    order = [file for file in WALK if file.startswith("tasks/ner/") and file != "tasks/ner/model.py"]
    for caller, called in calls:
        if caller in order and called in order:
            assert order.index(caller) <= order.index(called), (caller, called)
