"""The LUKE encoder as AllenNLP's `TokenEmbedder`."""

import logging
import os
import re
from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.model import weights_follow
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn import util
from overrides import overrides
from torch import Tensor

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.loader import freeze_entity_side
from luke_allennlp.checkpoints.model_files import archived_checkpoint, at_revision
from luke_allennlp.checkpoints.tensors import WeightsSource
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary, read_entity_vocabulary
from luke_allennlp.modules import SPAN_ATTENTIONS, LukeEncoderOutput
from luke_allennlp.token_embedders.encoder_loading import load_encoder
from luke_allennlp.token_embedders.trained_rows import keep_trained_rows

logger = logging.getLogger(__name__)

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_COMPILER_ERROR = "TorchDynamoException"  # importing it would import the compiler
_LAYER = re.compile(r"\bencoder\.layer\.\d+\b")


@TokenEmbedder.register("luke")
class LukeEmbedder(TokenEmbedder):
    """
    Registered as a `TokenEmbedder` with name "luke".

    LUKE's encoder, loaded from a checkpoint. It works as an embedder in any AllenNLP model, with the "luke"
    token indexer: one vector for each word. This project's models call `encode`, which also takes entities
    and returns the states of both.

    # Parameters

    model_name : `str`
        A directory or hub id in Hugging Face's layout, or a directory or tarball of the original release:
        LUKE, or RoBERTa, XLM-R or BERT, which have no entity embeddings: a `[MASK]` starts as their mask
        token at the mean position of the words it covers, other entities from random values. Or an archive of
        a trained model, or the run's directory that has one.
    entities : `List[str]`, optional (default = `None`)
        Which rows of the entity table the task keeps, by title and in this order; an entity's id is its place
        in this list. All of them if `None`. With `[]`, for text without entities, parameters that serve
        entities alone are not trained.
    entity_vocabulary : `str`, optional (default = `None`)
        In place of `entities`, for pretraining: a vocabulary file, or the dataset or checkpoint that has one.
        Each of its ids gets a row; where the checkpoint has an entity table already, its vocabulary must be
        the same.
    entity_emb_size : `int`, optional (default = `None`)
        The width of a new entity table; by default 256, as in the paper, or `hidden_size` if that is less.
    freeze_entity_table : `bool`, optional (default = `False`)
        Whether to keep the entity table fixed, so that the optimizer needs no memory for it. Extractive QA,
        which has the whole table, is fine-tuned this way.
    marker_tokens : `Union[Dict[str, str], List[Tuple[str, str]]]`, optional (default = `None`)
        Tokens that the task adds, in the tokenizer's order, each with the token whose embedding it is
        initialised from: `{"[ENTITY]": "@"}`, or `[["[ENTITY]", "@"]]` in Jsonnet, which sorts the keys of
        an object.
    entity_aware_attention : `bool`, optional (default = `None`)
        Overrides the checkpoint's setting.
    span_attention : `str`, optional (default = `"full"`)
        What entities attend to, and who attends to them: "full", as in the paper; or "independent": an entity
        attends to tokens and itself, and nothing else attends to it. Then its state does not depend on what
        other entities there are, and all candidate spans of a text can share one row of tokens.
    sub_token_mode : `str`, optional (default = `"avg"`)
        How `forward` pools the tokens of a word: their mean ("avg") or the first ("first").
    train_parameters : `bool`, optional (default = `True`)
        Whether the weights are trained.
    eval_mode : `bool`, optional (default = `False`)
        Whether dropout stays off in training too.
    gradient_checkpointing : `bool`, optional (default = `False`)
        Whether to recompute the layers' activations in the backward pass rather than keep them.
    hidden_dropout, attention_dropout : `float`, optional (default = `None`)
        Override the checkpoint's rates.
    compile : `bool`, optional (default = `False`)
        Whether to compile the layers by `torch.compile`, except for attention, into fewer and larger kernels:
        it takes a minute or two at the start. Needs a C++ compiler, or Triton on GPUs.
    dtype : `str`, optional (default = `None`)
        "bfloat16" or "float16": the encoder's weights are held and computed with in this type, for evaluation
        and prediction alone; the states that it gives are float32.
    load_weights : `bool`, optional (default = `None`)
        Whether to read the checkpoint's weights. By default they are, unless the model is loaded from an
        archive, which has all weights; then only the checkpoint's small files are needed.
    override_weights_file : `str`, optional (default = `None`)
        Weights to read instead of the checkpoint's (safetensors, or a state dict saved by torch).
    override_weights_strip_prefix : `str`, optional (default = `None`)
        Removed from the names in that file; names without it are ignored.
    revision : `str`, optional (default = `None`)
        The commit, branch or tag on the hub, where `model_name` is a hub id.
    serialization_dir : `str`, optional (default = `None`)
        Set by AllenNLP: the directory of the run, or of the unpacked archive.

    # Raises

    `ConfigurationError`
        The checkpoint does not exist or does not fit, or an option has an invalid value.
    """

    def __init__(
        self,
        model_name: str,
        *,
        entities: Optional[List[str]] = None,
        entity_vocabulary: Optional[str] = None,
        entity_emb_size: Optional[int] = None,
        freeze_entity_table: bool = False,
        marker_tokens: Optional[Union[Dict[str, str], List[Tuple[str, str]]]] = None,
        entity_aware_attention: Optional[bool] = None,
        span_attention: str = "full",
        sub_token_mode: str = "avg",
        train_parameters: bool = True,
        eval_mode: bool = False,
        gradient_checkpointing: bool = False,
        hidden_dropout: Optional[float] = None,
        attention_dropout: Optional[float] = None,
        compile: bool = False,
        dtype: Optional[str] = None,
        load_weights: Optional[bool] = None,
        override_weights_file: Optional[str] = None,
        override_weights_strip_prefix: Optional[str] = None,
        revision: Optional[str] = None,
        serialization_dir: Optional[Union[str, os.PathLike]] = None,
    ) -> None:
        super().__init__()
        if sub_token_mode not in ("avg", "first"):
            raise ConfigurationError(f"sub_token_mode is {sub_token_mode!r}; expected 'avg' or 'first'.")
        if span_attention not in SPAN_ATTENTIONS:
            raise ConfigurationError(
                f"span_attention is {span_attention!r}; expected one of {', '.join(SPAN_ATTENTIONS)}."
            )
        if dtype not in (None, *_DTYPES):
            raise ConfigurationError(f"dtype is {dtype!r}; expected one of {', '.join(_DTYPES)}, or null.")
        if load_weights is None:
            load_weights = not (weights_follow.get() or _is_archive(serialization_dir))
        model_name = at_revision(model_name, revision)
        # A run's directory may have the small files of its archive already, but no weights.
        source = model_name if load_weights else archived_checkpoint(model_name, serialization_dir)
        is_fresh = entity_vocabulary is not None and read_config(source).entity_vocab_size == 0
        vocabulary = None
        if entity_vocabulary is not None and (load_weights or is_fresh):
            vocabulary = read_entity_vocabulary(entity_vocabulary)
        marker_rows: List[int] = []
        pairs = list(marker_tokens.items() if isinstance(marker_tokens, dict) else marker_tokens or [])
        if pairs:
            marker_rows = [0] * len(pairs)  # an archive's weights have the markers' own rows
            if load_weights:
                tokenizer = WordTokenizer(source)
                marker_rows = [tokenizer.token_id(start) for _, start in pairs]
        self.luke = load_encoder(
            source,
            entities=entities,
            entity_vocabulary=vocabulary,
            entity_emb_size=entity_emb_size,
            marker_rows=marker_rows,
            entity_aware_attention=entity_aware_attention,
            span_attention=span_attention,
            hidden_dropout=hidden_dropout,
            attention_dropout=attention_dropout,
            load_weights=load_weights,
            weights_file=override_weights_file,
            strip_prefix=override_weights_strip_prefix,
        )
        if load_weights and override_weights_file is None:
            keep_trained_rows(self.luke, source, entities, [marker for marker, _ in pairs])
        self.luke.gradient_checkpointing = gradient_checkpointing
        self.is_compiled = compile
        if compile:
            self.luke.compile_layers()
        self.model_name = model_name
        if entities is None and entity_vocabulary is None and read_config(source).entity_vocab_size == 0:
            entities = [PAD, MASK]  # the rows of the fresh table
        self.vocabulary_source = entity_vocabulary if is_fresh else source
        self.weights_from: Optional[WeightsSource] = None
        if load_weights:
            self.weights_from = WeightsSource(source, override_weights_file, override_weights_strip_prefix)
        self.entities = entities
        self.markers = [marker for marker, _ in pairs]
        self.sub_token_mode = sub_token_mode
        self.eval_mode = eval_mode
        config = self.luke.config
        embeddings = self.luke.embeddings
        first_position = embeddings.padding_id + 1 if embeddings.position_start is None else 0
        self.max_tokens = config.max_position_embeddings - first_position
        if eval_mode:
            self.luke.eval()
        if freeze_entity_table:
            self.luke.entity_embeddings.entity_embeddings.weight.requires_grad = False
        self.dtype = dtype
        if dtype is not None:
            self.luke.to(_DTYPES[dtype])
        if not train_parameters:
            for parameter in self.luke.parameters():
                parameter.requires_grad = False

    @property
    def dropout(self) -> float:
        """The rate of the checkpoint's config or `hidden_dropout`, which the paper's heads use too."""
        return self.luke.config.hidden_dropout_prob

    def entity_vocabulary(self) -> EntityVocabulary:
        """Whose rows the entity table has, where all are kept."""
        return read_entity_vocabulary(str(self.vocabulary_source))

    def freeze_entities(self) -> None:
        """
        Stops training the parameters that serve entities alone, for models without entities: the optimizer
        would need memory for them, and distributed processes would wait for their gradients.
        """
        freeze_entity_side(self.luke)

    @overrides(check_signature=False)
    def _load_from_state_dict(self, state_dict: Dict[str, Tensor], prefix: str, *args: Any) -> None:
        # torch would list all weights where these are of an encoder of other sizes.
        problem = _misfit(
            self, {name: weight for name, weight in state_dict.items() if name.startswith(prefix)}, prefix
        )
        if problem is not None:
            raise ConfigurationError(
                f"The weights to load are not those of a model with the checkpoint {self.model_name!r}: "
                f"{problem}; give its embedder (model_name) the checkpoint it was trained with, or a copy."
            )
        super()._load_from_state_dict(state_dict, prefix, *args)

    @overrides
    def get_output_dim(self) -> int:
        return self.luke.config.hidden_size

    @overrides
    def train(self, mode: bool = True) -> "LukeEmbedder":
        super().train(mode)
        if self.eval_mode:
            self.luke.eval()
        return self

    def forward(
        self,
        token_ids: Tensor,
        mask: Tensor,
        type_ids: Optional[Tensor] = None,
        offsets: Optional[Tensor] = None,
        wordpiece_mask: Optional[Tensor] = None,
    ) -> Tensor:
        """
        Returns one vector for each word.

        # Parameters

        token_ids : `Tensor`
            Shape: (batch, tokens).
        mask : `Tensor`
            Of the words if `offsets` are given, else of the tokens. Shape: (batch, words or tokens).
        type_ids : `Tensor`, optional (default = `None`)
            Segments. Shape: (batch, tokens).
        offsets : `Tensor`, optional (default = `None`)
            First and last token of each word, inclusive. Shape: (batch, words, 2).
        wordpiece_mask : `Tensor`, optional (default = `None`)
            Needed with `offsets`. Shape: (batch, tokens).

        # Returns

        `Tensor`
            Shape: (batch, words, hidden), or (batch, tokens, hidden) without `offsets`.
        """
        if offsets is None:
            return self.encode(token_ids, mask, type_ids).tokens
        if wordpiece_mask is None:
            raise ConfigurationError(
                "offsets came without wordpiece_mask; use the token indexer of type 'luke'."
            )
        states = self.encode(token_ids, wordpiece_mask, type_ids).tokens
        if self.sub_token_mode == "first":
            return states_at(states, offsets[..., 0])
        if offsets.size(1) == 0:  # texts without a word
            return states[:, :0]
        # Shapes: (batch, words, tokens of a word, hidden), (batch, words, tokens of a word)
        pieces, pieces_mask = util.batched_span_select(states, offsets)  # type: ignore[arg-type]
        pieces_mask = pieces_mask & mask.unsqueeze(-1)
        return util.masked_mean(pieces, pieces_mask.unsqueeze(-1), dim=2)

    def encode(
        self,
        token_ids: Tensor,
        mask: Tensor,
        type_ids: Optional[Tensor] = None,
        entity_ids: Optional[Tensor] = None,
        entity_spans: Optional[Tensor] = None,
        entity_mask: Optional[Tensor] = None,
        with_padding: bool = False,
        text_indices: Optional[Tensor] = None,
    ) -> LukeEncoderOutput:
        """
        Returns the states of tokens and entities. `token_ids`, `mask`, `type_ids` and `text_indices` are
        those of a `SubwordField` or a sub-word indexer, the others those of an `EntityField`, with shapes and
        result as of `LukeEncoder`. A text longer than the encoder has positions for is a
        `ConfigurationError`, and so are shared texts if spans are not independent.
        """
        if text_indices is not None and not self.luke.independent_spans:
            raise ConfigurationError(
                "The reader's sentences share windows (shared_windows), and the embedder's span_attention is "
                '"full"; set it to "independent", or shared_windows to false.'
            )
        if token_ids.size(1) > self.max_tokens:
            raise ConfigurationError(
                f"A text of {token_ids.size(1)} tokens is longer than the {self.max_tokens} that the encoder "
                "has positions for; split it, or let the reader truncate it."
            )
        if self.dtype is not None and self.training:
            raise ConfigurationError(
                f"The embedder's dtype is {self.dtype}, which is for evaluation and prediction; train with "
                "trainer.precision instead."
            )
        # A single segment needs no look-up of segment embeddings.
        types = type_ids if self.luke.config.type_vocab_size > 1 else None
        entities = (entity_ids, entity_spans, entity_mask)
        try:
            states = self.luke(token_ids, mask, *entities, types, with_padding, text_indices)
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            if not self.is_compiled or _COMPILER_ERROR not in kinds:
                raise
            reason = str(error).strip().split("\n")[0]
            raise ConfigurationError(
                f"The embedder's compile is true, and torch.compile failed ({reason}); install a C++ "
                "compiler, or Triton on GPUs, or set it to false."
            ) from error
        return states if self.dtype is None else LukeEncoderOutput(*(kind.float() for kind in states))


def _misfit(embedder: LukeEmbedder, weights: Dict[str, Tensor], prefix: str) -> Optional[str]:
    own = {f"{prefix}{name}": weight for name, weight in embedder.state_dict().items()}
    for name, weight in own.items():
        if name in weights and weights[name].shape != weight.shape:
            found, expected = (
                " x ".join(f"{size:,}" for size in tensor.shape) for tensor in (weights[name], weight)
            )
            return f"{name} is {found}, and by the checkpoint's config {expected}"
    found_layers, own_layers = (len(set(_LAYER.findall(" ".join(names)))) for names in (weights, own))
    if found_layers and found_layers != own_layers:
        return f"they have {found_layers} layers, and the checkpoint's config {own_layers}"
    return None


def states_at(states: Tensor, positions: Tensor, text_indices: Optional[Tensor] = None) -> Tensor:
    """
    The states at the given positions of each text, or of the one that `text_indices`, of shape (batch,),
    tells. Unlike AllenNLP's `batched_index_select` it does not look at the values of the indices, which would
    synchronise with the device.

    Shapes: (texts, tokens, hidden), (batch, items) -> (batch, items, hidden).
    """
    if text_indices is not None:
        rows = text_indices[:, None] * states.size(1) + positions
        return states.flatten(0, 1)[rows]
    return states.gather(1, positions.unsqueeze(-1).expand(-1, -1, states.size(-1)))


def _is_archive(directory: Optional[Union[str, os.PathLike]]) -> bool:
    # AllenNLP unpacks an archive into a directory with this file; a training run's directory never has it.
    return directory is not None and os.path.exists(os.path.join(directory, "weights.th"))
