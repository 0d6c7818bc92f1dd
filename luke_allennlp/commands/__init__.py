"""Subcommands of `allennlp`."""

from luke_allennlp.commands.build_link_database import BuildLinkDatabase
from luke_allennlp.commands.entity_vocab import EntityVocab
from luke_allennlp.commands.export_checkpoint import ExportCheckpoint
from luke_allennlp.commands.import_checkpoint import ImportCheckpoint
from luke_allennlp.commands.pretraining_dataset import PretrainingDatasetCommand
from luke_allennlp.commands.show_entities import ShowEntities
from luke_allennlp.commands.wikipedia_entity_vocab import WikipediaEntityVocab
from luke_allennlp.commands.wikipedia_extract import WikipediaExtract
from luke_allennlp.commands.wikipedia_link_db import WikipediaLinkDb
from luke_allennlp.commands.wikipedia_mention_db import WikipediaMentionDb
from luke_allennlp.commands.wikipedia_redirects import WikipediaRedirects

__all__ = [
    "BuildLinkDatabase",
    "EntityVocab",
    "ExportCheckpoint",
    "ImportCheckpoint",
    "PretrainingDatasetCommand",
    "ShowEntities",
    "WikipediaEntityVocab",
    "WikipediaExtract",
    "WikipediaLinkDb",
    "WikipediaMentionDb",
    "WikipediaRedirects",
]
