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

from luke_allennlp.data.sparse_label_field import IGNORED_LABEL
from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.ner.decoding import predicted_candidates
from luke_allennlp.tasks.ner.metric import ChunkPrediction, NerMetric
from luke_allennlp.tasks.ner.reader import NIL
from luke_allennlp.token_embedders import states_at


@Model.register("luke_ner")
class NerModel(TaskModel):
    """
    Registered as a `Model` with name "luke_ner".

    Classifies every candidate span as one of the entity types or none: the states of its first and last word
    and of its entity, dropout, a linear layer (Yamada et al., EMNLP 2020, section 4.3).

    # Parameters

    vocab : `Vocabulary`
    embedder : `TokenEmbedder`
        "luke". Without the entity state, any embedder of sub-words will do, such as "pretrained_transformer".
    dropout : `float`, optional (default = `None`)
        Before the linear layer; by default that of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        If false, there are no entities in the input and only the words' states decide: the paper's Table 6,
        "without entity inputs", and the word-only baselines.
    use_word_states : `bool`, optional (default = `True`)
        If false, only the entity's state decides.
    flat : `bool`, optional (default = `True`)
        Entities do not overlap: the most certain come first. If false, all candidates that the classifier
        takes for entities are entities, nested ones included.
    paper_compatible : `bool`, optional (default = `False`)
        Also report the original system's scores, see `NerMetric`.
    label_namespace : `str`, optional (default = `"labels"`)
        Of the vocabulary.
    initializer : `InitializerApplicator`, optional (default = `None`)
        Of the linear layer, which by default is drawn as the encoder's are: normal with its standard
        deviation, bias 0.

    # Raises

    `ConfigurationError`
        The options leave nothing to classify with, or the embedder knows no entities, or the labels lack
        "NIL".
    """

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
        self.classifier = self.head(
            embedder.get_output_dim() * (2 * use_word_states + use_entity_state),
            vocab.get_vocab_size(label_namespace),
        )
        self._metric = NerMetric(flat=flat, paper_compatible=paper_compatible)
        self._flat = flat
        if initializer is not None:
            initializer(self)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        names = list(
            NerMetric(paper_compatible=options.get("paper_compatible", False)).get_metric(reset=True)
        )
        # Those of the types.
        return [*names, *(f"{name}_*" for name in ("precision", "recall", "f1"))]

    def forward(
        self,
        words: TextFieldTensors,
        entities: Dict[str, Tensor],
        metadata: Optional[List[Dict[str, Any]]] = None,
        labels: Optional[Tensor] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Of a `SubwordField`: `{"tokens": {"token_ids", "mask", "type_ids"}}`, each of shape (batch,
            words).
        entities : `Dict[str, Tensor]`
            Of an `EntityField`: the candidates. `entity_ids` and `entity_mask` have shape (batch,
            candidates), `entity_spans` (batch, candidates, 2): first and last word, inclusive.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            Of the reader; needed for the metric and for `make_output_human_readable`.
        labels : `Tensor`, optional (default = `None`)
            Shape: (batch, candidates). Padding is -100.

        # Returns

        `Dict[str, Any]`
            `logits`, shape (batch, candidates, labels); outside of training `predictions`, for each instance
            the candidates that are predicted to be entities as dictionaries of `start`, `end` (words of the
            sentence, end exclusive), `label`, `logit`, `score` (its probability); with labels the `loss`, the
            mean cross-entropy over the candidates of the batch.
        """
        mask = entities["entity_mask"]
        # Shape: (batch, candidates, features)
        features = self._features(words, entities)
        # Shape: (batch, candidates, labels)
        logits = self.classifier(self.dropout(features))
        output: Dict[str, Any] = {"logits": logits}
        if labels is not None:
            # In float32 at least; a sum and a count, as a batch may be without any candidate.
            scores = in_float32(logits).flatten(0, 1)
            total = F.cross_entropy(scores, labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum")
            output["loss"] = total / (labels != IGNORED_LABEL).sum().clamp(min=1)
        if not self.training and metadata is not None:
            output["predictions"] = self._predictions(logits, mask, metadata)
            if labels is not None:
                self._metric(
                    [
                        _chunk(data, entities)
                        for data, entities in zip(metadata, output["predictions"], strict=True)
                    ]
                )
        return output

    def _features(self, words: TextFieldTensors, entities: Dict[str, Tensor]) -> Tensor:
        word_states, entity_states = self.states(words, entities)
        features = []
        if self.use_word_states:
            spans = entities["entity_spans"].clamp(min=0)
            features = [states_at(word_states, spans[..., side]) for side in (0, 1)]
        if entity_states is not None:
            features.append(entity_states)
        return torch.cat(features, dim=-1)

    def _predictions(
        self, logits: Tensor, mask: Tensor, metadata: List[Dict[str, Any]]
    ) -> List[List[Dict[str, Any]]]:
        names = self.vocab.get_index_to_token_vocabulary(self.label_namespace)
        result = []
        for data, predicted in zip(
            metadata, predicted_candidates(logits, mask, self._nil_index), strict=True
        ):
            found = []
            for candidate, label, logit, probability in predicted:
                start, end = data["candidates"][candidate].tolist()
                found.append(
                    {"start": start, "end": end, "label": names[label], "logit": logit, "score": probability}
                )
            result.append(found)
        return result

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Leaves the predictions; the logits of all candidates say nothing to a reader."""
        return {"predictions": output_dict["predictions"]}

    @property
    def flat(self) -> bool:
        """Whether predicted entities may not overlap."""
        return self._flat

    default_predictor = "luke_ner"


def _chunk(metadata: Dict[str, Any], predictions: List[Dict[str, Any]]) -> ChunkPrediction:
    return ChunkPrediction(
        document=metadata["document"],
        document_index=metadata["document_index"],
        sentence=metadata["sentence"],
        chunk=metadata["chunk"],
        num_chunks=metadata["num_chunks"],
        num_words=len(metadata["words"]),
        gold=metadata["gold"],
        unaligned=metadata["unaligned"],
        predictions=[
            (entity["start"], entity["end"], entity["label"], entity["logit"]) for entity in predictions
        ],
    )
