"""Models in and out: published fine-tuned checkpoints as AllenNLP archives, and archives as checkpoints."""

from luke_allennlp.exchange.exporter import export_checkpoint
from luke_allennlp.exchange.importer import import_checkpoint

__all__ = ["export_checkpoint", "import_checkpoint"]
