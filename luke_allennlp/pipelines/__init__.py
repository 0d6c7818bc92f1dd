"""Trained models from Python: loading, predicting, training and evaluating, the same for all tasks."""

from luke_allennlp.pipelines.cloze_qa import ClozeQaPipeline
from luke_allennlp.pipelines.entity_typing import EntityTypingPipeline
from luke_allennlp.pipelines.evaluating import evaluate
from luke_allennlp.pipelines.loading import load
from luke_allennlp.pipelines.ner import NerPipeline
from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.reading_comprehension import ReadingComprehensionPipeline
from luke_allennlp.pipelines.relation_classification import RelationClassificationPipeline
from luke_allennlp.pipelines.results import Answer, Entity, EntityType, Mention, Relation
from luke_allennlp.pipelines.run import Run
from luke_allennlp.pipelines.training import train

__all__ = [
    "Answer",
    "ClozeQaPipeline",
    "Entity",
    "EntityType",
    "EntityTypingPipeline",
    "Mention",
    "NerPipeline",
    "Pipeline",
    "ReadingComprehensionPipeline",
    "Relation",
    "RelationClassificationPipeline",
    "Run",
    "evaluate",
    "load",
    "train",
]
