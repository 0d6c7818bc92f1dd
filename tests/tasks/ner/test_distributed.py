"""Training in two processes: the scores are those of one."""

import json
from pathlib import Path
from typing import List

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model_from_file

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader

# The weights stay almost as they are, and a classifier that is drawn so wildly finds entities everywhere.
CONFIG = """
local experiment = (import '%(lib)s') + {
  model_name:: '%(model)s',
  train_data:: '%(train)s',
  validation_data:: '%(validation)s',
  test_data:: '%(validation)s',
  devices:: [-1, -1],
  loss_batch_size:: 1,
  evaluation_batch_size:: 3,
  effective_batch_size:: 2,
  learning_rate:: 1e-9,
  num_epochs:: 1,
  paper_compatible:: true,
  reader_options:: { max_length: 64, max_span_length: 3, max_entities: %(max_entities)s },
};
experiment + { model+: { initializer: { regexes: [['classifier.weight', { type: 'normal', std: 3 }]] } } }
"""

# A word that is too long to be a candidate, so that a process gets a batch without any.
LONG = "xq" * 30


@pytest.mark.slow
def test_scores_equal_those_of_one_process(fixtures_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    train, validation = tmp_path / "train.conll", fixtures_dir / "ner" / "dev.conll"
    sentences = ["Zoë B-PER\nleft O\n", f"{LONG} B-LOC\n", "Vexford B-LOC\n", "She O\n", "Ruvin B-PER\n"]
    train.write_text("\n".join(sentences), encoding="utf-8")
    model = str(fixtures_dir / "tiny-luke")

    # Chunks of a sentence go to both processes, and the number of chunks is odd.
    def chunks(max_entities: int) -> List[int]:
        options = {"max_length": 64, "max_span_length": 3, "max_entities": max_entities}
        instances = NerReader(WordTokenizer(model), **options).read(str(validation))
        return [instance["metadata"].metadata["num_chunks"] for instance in instances]

    max_entities = next(number for number in range(10, 30) if len(chunks(number)) % 2)
    assert max(chunks(max_entities)) > 2

    config = tmp_path / "config.jsonnet"
    options = {
        "lib": root_dir / "training_configs" / "lib" / "ner.libsonnet",
        "model": model,
        "train": train,
        "validation": validation,
        "max_entities": max_entities,
    }
    config.write_text(CONFIG % options)
    train_model_from_file(config, tmp_path / "run", include_package=["luke_allennlp"])

    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    expected = evaluate_from_archive(str(tmp_path / "run" / "model.tar.gz"), str(validation))
    expected.pop("loss")
    assert expected["f1"] > 0 and expected["recall"] < 1
    assert {"paper_f1", "f1_PER", "recall_MISC"} <= set(expected)
    for prefix in ("validation", "best_validation", "test"):
        found = {name: metrics[f"{prefix}_{name}"] for name in expected}
        assert found == expected, prefix
