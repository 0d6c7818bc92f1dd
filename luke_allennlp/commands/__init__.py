"""Subcommands of `allennlp`."""

from luke_allennlp.commands.entity_vocab import EntityVocab
from luke_allennlp.commands.show_entities import ShowEntities

__all__ = ["EntityVocab", "ShowEntities"]
