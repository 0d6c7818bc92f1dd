"""Weights in: checkpoints in Hugging Face's layout."""

from luke_allennlp.checkpoints.loader import load_encoder

__all__ = ["load_encoder"]
