"""What keeps a model from being exported is known from its config."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp import console
from allennlp.commands import train
from allennlp.common import Params

from luke_allennlp.exchange.exportability import say_why_not_exportable, why_not_exportable
from tests.conftest import ROOT
from tests.tasks.support import TASKS, config_of

CONFIGS = ROOT / "training_configs"


def shipped(name: str) -> Dict[str, Any]:
    return dict(Params.from_file(CONFIGS / name).as_dict(quiet=True))


@pytest.mark.parametrize(
    "name", sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/*.jsonnet"))
)
def test_shipped_configs(name: str) -> None:
    refused = (
        any(part in name for part in ("no_entities", "_roberta", "crf_tagger")) and "pretraining" not in name
    )
    assert bool(why_not_exportable(shipped(name))) is refused


@pytest.mark.parametrize(
    "task, options, reason",
    [
        (
            "luke_ner",
            {"use_word_states": False},
            "has use_word_states false, so that its head sees other states",
        ),
        ("luke_relation_classification", {"use_word_states": True}, "those with false"),
        (
            "luke_entity_typing",
            {"use_entity_state": False, "use_word_states": True},
            "has use_entity_state false",
        ),
        ("luke_reading_comprehension", {"use_entities": False}, "is a model of words only"),
        ("luke_ner", {"embedder": {"type": "pretrained_transformer"}}, "is a model of words only"),
        ("luke_ner", {"type": "from_archive"}, "is of type 'from_archive'"),
    ],
)
def test_reasons(task: str, options: Dict[str, Any], reason: str) -> None:
    config = config_of(task)
    config["model"].update(options)
    (found,) = why_not_exportable(config)
    assert reason in found


def test_independent_spans() -> None:
    config = config_of("luke_ner")
    config["model"]["embedder"]["span_attention"] = "independent"
    (found,) = why_not_exportable(config)
    assert found.startswith('has span_attention "independent"')


def test_all_tasks_can_be_exported() -> None:
    assert not any(why_not_exportable(config_of(task)) for task in TASKS)
    assert not why_not_exportable({}) and not why_not_exportable({"model": 3})


@pytest.mark.parametrize("name, says", [("ner/conll_roberta", True), ("ner/conll", False)])
def test_train_says_so(name: str, says: bool, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("LUKE_DATA", str(Path("none")))
    monkeypatch.setattr(console, "_silent", False)
    assert say_why_not_exportable in train.run_started
    (tmp_path / "config.json").write_text(json.dumps(shipped(f"{name}.jsonnet")))
    say_why_not_exportable(tmp_path)
    shown = " ".join(capsys.readouterr().out.split())
    assert ("will refuse this model: it is a model of words only" in shown) == says == bool(shown)
