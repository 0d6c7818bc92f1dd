"""Extractive question answering: SQuAD 1.1 and 2.0, with linked entities."""

from luke_allennlp.reading_comprehension.article_links import ArticleLinksEntityLinker
from luke_allennlp.reading_comprehension.entity_linker import (
    EntityLinker,
    NoEntityLinker,
    SpansEntityLinker,
)
from luke_allennlp.reading_comprehension.metric import ReadingComprehensionMetric
from luke_allennlp.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.reading_comprehension.predictor import ReadingComprehensionPredictor
from luke_allennlp.reading_comprehension.reader import ReadingComprehensionReader

__all__ = [
    "ArticleLinksEntityLinker",
    "EntityLinker",
    "NoEntityLinker",
    "ReadingComprehensionMetric",
    "ReadingComprehensionModel",
    "ReadingComprehensionPredictor",
    "ReadingComprehensionReader",
    "SpansEntityLinker",
]
