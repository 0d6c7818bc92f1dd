"""Cloze QA: the model."""

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
from luke_allennlp.tasks.cloze_qa.metric import ClozePrediction, ClozeQaMetric


@Model.register("luke_cloze_qa")
class ClozeQaModel(TaskModel):
    """
    Registered as a `Model` with name "luke_cloze_qa".

    Scores every candidate for the placeholder: the states of the placeholder and of the candidate, dropout, a
    linear layer (Yamada et al., EMNLP 2020, section 4.4).

    # Parameters

    embedder : `TokenEmbedder`
        "luke", with `entities: ["[PAD]", "[MASK]"]` and the tokenizer's marker tokens as pairs. Without the
        entity states, any embedder of tokens that knows the markers will do.
    dropout : `float`, optional (default = `None`)
        Before the linear layer; by default that of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        If false, there are no entities in the input: the word-only baseline.
    use_word_states : `bool`, optional (default = `False`)
        If true, use the states of the placeholder's marker and of each candidate's first marker.
    initializer : `InitializerApplicator`, optional (default = `None`)
        For the linear layer, by default initialized like the encoder's: normal, bias 0.

    # Raises

    `ConfigurationError`
        No state is used, or the embedder has no entities.
    """

    default_predictor = "luke_cloze_qa"

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: Optional[float] = None,
        use_entity_state: bool = True,
        use_word_states: bool = False,
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, embedder, dropout, use_entity_state, use_word_states, **kwargs)
        self.scorer = self.head(2 * self.span_feature_size, 1)
        self._metric = ClozeQaMetric()
        self.initialise(initializer)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        return list(ClozeQaMetric().get_metric())

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
            Of an `EntityField`: the placeholder, then the candidates. `entity_ids` and `entity_mask` have
            shape (batch, 1 + candidates), `entity_spans` (batch, 1 + candidates, 2): first and last token,
            inclusive.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            From the reader; needed for the metric and for `make_output_human_readable`.
        labels : `Tensor`, optional (default = `None`)
            1 for candidates that are answers, else 0. Shape: (batch, candidates).
        loss_weights : `Tensor`, optional (default = `None`)
            Of the trainer: the weight of each prediction of an instance in the loss. Shape: (batch,).

        # Returns

        `Dict[str, Any]`
            `logits`, shape (batch, candidates), the dtype's minimum for padding; in evaluation `predictions`,
            for each instance its candidates with `start`, `end` (characters of the passage, end exclusive),
            `text`, `logit` and `probability`; with labels the `loss`, the mean binary cross-entropy over the
            candidates of the batch.
        """
        mask = entities["entity_mask"][:, 1:]
        # Shape: (batch, 1 + candidates, features)
        features = self.span_features(words, entities)
        candidates = features[:, 1:]
        # Shape: (batch, candidates, 2 * features)
        pairs = torch.cat([features[:, :1].expand_as(candidates), candidates], dim=-1)
        # Shape: (batch, candidates)
        logits = self.scorer(self.dropout(pairs)).squeeze(-1)
        output: Dict[str, Any] = {"logits": logits.masked_fill(~mask, torch.finfo(logits.dtype).min)}
        if labels is not None:
            scores = in_float32(logits)
            losses = F.binary_cross_entropy_with_logits(scores, labels.to(scores.dtype), reduction="none")
            output["loss"] = self.mean_loss(losses, mask, loss_weights)
        if not self.training and metadata is not None:
            output["predictions"] = _predictions(in_float32(logits), metadata)
            if labels is not None:
                self._metric(
                    (data["key"], _best(data, predictions))
                    for data, predictions in zip(metadata, output["predictions"], strict=True)
                )
        return output

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Keeps only the predictions."""
        return {"predictions": output_dict["predictions"]}


def _predictions(logits: Tensor, metadata: List[Dict[str, Any]]) -> List[List[Dict[str, Any]]]:
    # One transfer from the device.
    scores = torch.stack([logits, logits.sigmoid()], dim=-1).tolist()
    return [
        [
            {"start": start, "end": end, "text": text, "logit": logit, "probability": probability}
            for (start, end), text, (logit, probability) in zip(
                data["candidates"], data["texts"], row, strict=False
            )
        ]
        for data, row in zip(metadata, scores, strict=True)
    ]


def _best(data: Dict[str, Any], predictions: List[Dict[str, Any]]) -> ClozePrediction:
    gold = tuple(data["answers"])
    if not predictions:
        return ClozePrediction(data["fallback"], float("-inf"), 0, gold)
    # The first of equal ones.
    best = max(predictions, key=lambda candidate: candidate["logit"])
    return ClozePrediction(best["text"], best["logit"], best["start"], gold)
