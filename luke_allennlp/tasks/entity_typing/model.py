"""Entity typing: the model."""

from typing import Any, Dict, List, Mapping, Optional

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn import InitializerApplicator
from overrides import overrides
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.entity_typing.metric import EntityTypingMetric, TypingPrediction


@Model.register("luke_entity_typing")
class EntityTypingModel(TaskModel):
    """
    Registered as a `Model` with name "luke_entity_typing".

    Multi-label classification of a mention: the state of its entity, dropout, a linear layer (Yamada et al.,
    EMNLP 2020, section 4.1).

    # Parameters

    embedder : `TokenEmbedder`
        "luke". Without the entity state, any token embedder works, such as "pretrained_transformer".
    dropout : `float`, optional (default = `None`)
        Before the linear layer; by default that of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        If false, there is no entity in the input.
    use_word_states : `bool`, optional (default = `False`)
        If true, use the state of the marker before the mention: without the entity state, the word-only
        baseline.
    label_namespace : `str`, optional (default = `"labels"`)
        Of the vocabulary.
    initializer : `InitializerApplicator`, optional (default = `None`)
        For the linear layer, by default initialized like the encoder's: normal, bias 0.

    # Raises

    `ConfigurationError`
        No state is used, the embedder has no entities, or there are no labels.
    """

    default_predictor = "luke_entity_typing"

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: Optional[float] = None,
        use_entity_state: bool = True,
        use_word_states: bool = False,
        label_namespace: str = "labels",
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, embedder, dropout, use_entity_state, use_word_states, **kwargs)
        self.check_labels(label_namespace, none_label=None, reader="luke_entity_typing")
        self.label_namespace = label_namespace
        self.classifier = self.head(self.span_feature_size, vocab.get_vocab_size(label_namespace))
        self._metric = EntityTypingMetric()
        self.initialise(initializer)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        return list(EntityTypingMetric().get_metric())

    def forward(
        self,
        words: TextFieldTensors,
        entities: Dict[str, Tensor],
        metadata: Optional[List[Dict[str, Any]]] = None,
        labels: Optional[Tensor] = None,
        loss_weights: Optional[Tensor] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Of a `SubwordField`, each tensor of shape (batch, tokens).
        entities : `Dict[str, Tensor]`
            Of an `EntityField`: the mention. `entity_ids` and `entity_mask` have shape (batch, 1),
            `entity_spans` (batch, 1, 2): first and last token, inclusive.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            From the reader; needed for the metric.
        labels : `Tensor`, optional (default = `None`)
            1 for the types of the mention, else 0. Shape: (batch, labels).
        loss_weights : `Tensor`, optional (default = `None`)
            Of the trainer: the weight of each prediction of an instance in the loss. Shape: (batch,).

        # Returns

        `Dict[str, Any]`
            `logits`, shape (batch, labels), positive for predicted types; with labels the `loss`, the mean
            binary cross-entropy over all mentions and types.
        """
        # Shape: (batch, features)
        features = self.span_features(words, entities).squeeze(1)
        # Shape: (batch, labels)
        logits = self.classifier(self.dropout(features))
        output: Dict[str, Any] = {"logits": logits}
        if labels is not None:
            scores = in_float32(logits)
            losses = F.binary_cross_entropy_with_logits(scores, labels.to(scores.dtype), reduction="none")
            losses = losses.mean(dim=1, keepdim=True)
            output["loss"] = self.mean_loss(losses, torch.ones_like(losses, dtype=torch.bool), loss_weights)
        if not self.training and labels is not None and metadata is not None:
            self._metric(
                (
                    (data["index"], data["where"]),
                    TypingPrediction(frozenset(data["labels"]), frozenset(predicted)),
                )
                for data, predicted in zip(metadata, self._predicted(logits), strict=True)
            )
        return output

    def _predicted(self, logits: Tensor) -> List[List[str]]:
        """For each row the types with a positive logit, most probable first."""
        names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
        order = logits.argsort(dim=-1, descending=True, stable=True).tolist()
        return [
            [names[index] for index in ranked if row[index]]
            for ranked, row in zip(order, (logits > 0).tolist(), strict=True)
        ]

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """`labels`, each mention's predicted types, most probable first; `probabilities` of every type."""
        names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
        logits = output_dict["logits"]
        return {
            "labels": self._predicted(logits),
            "probabilities": [
                {names[index]: probability for index, probability in enumerate(row)}
                for row in torch.sigmoid(in_float32(logits)).tolist()
            ],
        }
