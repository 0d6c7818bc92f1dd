"""Archives of pretrained models, with random weights."""

import json
from pathlib import Path
from typing import Any, Dict, Optional

import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model

import luke_allennlp.pretraining.model
import luke_allennlp.pretraining.predictor
import luke_allennlp.pretraining.reader
import luke_allennlp.training  # noqa: F401

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TITLES = ["[PAD]", "[UNK]", "[MASK]", "Orsa", "Marlow", "Tavin Lake", "Zoë Rask"]


def write_vocabulary(path: Path, titles: Any = TITLES) -> Path:
    """In the form that a dataset has it in: without `[MASK2]`."""
    lines = [{"id": i, "entities": [[title, None]], "count": 0} for i, title in enumerate(titles)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def config(
    start: str,
    vocabulary: Optional[str],
    model: Optional[Dict[str, Any]] = None,
    embedder: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """What a training's config says of reader and model."""
    return {
        "dataset_reader": {
            "type": "luke_pretraining",
            "tokenizer": {"type": "luke", "model_name": start},
            "entity_vocabulary": vocabulary,
        },
        "model": {
            "type": "luke_pretraining",
            "embedder": {
                "type": "luke",
                "model_name": start,
                "entity_aware_attention": False,
                "entity_vocabulary": vocabulary,
                **(embedder or {}),
            },
            **(model or {}),
        },
    }


def make_model(values: Dict[str, Any], noise: float = 0.05) -> Model:
    """Untrained, but with weights, biases too, that tell inputs apart."""
    torch.manual_seed(7)
    made = Model.from_params(Params(json.loads(json.dumps(values["model"]))), vocab=Vocabulary.empty())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape) * noise)
    return made.eval()


def write_archive(directory: Path, values: Dict[str, Any], model: Model) -> Path:
    """As `allennlp train` leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(values))
    model.vocab.save_to_files(str(directory / "vocabulary"))
    torch.save(model.state_dict(), directory / "weights.th")
    archive_model(directory, weights="weights.th", include_in_archive=values.get("include_in_archive"))
    (directory / "weights.th").unlink()
    return directory / "model.tar.gz"
