"""The LUKE encoder: loaded from a checkpoint, and as AllenNLP's `TokenEmbedder`."""

from luke_allennlp.token_embedders.encoder_loading import load_encoder
from luke_allennlp.token_embedders.luke_embedder import LukeEmbedder, states_at

__all__ = ["LukeEmbedder", "load_encoder", "states_at"]
