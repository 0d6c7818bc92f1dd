"""
The published fine-tuned checkpoints, imported and evaluated: for machines that reach the hub and have the
datasets below $LUKE_DATA.
"""

import os
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.models import load_archive
from allennlp.training.util import evaluate

from luke_allennlp.data.tokenizer_files import tokenizer_files
from luke_allennlp.exchange import import_checkpoint

# Scores of the model cards and notebooks: exact figures depend on preprocessing, which differs a little from
# ours.
PUBLISHED: Dict[str, Any] = {
    "studio-ousia/luke-large-finetuned-conll-2003": ("conll2003/eng.testb", {"f1": 0.946}, 0.006),
    "studio-ousia/luke-large-finetuned-open-entity": ("open_entity/test.json", {"f1": 0.7816}, 0.01),
    # English, and RELX's Spanish test set, which is in the form of KBP37.
    "studio-ousia/mluke-large-lite-finetuned-conll-2003": ("conll2003/eng.testb", {"f1": 0.941}, 0.006),
    "studio-ousia/mluke-large-lite-finetuned-kbp37": (
        "relx/RELX_es.txt",
        {"accuracy": 0.651, "f1": 0.684},
        1e-2,
    ),
    "studio-ousia/luke-large-finetuned-tacred": ("tacred/test.json", {"f1": 0.7266, "accuracy": 0.888}, 0.01),
}


@pytest.mark.hub
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_scores(name: str, tmp_path: Path) -> None:
    file, scores, tolerance = PUBLISHED[name]
    data = Path(os.environ.get("LUKE_DATA", "data")) / file
    if not data.is_file():
        pytest.skip(f"{data} is not there; set LUKE_DATA to the directory of the datasets")
    try:
        if not tokenizer_files(name):
            pytest.skip(f"{name} has a SentencePiece file alone: save its fast tokenizer beside it first")
    except ConfigurationError as error:
        pytest.skip(str(error))
    archive = load_archive(import_checkpoint(name, str(tmp_path / "imported"), lite=True))
    loader = DataLoader.from_params(
        Params({"batch_size": 16}), reader=archive.validation_dataset_reader, data_path=str(data)
    )
    loader.index_with(archive.model.vocab)
    metrics = evaluate(archive.model, loader)
    for score, value in scores.items():
        assert metrics[score] == pytest.approx(value, abs=tolerance)
