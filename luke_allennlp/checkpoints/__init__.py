"""Weights in: checkpoints in Hugging Face's layout."""

from luke_allennlp.checkpoints.loader import freeze_entity_side, load_encoder

__all__ = ["freeze_entity_side", "load_encoder"]
