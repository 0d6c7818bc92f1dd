"""Small trainings for tests: tiny-roberta, on a dataset of random sequences."""

from pathlib import Path
from typing import Any, Dict, Optional

import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.training import Trainer

from luke_allennlp.pretraining.loader import PretrainingDataLoader
from luke_allennlp.pretraining.model import LukePretrainingModel
from luke_allennlp.token_embedders import LukeEmbedder
from luke_allennlp.training.trainer import LukeTrainer
from tests.pretraining.datasets import FIXTURES, random_sequences, write_dataset

OPTIMIZER: Dict[str, Any] = {
    "type": "fused_adamw",
    "lr": 1e-3,
    "correct_bias": False,
    "parameter_groups": [[["bias", "LayerNorm\\.weight"], {"weight_decay": 0}]],
}


def make_dataset(path: Path) -> Path:
    """52 sequences to train on: 7 steps of 8, the last of which is smaller."""
    return write_dataset(path, [random_sequences(30, 1), random_sequences(22, 2)], [random_sequences(9, 3)])


def make_trainer(
    dataset: Path,
    run: Path,
    num_steps: int = 10,
    max_tokens: int = 150,
    dropout: Optional[float] = None,
    train_only_new: bool = False,
    global_batch_size: int = 8,
    seed: int = 0,
    validates: bool = True,
    **options: Any,
) -> LukeTrainer:
    torch.manual_seed(seed)
    embedder = LukeEmbedder(
        str(FIXTURES / "tiny-roberta"),
        entity_vocabulary=str(dataset),
        entity_emb_size=16,
        entity_aware_attention=False,
        hidden_dropout=dropout,
        attention_dropout=dropout,
    )
    model = LukePretrainingModel(Vocabulary(), embedder, train_only_new=train_only_new)
    loaders = {
        name: PretrainingDataLoader(
            None,
            str(dataset),
            split=split,
            global_batch_size=global_batch_size,
            max_tokens=max_tokens,
            shuffle=split == "train",
        )
        for name, split in (("data_loader", "train"), ("validation_data_loader", "validation"))
    }
    if not validates:
        del loaders["validation_data_loader"]
    params = {
        "type": "luke",
        "num_steps": num_steps,
        "cuda_device": -1,
        "optimizer": dict(OPTIMIZER),
        "learning_rate_scheduler": {"type": "linear_with_warmup_ratio", "warmup_steps": 2},
        "checkpointer": {"save_every_num_steps": 4},
        "log_every": 2,
        **options,
    }
    trainer = Trainer.from_params(Params(params), model=model, serialization_dir=str(run), **loaders)
    assert isinstance(trainer, LukeTrainer)
    return trainer


def weights(trainer: LukeTrainer) -> Dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def assert_equal(found: Dict[str, torch.Tensor], expected: Dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert not [name for name in found if not torch.equal(found[name], expected[name])]
