"""What the models of all tasks share: the states of tokens and entities, dropout, a linear head."""

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn import InitializerApplicator
from overrides import overrides
from torch import Tensor, nn
from torch.nn import functional as F

from luke_allennlp.data.fields import TOKENS_KEY
from luke_allennlp.tasks.base.continuation import check_labels_are_known, continue_head
from luke_allennlp.tasks.base.metric import LabelScores
from luke_allennlp.token_embedders import LukeEmbedder, states_at


class TaskModel(Model):
    """
    The base class of the tasks' models. A subclass sets `_metric` and calls it in evaluation.

    # Parameters

    embedder : `TokenEmbedder`
        Of type "luke". Without entity states any embedder of sub-word tokens will do, such as
        "pretrained_transformer".
    dropout : `float`, optional (default = `None`)
        Before the head; by default the dropout of the embedder's checkpoint.
    use_entity_state : `bool`, optional (default = `True`)
        Whether the head sees the entities' states. If false, the input has no entities either, and the
        parameters that only entities use are not trained.
    use_word_states : `bool`, optional (default = `False`)
        Whether the head sees the states of the first token of each entity (for `span_ends` (0, 1) also of the
        last).
    start_from : `str`, optional (default = `None`)
        An archive, the embedder's `model_name`: the head takes the rows of equal labels from it, if it is of
        the same task.

    # Raises

    `ConfigurationError`
        Both are false, or the embedder has no entities.
    """

    span_ends: ClassVar[Tuple[int, ...]] = (0,)
    """Which tokens of an entity `span_features` takes: the first (0), the last (1), or both."""

    num_targets: Optional[Tensor] = None
    """How many predictions the loss of the last batch is the mean of. Shape: ()"""

    _metric: Any  # a `Metric`; its arguments depend on the task

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: Optional[float] = None,
        use_entity_state: bool = True,
        use_word_states: bool = False,
        start_from: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        if not use_entity_state and not use_word_states:
            raise ConfigurationError(
                "use_entity_state and use_word_states are both false; one of them must be true."
            )
        if use_entity_state and not isinstance(embedder, LukeEmbedder):
            raise ConfigurationError(
                f"The embedder is a {type(embedder).__name__}, which knows no entities; "
                "use one of type 'luke', or set use_entity_state to false."
            )
        if not use_entity_state and isinstance(embedder, LukeEmbedder):
            embedder.freeze_entities()
        self.embedder = embedder
        self.use_entity_state = use_entity_state
        self.use_word_states = use_word_states
        self._start_from = start_from
        default_dropout = embedder.dropout if isinstance(embedder, LukeEmbedder) else 0.1
        self.dropout = nn.Dropout(default_dropout if dropout is None else dropout)

    def head(self, in_features: int, out_features: int, bias: bool = True) -> nn.Linear:
        """A linear layer, initialized as the encoder's are: weights N(0, `initializer_range`), bias 0."""
        layer = nn.Linear(in_features, out_features, bias=bias)
        embedder = self.embedder
        deviation = embedder.luke.config.initializer_range if isinstance(embedder, LukeEmbedder) else 0.02
        nn.init.normal_(layer.weight, std=deviation)
        if bias:
            nn.init.zeros_(layer.bias)
        return layer

    def initialise(self, initializer: Optional[InitializerApplicator]) -> None:
        """The last thing that a subclass does when it is made."""
        if initializer is not None:
            initializer(self)
        # A model that is loaded from its own archive has no weights to start from, and needs none.
        is_trained = isinstance(self.embedder, LukeEmbedder) and self.embedder.weights_from is None
        if self._start_from is not None and not is_trained:
            continue_head(self, self._start_from)

    @overrides
    def extend_embedder_vocab(self, embedding_sources_mapping: Optional[Dict[str, str]] = None) -> None:
        """
        Called by AllenNLP's "from_archive". A label that the archive does not know is a `ConfigurationError`.
        """
        super().extend_embedder_vocab(embedding_sources_mapping)  # type: ignore[arg-type]
        check_labels_are_known(self)

    @classmethod
    def metric_names(cls, options: Mapping[str, Any]) -> Optional[List[str]]:
        """
        The names that `get_metrics` returns for a config's options of the model, with which configs are
        checked before training. Names that depend on the data are patterns, such as "f1_*". `None` means
        unknown.
        """
        return None

    @property
    def span_feature_size(self) -> int:
        """The size of the last dimension of `span_features`."""
        states = len(self.span_ends) * self.use_word_states + self.use_entity_state
        return self.embedder.get_output_dim() * states

    def check_labels(self, namespace: str, none_label: Optional[str], reader: str) -> None:
        """
        # Raises

        `ConfigurationError`
            The namespace of the labels is empty, lacks the negative label, or has AllenNLP's padding and
            unknown tokens.
        """
        labels = self.vocab.get_token_to_index_vocabulary(namespace)
        if self.vocab._padding_token in labels:
            raise ConfigurationError(
                f"The vocabulary's namespace {namespace!r} has AllenNLP's padding and unknown tokens for "
                "labels; give label_namespace a name that ends in 'labels' or 'tags', here and in the reader."
            )
        if not labels or none_label is not None and none_label not in labels:
            what = "is empty" if none_label is None else f"has no {none_label!r}, the negative label"
            raise ConfigurationError(
                f"The vocabulary's namespace {namespace!r} {what}; build it from data that the reader "
                f"{reader!r} reads."
            )

    def states(
        self, words: TextFieldTensors, entities: Dict[str, Tensor], with_padding: bool = False
    ) -> Tuple[Tensor, Optional[Tensor]]:
        """
        The states of a text's tokens and entities.

        # Parameters

        words : `TextFieldTensors`
            Of a `SubwordField`, each tensor of shape (texts, tokens), but `text_indices` if texts are shared,
            of shape (batch,).
        entities : `Dict[str, Tensor]`
            Of an `EntityField`: `entity_ids`, `entity_mask` (batch, entities), `entity_spans` (batch,
            entities, 2).
        with_padding : `bool`, optional (default = `False`)
            As of `LukeEncoder`.

        # Returns

        `Tuple[Tensor, Optional[Tensor]]`
            Shapes: (texts, tokens, hidden) and (batch, entities, hidden). The latter is `None` if entity
            states are not used.
        """
        tokens = words[TOKENS_KEY]
        if not self.use_entity_state:
            tokens = {name: tensor for name, tensor in tokens.items() if name != "text_indices"}
            if with_padding:
                return self.embedder.encode(**tokens, with_padding=True).tokens, None  # type: ignore[operator]
            return self.embedder(**tokens), None
        word_states, entity_states = self.embedder.encode(  # type: ignore[operator]
            **tokens, **at_least_one(entities), with_padding=with_padding
        )
        return word_states, entity_states[:, : entities["entity_ids"].size(1)]

    def span_features(self, words: TextFieldTensors, entities: Dict[str, Tensor]) -> Tensor:
        """
        The features of each entity: the states of its tokens at `span_ends`, then its own state, as far as
        they are used. The parameters are those of `states`.

        # Returns

        `Tensor`
            Shape: (batch, entities, span_feature_size).
        """
        word_states, entity_states = self.states(words, entities)
        features: List[Tensor] = []
        if self.use_word_states:
            # Padding is -1.
            spans = entities["entity_spans"].clamp(0, word_states.size(1) - 1)
            text_indices = words[TOKENS_KEY].get("text_indices")
            features = [states_at(word_states, spans[..., end], text_indices) for end in self.span_ends]
        if entity_states is not None:
            features.append(entity_states)
        return torch.cat(features, dim=-1)

    def mean_loss(self, losses: Tensor, is_target: Tensor, loss_weights: Optional[Tensor] = None) -> Tensor:
        """
        The loss of a batch, 0 if it has no targets.

        # Parameters

        losses : `Tensor`
            In float32. Shape: (batch, targets)
        is_target : `Tensor`
            False for padding. Shape: (batch, targets)
        loss_weights : `Tensor`, optional (default = `None`)
            If given, the loss is the sum of the losses by these weights, one for all targets of an instance:
            the batch's part of the loss of a training step. By default it is the mean. Shape: (batch,)
        """
        losses = losses.masked_fill(~is_target, 0.0)
        self.num_targets = is_target.sum()
        if loss_weights is None:
            return losses.sum() / self.num_targets.clamp(min=1)
        return (losses.sum(dim=1) * loss_weights).sum()

    @overrides
    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """The scores of the metric. None in training, where scoring would synchronize the device."""
        return {} if self.training else self._metric.get_metric(reset)

    def table(self) -> List[LabelScores]:
        """The scores of each label at the last reset of the metric; empty for tasks without labels."""
        return self._metric.table()


def at_least_one(entities: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """
    Adds a padding entity if a batch has no entities. Otherwise some parameters would get no gradient, and the
    other processes of distributed training would wait for it.
    """
    if entities["entity_ids"].size(1):
        return entities
    return {
        "entity_ids": F.pad(entities["entity_ids"], (0, 1)),
        "entity_spans": F.pad(entities["entity_spans"], (0, 0, 0, 1), value=-1),
        "entity_mask": F.pad(entities["entity_mask"], (0, 1)),
    }


def in_float32(logits: Tensor) -> Tensor:
    """Casts half precision to float32, in which losses are computed."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
