"""Subcommands of `allennlp`."""

from luke_allennlp.commands.build_link_database import BuildLinkDatabase
from luke_allennlp.commands.entity_vocab import EntityVocab
from luke_allennlp.commands.export_checkpoint import ExportCheckpoint
from luke_allennlp.commands.import_checkpoint import ImportCheckpoint
from luke_allennlp.commands.show_entities import ShowEntities

__all__ = ["BuildLinkDatabase", "EntityVocab", "ExportCheckpoint", "ImportCheckpoint", "ShowEntities"]
