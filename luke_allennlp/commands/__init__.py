"""Subcommands of `allennlp`."""

from luke_allennlp.commands.build_link_database import BuildLinkDatabase
from luke_allennlp.commands.show_entities import ShowEntities

__all__ = ["BuildLinkDatabase", "ShowEntities"]
