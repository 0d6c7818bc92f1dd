"""Named entity recognition as the classification of spans: the model."""

from typing import Any, Dict, List, Mapping, Optional

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn import InitializerApplicator
from overrides import overrides
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.data.fields import IGNORED_LABEL
from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.ner.examples import NIL
from luke_allennlp.tasks.ner.metric import NerMetric, SentencePrediction


@Model.register("luke_ner")
class NerModel(TaskModel):
    """
    Registered as a `Model` with name "luke_ner".

    Classifies every candidate span as one of the entity types or none, from the states of its first and last
    token and of its entity: dropout, and a linear layer (Yamada et al., EMNLP 2020, section 4.3).

    # Parameters

    vocab : `Vocabulary`
    embedder : `TokenEmbedder`
        Of type "luke". Without the entity state, any embedder of sub-word tokens will do, such as
        "pretrained_transformer".
    dropout : `float`, optional (default = `None`)
        Before the linear layer; by default the dropout of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        If false, the input has no entities, and only the states of tokens decide: the paper's Table 6,
        "without entity inputs", and the word-only baselines.
    use_word_states : `bool`, optional (default = `True`)
        If false, only the entity's state decides.
    flat : `bool`, optional (default = `True`)
        Entities do not overlap: the most certain ones win. If false, all candidates that are classified as
        entities are kept, nested ones included.
    paper_compatible : `bool`, optional (default = `False`)
        Also report the original system's scores, see `NerMetric`.
    label_namespace : `str`, optional (default = `"labels"`)
        Of the vocabulary.
    initializer : `InitializerApplicator`, optional (default = `None`)
        By default the linear layer is initialized as the encoder's: normal with the same standard deviation,
        bias 0.

    # Raises

    `ConfigurationError`
        The options leave nothing to classify, the embedder has no entities, or the labels lack "NIL".
    """

    default_predictor = "luke_ner"
    span_ends = (0, 1)

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: Optional[float] = None,
        use_entity_state: bool = True,
        use_word_states: bool = True,
        flat: bool = True,
        paper_compatible: bool = False,
        label_namespace: str = "labels",
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, embedder, dropout, use_entity_state, use_word_states, **kwargs)
        self.check_labels(label_namespace, NIL, "luke_ner")
        self.label_namespace = label_namespace
        self._nil_index = vocab.get_token_index(NIL, label_namespace)
        self.classifier = self.head(self.span_feature_size, vocab.get_vocab_size(label_namespace))
        self._metric = NerMetric(flat=flat, paper_compatible=paper_compatible)
        self.flat = flat
        self.initialise(initializer)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        metric = NerMetric(paper_compatible=options.get("paper_compatible", False))
        # By type as well.
        return [*metric.get_metric(reset=True), "precision_*", "recall_*", "f1_*"]

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
            Of a `SubwordField`. Shapes: (batch, tokens).
        entities : `Dict[str, Tensor]`
            Of an `EntityField`, the candidates: `entity_ids` and `entity_mask` (batch, candidates),
            `entity_spans` (batch, candidates, 2): first and last token, inclusive.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            Of the reader; needed for the metric and for `make_output_human_readable`.
        labels : `Tensor`, optional (default = `None`)
            -100 for padding. Shape: (batch, candidates).
        loss_weights : `Tensor`, optional (default = `None`)
            Of the trainer: the weight of each prediction of an instance in the loss. Shape: (batch,).

        # Returns

        `Dict[str, Any]`
            `logits`, shape (batch, candidates, labels); except in training `predictions`, for each instance
            the candidates that are predicted to be entities, with `start`, `end` (words of the sentence, end
            exclusive), `label`, `logit` and `score` (its probability); with labels the `loss`, the mean
            cross-entropy over the candidates of the batch.
        """
        # Shape: (batch, candidates, labels)
        logits = self.classifier(self.dropout(self.span_features(words, entities)))
        output: Dict[str, Any] = {"logits": logits}
        if labels is not None:
            scores = in_float32(logits).flatten(0, 1)
            losses = F.cross_entropy(scores, labels.flatten(), ignore_index=IGNORED_LABEL, reduction="none")
            output["loss"] = self.mean_loss(losses.view_as(labels), labels != IGNORED_LABEL, loss_weights)
        if not self.training and metadata is not None:
            output["predictions"] = self._predictions(logits, entities["entity_mask"], metadata)
            if labels is not None:
                predictions = map(_sentence_prediction, metadata, output["predictions"])
                self._metric((prediction.key, prediction) for prediction in predictions)
        return output

    @torch.no_grad()
    def _predictions(
        self, logits: Tensor, mask: Tensor, metadata: List[Dict[str, Any]]
    ) -> List[List[Dict[str, Any]]]:
        """The candidates whose best label is not NIL. Only these leave the device, in one transfer."""
        scores = logits.float()
        # Shape (both): (batch, candidates)
        best, labels = scores.max(dim=-1)
        probabilities = (best - scores.logsumexp(dim=-1)).exp()
        # Shape (both): (predicted,)
        chosen = torch.nonzero(mask.bool() & (labels != self._nil_index), as_tuple=True)
        # Indices can travel with the scores: float32 holds integers up to 2^24 exactly.
        columns = [*chosen, labels[chosen], best[chosen], probabilities[chosen]]
        # Shape: (predicted, 5)
        rows = torch.stack([column.float() for column in columns], dim=-1)
        names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
        result: List[List[Dict[str, Any]]] = [[] for _ in metadata]
        for instance, candidate, label, logit, probability in rows.tolist():
            start, end = metadata[int(instance)]["candidates"][int(candidate)].tolist()
            result[int(instance)].append(
                {"start": start, "end": end, "label": names[int(label)], "logit": logit, "score": probability}
            )
        return result

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Keeps the predictions and drops the logits of all candidates."""
        return {"predictions": output_dict["predictions"]}


def _sentence_prediction(metadata: Dict[str, Any], predictions: List[Dict[str, Any]]) -> SentencePrediction:
    names = ("document_index", "document", "sentence", "num_chunks", "gold", "unaligned")
    found = [(entity["start"], entity["end"], entity["label"], entity["logit"]) for entity in predictions]
    return SentencePrediction(
        **{name: metadata[name] for name in names},
        num_words=len(metadata["words"]),
        predictions={metadata["chunk"]: found},
    )
