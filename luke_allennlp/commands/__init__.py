"""Subcommands of `allennlp`."""

from luke_allennlp.commands.show_entities import ShowEntities

__all__ = ["ShowEntities"]
