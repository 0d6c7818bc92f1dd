"""LUKE with the heads that it is pretrained with."""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder
from overrides import overrides
from torch import Tensor

from luke_allennlp.data.fields import TOKENS_KEY
from luke_allennlp.modules.pretraining_heads import EntityHead, PredictionHead, WordHead
from luke_allennlp.pretraining.load_heads import load_heads
from luke_allennlp.pretraining.metric import PretrainingMetric
from luke_allennlp.tasks.base.model import at_least_one, in_float32
from luke_allennlp.token_embedders import LukeEmbedder

Total = Union[int, Tensor]
# The best rows of a table with their probabilities, for each masked position of each text.
Predicted = List[List[List[Tuple[int, float]]]]


class _Masked(NamedTuple):
    """One task's part of a batch."""

    kind: str
    positions: Optional[Tensor]
    targets: Optional[Tensor]
    total: Optional[Total]

    def given(self) -> Tuple[Tensor, Tensor]:
        if self.positions is None or self.targets is None:
            raise ConfigurationError(
                f"The masked {self.kind} came without their positions or targets; a loss needs both, of "
                "words and, unless the model is of words alone, of entities."
            )
        return self.positions, self.targets

    @property
    def divisor(self) -> Total:
        """At least 1: without positions the loss is 0."""
        if self.total is None:
            return max(1, len(self.given()[1]))
        return self.total.clamp(min=1) if isinstance(self.total, Tensor) else max(1, self.total)


@Model.register("luke_pretraining")
class LukePretrainingModel(Model):
    """
    Registered as a `Model` with name "luke_pretraining".

    Predicts masked words and masked entities (Yamada et al., EMNLP 2020, section 3.3). Each head scores the
    rows of the input's embedding table, for masked positions only.

    # Parameters

    vocab : `Vocabulary`
        Not used: the checkpoint numbers words and entities.
    embedder : `TokenEmbedder`
        "luke", with `entity_vocabulary`, and with `entity_aware_attention` false: pretraining uses the
        ordinary one. The checkpoint that it loads gives the heads too, as far as it has them; a head that it
        lacks starts from random values.
    entities : `bool`, optional (default = `True`)
        If false, only words are read and predicted.
    train_only_new : `bool`, optional (default = `False`)
        If true, only the entity embeddings with their projections and the entity head are trained, as in the
        first half of the paper's pretraining.
    chunk_size : `int`, optional (default = `None`)
        Rows of a table that are scored at once; by default about 64 MB.

    # Raises

    `ConfigurationError`
        The embedder is another one or contradicts an option, or the checkpoint's heads do not fit.
    """

    default_predictor = "luke_pretraining"

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        entities: bool = True,
        train_only_new: bool = False,
        chunk_size: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        if not isinstance(embedder, LukeEmbedder):
            raise ConfigurationError(
                f"The embedder is a {type(embedder).__name__}; pretraining needs one of type 'luke'."
            )
        if chunk_size is not None and chunk_size < 1:
            raise ConfigurationError(f"chunk_size is {chunk_size}; expected at least 1, or null.")
        if train_only_new and not entities:
            raise ConfigurationError(
                "train_only_new is true and entities is false, so that nothing is trained; set one of them "
                "the other way."
            )
        if entities:
            _check_entities(embedder)
        else:
            embedder.freeze_entities()
        config = embedder.luke.config
        self.embedder = embedder
        self.uses_entities = entities
        self.lm_head = WordHead(config)
        heads: Dict[str, PredictionHead] = {"lm_head": self.lm_head}
        if entities:
            self.entity_predictions = EntityHead(config)
            heads["entity_predictions"] = self.entity_predictions
        for head in heads.values():
            head.apply(embedder.luke.initialise)
        if embedder.weights_from is not None:
            load_heads(heads, embedder.weights_from)
        if train_only_new:
            for name, parameter in self.named_parameters():
                if not name.startswith(_NEW):
                    parameter.requires_grad = False
        self._chunk_size = chunk_size
        self._metric = PretrainingMetric(["word", "entity"] if entities else ["word"])

    @classmethod
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        """As of `TaskModel`."""
        tasks = ["word", "entity"] if options.get("entities", True) else ["word"]
        return list(PretrainingMetric(tasks).get_metric())

    def forward(
        self,
        words: TextFieldTensors,
        entities: Optional[Dict[str, Tensor]] = None,
        masked_words: Optional[Tensor] = None,
        word_targets: Optional[Tensor] = None,
        masked_entities: Optional[Tensor] = None,
        entity_targets: Optional[Tensor] = None,
        word_total: Optional[Total] = None,
        entity_total: Optional[Total] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Of a `SubwordField`: `token_ids`, `mask`, `type_ids`, each of shape (batch, words), directly or
            under the key "tokens".
        entities : `Dict[str, Tensor]`, optional (default = `None`)
            Of an `EntityField`: `entity_ids`, `entity_mask` (batch, entities), `entity_spans` (batch,
            entities, 2). Required if the model has entities.
        masked_words : `Tensor`, optional (default = `None`)
            Which words are predicted: positions in the flattened (batch * words). Shape: (masked words,).
        word_targets : `Tensor`, optional (default = `None`)
            Their ids. Shape: (masked words,).
        masked_entities, entity_targets : `Tensor`, optional (default = `None`)
            The same of entities, positions in the flattened (batch * entities). Shape: (masked entities,).
        word_total, entity_total : `Union[int, Tensor]`, optional (default = `None`)
            Masked positions of the whole optimizer step, by which losses are divided; by default this
            batch's.
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            For prediction: of each text the positions `masked_words` and `masked_entities`, the ids
            `excluded_entities`, which are no answer, and `top_k`.

        # Returns

        `Dict[str, Any]`
            With `masked_words`: `loss`, the sum of `word_loss` and `entity_loss` (detached), cross entropies
            in nats, 0 without positions. With `metadata`: `words` and `entities`, for each masked position of
            each text the best ids and their probabilities.

        # Raises

        `ConfigurationError`
            An input is missing, or a text exceeds the encoder's positions.
        """
        word_states, entity_states = self._states(words, entities)
        output: Dict[str, Any] = {}
        if masked_words is not None:
            luke = self.embedder.luke
            table = luke.embeddings.word_embeddings.weight
            masked = _Masked("words", masked_words, word_targets, word_total)
            sums = self._sums(self.lm_head, table, word_states, masked)
            output["loss"] = sums[0] / masked.divisor
            output["word_loss"] = output["loss"].detach()
            if entity_states is not None:
                table = luke.entity_embeddings.entity_embeddings.weight
                masked = _Masked("entities", masked_entities, entity_targets, entity_total)
                entity_sums = self._sums(self.entity_predictions, table, entity_states, masked)
                entity_loss = entity_sums[0] / masked.divisor
                output["loss"] = output["loss"] + entity_loss
                output["entity_loss"] = entity_loss.detach()
                sums += entity_sums
            self._metric(sums)
        if metadata is not None:
            output.update(self._predictions(word_states, entity_states, metadata))
        return output

    def _sums(self, head: PredictionHead, table: Tensor, states: Tensor, masked: "_Masked") -> List[Tensor]:
        """As `PretrainingMetric` takes them."""
        positions, targets = masked.given()
        # Shape: (masked positions, hidden)
        chosen = states.reshape(-1, states.size(-1)).index_select(0, positions)
        found = head.loss(chosen, table, targets, self._chunk_size)
        return [found.loss, found.num_correct, torch.full_like(found.num_correct, len(targets))]

    def _states(
        self, words: TextFieldTensors, entities: Optional[Dict[str, Tensor]]
    ) -> Tuple[Tensor, Optional[Tensor]]:
        tokens: Any = words.get(TOKENS_KEY, words)
        if not self.uses_entities:
            return self.embedder.encode(**tokens).tokens, None
        if entities is None:
            raise ConfigurationError(
                "words came without entities; give an EntityField's tensors, or make the model one of words "
                "alone (entities false)."
            )
        return self.embedder.encode(**tokens, **at_least_one(entities))  # type: ignore[arg-type]

    def _predictions(
        self, word_states: Tensor, entity_states: Optional[Tensor], metadata: List[Dict[str, Any]]
    ) -> Dict[str, Predicted]:
        luke = self.embedder.luke
        table = luke.embeddings.word_embeddings.weight
        output = {"words": _best(self.lm_head, table, word_states, metadata, "words")}
        if entity_states is not None:
            table = luke.entity_embeddings.entity_embeddings.weight
            output["entities"] = _best(self.entity_predictions, table, entity_states, metadata, "entities")
        return output

    @overrides
    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """Those of `PretrainingMetric`; in training only at a reset: others would wait for the device."""
        return {} if self.training and not reset else self._metric.get_metric(reset)


_NEW = ("embedder.luke.entity_embeddings.", "entity_predictions.")


def _best(
    head: PredictionHead, table: Tensor, states: Tensor, metadata: List[Dict[str, Any]], kind: str
) -> Predicted:
    best: Predicted = []
    for text, text_states in zip(metadata, states, strict=True):
        positions = torch.tensor(text[f"masked_{kind}"], dtype=torch.long, device=states.device)
        # Shape: (masked positions, rows)
        scores = in_float32(head.scores(text_states[positions], table))
        probabilities = scores.softmax(dim=-1)
        excluded = text.get(f"excluded_{kind}", [])
        probabilities[:, excluded] = -1.0
        values, ids = probabilities.topk(min(text["top_k"], table.size(0) - len(excluded)), dim=-1)
        rows = zip(ids.tolist(), values.tolist(), strict=True)
        best.append([list(zip(*row, strict=True)) for row in rows])
    return best


def _check_entities(embedder: LukeEmbedder) -> None:
    if embedder.entities is not None:
        raise ConfigurationError(
            f"The embedder keeps the entities {', '.join(embedder.entities[:4]) or '(none)'} alone; "
            "pretraining predicts all of a vocabulary: give the embedder entity_vocabulary, and no entities."
        )
    if embedder.luke.config.use_entity_aware_attention:
        raise ConfigurationError(
            "The embedder has entity_aware_attention; pretraining uses the ordinary one (Yamada et al., "
            "section 3.4): set it to false."
        )
