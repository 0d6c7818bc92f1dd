"""The shipped configs from training to evaluation and prediction, on the fixtures."""

import json
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.predictors import Predictor

import luke_allennlp.tasks.relation_classification  # noqa: F401
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.relation_classification.reader import RelationReader

pytestmark = pytest.mark.slow

EPOCHS = 18


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        ("tacred", "tacred/train.json", "tacred/test.json"),
        ("tacred_roberta", "tacred/train.json", "tacred/test.json"),
        ("semeval2010_task8", "semeval2010_task8/train.txt", "semeval2010_task8/test.txt"),
        ("kbp37", "kbp37/train.txt", "kbp37/test.txt"),
    ],
)
def test_learns_what_it_is_shown(
    name: str,
    train: str,
    test: str,
    root_dir: Path,
    fixtures_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = "tiny-roberta" if name == "tacred_roberta" else "tiny-luke"
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / tiny))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))
    data = fixtures_dir / "data"
    config = tmp_path / "small.jsonnet"
    # So small a model has nothing to spare for dropout.
    config.write_text(
        f"(import '{root_dir}/training_configs/relation_classification/{name}.jsonnet') + {{\n"
        f"  num_epochs:: {EPOCHS}, learning_rate:: 4e-3, batch_size:: 8, effective_batch_size:: 8,\n"
        "  keep:: 'last', embedder_options:: { hidden_dropout: 0, attention_dropout: 0 },\n"
        "}\n"
    )
    params = Params.from_file(config, json.dumps({"trainer.cuda_device": -1}))
    train_model(params, str(tmp_path / "run"))

    def read(file: str) -> Dict[str, Any]:
        return json.loads((tmp_path / "run" / file).read_text())

    first, last = (read(f"metrics_epoch_{epoch}.json")["training_loss"] for epoch in (0, EPOCHS - 1))
    assert last < 0.05 < 1 < first

    archive = str(tmp_path / "run" / "model.tar.gz")
    scores = evaluate_from_archive(archive, str(data / train))
    assert scores.pop("loss") < 0.05
    semeval = name in ("semeval2010_task8", "kbp37")
    assert set(scores) == {
        f"{prefix}{score}"
        for prefix in ("", "macro_", *(["semeval_"] if semeval else []))
        for score in ("precision", "recall", "f1")
    } | {"accuracy"}
    assert set(scores.values()) == {1.0}
    # The archive scores as the training said.
    metrics = read("metrics.json")
    for score, value in evaluate_from_archive(archive, str(data / test)).items():
        assert value == pytest.approx(metrics[f"test_{score}"], rel=1e-6), score
    assert metrics["test_accuracy"] > 0.3

    predictor = Predictor.from_path(archive)
    reader = RelationReader(WordTokenizer(str(fixtures_dir / tiny), ["[HEAD]", "[TAIL]"]))
    examples = list(reader.read_examples(str(data / train)))
    outputs = predictor.predict_batch_json(
        [{"text": example.text, "head": example.head, "tail": example.tail} for example in examples]
    )
    for example, output in zip(examples, outputs, strict=True):
        assert output["label"] == example.label
        assert output["probability"] > 0.8
        assert spans(output) == (example.head, example.tail)


def spans(output: Dict[str, Any]) -> Tuple[Tuple[int, int], ...]:
    entities = [output[name] for name in ("head", "tail")]
    assert all(output["text"][e["start"] : e["end"]] == e["text"] for e in entities)
    return tuple((entity["start"], entity["end"]) for entity in entities)
