"""Extractive QA: the model."""

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

from luke_allennlp.common.options import check_at_least, check_choice
from luke_allennlp.data.fields import IGNORED_LABEL, TOKENS_KEY
from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.reading_comprehension.decoding import (
    Candidate,
    ScoredAnswer,
    best_spans,
    candidates_of,
    n_best_answers,
)
from luke_allennlp.tasks.reading_comprehension.metric import AnsweredQuestion, ReadingComprehensionMetric
from luke_allennlp.tasks.reading_comprehension.windows import PassageTokens, detokenized
from luke_allennlp.token_embedders import LukeEmbedder

logger = logging.getLogger(__name__)


@Model.register("luke_reading_comprehension")
class ReadingComprehensionModel(TaskModel):
    """
    Registered as a `Model` with name "luke_reading_comprehension".

    Finds the answer to a question in a passage: a linear layer scores each token as the answer's first and
    last; the entities of question and passage are additional input (Yamada et al., EMNLP 2020, section 4.5).

    # Parameters

    embedder : `TokenEmbedder`
        "luke", with the whole entity table and `freeze_entity_table: true`. Without entities, any embedder of
        tokens will do, such as "pretrained_transformer".
    dropout : `float`, optional (default = `0.0`)
        Before the linear layer. The original system has none.
    use_entities : `bool`, optional (default = `True`)
        If false, or if the embedder keeps no entities, there are none in the input: the paper's Table 6,
        "without entity inputs", and the word-only baselines.
    allow_no_answer : `bool`, optional (default = `False`)
        Whether a question may have no answer (SQuAD 2.0).
    null_score_threshold : `float`, optional (default = `0.0`)
        Predict no answer if its score exceeds that of the best answer by more than this.
    n_best : `int`, optional (default = `20`)
        Number of starts and ends considered per window, and of answers returned.
    max_answer_length : `int`, optional (default = `30`)
        In tokens.
    answer_text : `str`, optional (default = `"passage"`)
        Text of an answer: the passage's characters ("passage"), or its words with single spaces between them
        ("detokenized"), as in the original system.
    paper_compatible : `bool`, optional (default = `False`)
        Whether the softmax of the loss includes the padding of a batch, as in the original system. Then the
        loss of a text depends on what else is in its batch.
    initializer : `InitializerApplicator`, optional (default = `None`)
        For the linear layer, by default initialized like the encoder's: normal, bias 0.

    # Raises

    `ConfigurationError`
        The embedder has no entities, or an option is invalid.
    """

    default_predictor = "luke_reading_comprehension"

    def __init__(
        self,
        vocab: Vocabulary,
        embedder: TokenEmbedder,
        dropout: float = 0.0,
        use_entities: bool = True,
        allow_no_answer: bool = False,
        null_score_threshold: float = 0.0,
        n_best: int = 20,
        max_answer_length: int = 30,
        answer_text: str = "passage",
        paper_compatible: bool = False,
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        if use_entities and not isinstance(embedder, LukeEmbedder):
            raise ConfigurationError(
                f"The embedder is a {type(embedder).__name__}, which knows no entities; "
                "use one of type 'luke', or set use_entities to false."
            )
        check_at_least(1, n_best=n_best, max_answer_length=max_answer_length)
        check_choice(("passage", "detokenized"), answer_text=answer_text)
        use_entities = use_entities and embedder.entities != []
        super().__init__(
            vocab, embedder, dropout, use_entity_state=use_entities, use_word_states=True, **kwargs
        )
        self.allow_no_answer = allow_no_answer
        self.null_score_threshold = null_score_threshold
        self.n_best = n_best
        self.paper_compatible = paper_compatible
        self.max_answer_length = max_answer_length
        self._warned = False
        self._detokenizes = answer_text == "detokenized"
        self.qa_outputs = self.head(embedder.get_output_dim(), 2)
        self._metric = ReadingComprehensionMetric(allow_no_answer, null_score_threshold)
        if initializer is not None:
            initializer(self.qa_outputs)
        self.initialise(None)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        allow_no_answer = options.get("allow_no_answer", False)
        names = list(ReadingComprehensionMetric(allow_no_answer).get_metric(reset=True))
        # For questions with and without an answer.
        return [*names, "HasAns_*", "NoAns_*"] if allow_no_answer else names

    def forward(
        self,
        words: TextFieldTensors,
        entities: Dict[str, Tensor],
        limits: Tensor,
        metadata: Optional[List[Dict[str, Any]]] = None,
        answer: Optional[Tensor] = None,
        loss_weights: Optional[Tensor] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Question and passage. Of a `SubwordField`, each tensor of shape (batch, tokens).
        entities : `Dict[str, Tensor]`
            Those of both. Of an `EntityField`: `entity_ids`, `entity_mask` (batch, entities), `entity_spans`
            (batch, entities, 2).
        limits : `Tensor`
            First position of the passage and the one after its last, and the same for positions where an
            answer of this window may start. Shape: (batch, 4).
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            From the reader; needed for the metric and for `make_output_human_readable`.
        answer : `Tensor`, optional (default = `None`)
            First and last position; 0 and 0 if the window contains no answer, -100 if unknown.
            Shape: (batch, 2).
        loss_weights : `Tensor`, optional (default = `None`)
            Of the trainer: the weight of each prediction of an instance in the loss. Shape: (batch,).

        # Returns

        `Dict[str, Any]`
            `start_logits` and `end_logits`, shape (batch, tokens); in evaluation `candidates`, for each
            window its best answers (`Candidate`), and `null_score`, the score of no answer; with `answer` the
            `loss`, the mean of the cross-entropies of starts and ends.
        """
        word_states, _ = self.states(words, entities, with_padding=self.paper_compatible)
        # Shape of each: (batch, tokens)
        start_logits, end_logits = self.qa_outputs(self.dropout(word_states)).unbind(dim=-1)
        output: Dict[str, Any] = {"start_logits": start_logits, "end_logits": end_logits}
        if answer is not None:
            mask = None if self.paper_compatible else words[TOKENS_KEY]["mask"]
            losses = _losses(start_logits, answer[:, 0], mask) + _losses(end_logits, answer[:, 1], mask)
            output["loss"] = self.mean_loss(losses[:, None] / 2, answer[:, :1] != IGNORED_LABEL, loss_weights)
        if not self.training and metadata is not None:
            spans = best_spans(
                start_logits,
                end_logits,
                words[TOKENS_KEY]["mask"],
                limits,
                self.n_best,
                self.max_answer_length,
            )
            output["candidates"] = candidates_of(spans, metadata)
            null_scores = in_float32(start_logits[:, 0]) + in_float32(end_logits[:, 0])
            output["null_score"] = null_scores.tolist()
            if answer is not None:
                self._metric(
                    (data["question"], self._answered(data, candidates, null_score))
                    for data, candidates, null_score in zip(
                        metadata, output["candidates"], output["null_score"], strict=True
                    )
                )
        return output

    def n_best_answers(self, passage: PassageTokens, candidates: List[Candidate]) -> List[ScoredAnswer]:
        """At most `n_best` answers from the candidates of all windows of a question, best first."""
        return n_best_answers(candidates, lambda start, end: self._text(passage, start, end), self.n_best)

    def _text(self, passage: PassageTokens, start: int, end: int) -> str:
        text = passage.passage.context[start:end]
        return detokenized(text) if self._detokenizes else text

    def _answered(
        self, data: Dict[str, Any], candidates: List[Candidate], null_score: float
    ) -> AnsweredQuestion:
        gold = tuple(data["gold"])
        if not gold and not self.allow_no_answer and not self._warned:
            self._warned = True
            logger.warning(
                "There are questions without an answer, which this model always answers: they count as wrong "
                "(for SQuAD 2.0 set allow_no_answer to true)."
            )
        if not candidates:
            return AnsweredQuestion(gold, "", (False, -torch.inf, -data["window"]), null_score)
        best = candidates[0]
        text = self._text(data["passage"], best.start, best.end)
        return AnsweredQuestion(gold, text, best[:3], null_score)

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Keeps only the answers."""
        return {name: output_dict[name] for name in ("candidates", "null_score")}


def _losses(logits: Tensor, positions: Tensor, mask: Optional[Tensor]) -> Tensor:
    """Cross-entropies over the positions of each text, 0 for unknown ones. Shape: (batch,)"""
    logits = in_float32(logits)
    if mask is not None:
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
    return F.cross_entropy(logits, positions, ignore_index=IGNORED_LABEL, reduction="none")
