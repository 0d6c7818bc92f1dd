"""The LUKE encoder as AllenNLP's `TokenEmbedder`."""

from luke_allennlp.token_embedders.luke_embedder import LukeEmbedder, states_at

__all__ = ["LukeEmbedder", "states_at"]
