"""Relation classification: the model."""

import logging
from typing import Any, Dict, List, Mapping, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn import InitializerApplicator
from overrides import overrides
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.relation_classification.metric import RelationMetric, RelationPrediction

logger = logging.getLogger(__name__)

_NEGATIVE_LABELS = ("no_relation", "Other")


@Model.register("luke_relation_classification")
class RelationModel(TaskModel):
    """
    Registered as a `Model` with name "luke_relation_classification".

    Classifies the relation between a head and a tail: the concatenated states of their entities, dropout, a
    linear layer (Yamada et al., EMNLP 2020, section 4.2).

    # Parameters

    embedder : `TokenEmbedder`
        "luke", with the entities `["[PAD]", "[MASK]", "[MASK]"]`. Without the entity states, any token
        embedder works, such as "pretrained_transformer".
    dropout : `float`, optional (default = `None`)
        Before the linear layer; by default that of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        If false, there are no entities in the input: the word-only baselines.
    use_word_states : `bool`, optional (default = `False`)
        Whether to use the states of the first `[HEAD]` and the first `[TAIL]` marker.
    classifier_bias : `bool`, optional (default = `False`)
        Whether the linear layer has a bias. The paper's has none; published checkpoints exist of both kinds.
    negative_label : `str`, optional (default = `None`)
        The label for no relation, which micro and macro scores exclude. By default "no_relation" or "Other",
        whichever exists; `""` for none.
    semeval : `bool`, optional (default = `False`)
        Also report the official scores of SemEval-2010 Task 8, see `RelationMetric`.
    label_namespace : `str`, optional (default = `"labels"`)
        As in the reader.
    initializer : `InitializerApplicator`, optional (default = `None`)
        For the linear layer, by default initialized like the encoder's: normal, bias 0.

    # Raises

    `ConfigurationError`
        No state is used, the embedder has no entities or too few, or the labels lack the negative one.
    """

    default_predictor = "luke_relation_classification"

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: Optional[float] = None,
        use_entity_state: bool = True,
        use_word_states: bool = False,
        classifier_bias: bool = False,
        negative_label: Optional[str] = None,
        semeval: bool = False,
        label_namespace: str = "labels",
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, embedder, dropout, use_entity_state, use_word_states, **kwargs)
        if negative_label is None:
            known = vocab.get_token_to_index_vocabulary(label_namespace)
            negative_label = next((label for label in _NEGATIVE_LABELS if label in known), "")
        self.check_labels(label_namespace, negative_label or None, "luke_relation_classification")
        entities: Optional[List[str]] = getattr(embedder, "entities", None)
        if use_entity_state and entities is not None and len(entities) < 3:
            raise ConfigurationError(
                f"The embedder keeps the entities {entities}; expected ['[PAD]', '[MASK]', '[MASK]']: "
                "padding, head and tail."
            )
        if vocab.get_vocab_size(label_namespace) == 1:
            logger.warning(
                "The only relation in the training data is %r: the model cannot predict any other.",
                vocab.get_token_from_index(0, label_namespace),
            )
        self.label_namespace = label_namespace
        self.negative_label = negative_label or None
        self.classifier = self.head(
            2 * self.span_feature_size, vocab.get_vocab_size(label_namespace), bias=classifier_bias
        )
        self._metric = RelationMetric(self.negative_label, semeval)
        self.initialise(initializer)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        return list(RelationMetric(semeval=options.get("semeval", False)).get_metric())

    def forward(
        self,
        words: TextFieldTensors,
        entities: Dict[str, Tensor],
        metadata: Optional[List[Dict[str, Any]]] = None,
        label: Optional[Tensor] = None,
        loss_weights: Optional[Tensor] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Of a `SubwordField`, each tensor of shape (batch, tokens).
        entities : `Dict[str, Tensor]`
            Of an `EntityField`: head and tail. `entity_ids` and `entity_mask` have shape (batch, 2),
            `entity_spans` (batch, 2, 2): first and last token, inclusive.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            From the reader; needed for the metric.
        label : `Tensor`, optional (default = `None`)
            Shape: (batch,).
        loss_weights : `Tensor`, optional (default = `None`)
            Of the trainer: the weight of each prediction of an instance in the loss. Shape: (batch,).

        # Returns

        `Dict[str, Any]`
            `logits`, shape (batch, labels); in evaluation `probabilities` of the same shape; with labels the
            `loss`, the mean cross-entropy.
        """
        # Shape: (batch, 2 * features)
        features = self.span_features(words, entities).flatten(1)
        # Shape: (batch, labels)
        logits = self.classifier(self.dropout(features))
        output: Dict[str, Any] = {"logits": logits}
        if label is not None:
            losses = F.cross_entropy(in_float32(logits), label, reduction="none")[:, None]
            output["loss"] = self.mean_loss(losses, torch.ones_like(losses, dtype=torch.bool), loss_weights)
        if not self.training:
            output["probabilities"] = in_float32(logits).softmax(dim=-1)
            if label is not None and metadata is not None:
                names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
                self._metric(
                    ((data["index"], data["where"]), RelationPrediction(data["label"], names[index]))
                    for data, index in zip(metadata, logits.argmax(dim=-1).tolist(), strict=True)
                )
        return output

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """`label`, its `probability`, and the `probabilities` of all labels, most probable first."""
        names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
        probabilities = []
        for row in output_dict["probabilities"].tolist():
            order = sorted(range(len(row)), key=lambda index: -row[index])
            probabilities.append({names[index]: row[index] for index in order})
        best = [next(iter(scores.items())) for scores in probabilities]
        return {
            "label": [label for label, _ in best],
            "probability": [probability for _, probability in best],
            "probabilities": probabilities,
        }
