"""Extractive question answering: the model."""

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

from luke_allennlp.data.sparse_label_field import IGNORED_LABEL
from luke_allennlp.data.subword_field import TOKENS_KEY
from luke_allennlp.tasks.base.model import TaskModel, in_float32
from luke_allennlp.tasks.reading_comprehension.decoding import (
    Candidate,
    ScoredAnswer,
    best_spans,
    candidates_of,
    n_best_answers,
)
from luke_allennlp.tasks.reading_comprehension.metric import AnsweredQuestion, ReadingComprehensionMetric
from luke_allennlp.tasks.reading_comprehension.windows import PassageSubwords, detokenized
from luke_allennlp.token_embedders import LukeEmbedder

logger = logging.getLogger(__name__)


@Model.register("luke_reading_comprehension")
class ReadingComprehensionModel(TaskModel):
    """
    Registered as a `Model` with name "luke_reading_comprehension".

    Finds the answer to a question in a passage: a linear layer scores each word as the answer's first and as
    its last; the entities of question and passage are further input (Yamada et al., EMNLP 2020, section 4.5).

    # Parameters

    vocab : `Vocabulary`
    embedder : `TokenEmbedder`
        "luke", with the whole entity table and `freeze_entity_table: true`. Without entities, any embedder of
        sub-words will do, such as "pretrained_transformer".
    dropout : `float`, optional (default = `0.0`)
        Before the linear layer. The original system has none there.
    use_entities : `bool`, optional (default = `True`)
        If false, or where the embedder keeps no entities, there are none in the input: the paper's Table 6,
        "without entity inputs", and the word-only baselines.
    allow_no_answer : `bool`, optional (default = `False`)
        Whether a question may be left without an answer (SQuAD 2.0).
    null_score_threshold : `float`, optional (default = `0.0`)
        How far the score of no answer must be above that of the best answer to be preferred to it.
    n_best : `int`, optional (default = `20`)
        How many starts and ends of a window are looked at, and how many answers are given.
    max_answer_length : `int`, optional (default = `30`)
        In sub-words.
    answer_text : `str`, optional (default = `"passage"`)
        What an answer's text is: the passage's own characters ("passage"), or its words with one space
        between them ("detokenized"), as the original system has it.
    initializer : `InitializerApplicator`, optional (default = `None`)
        Of the linear layer, which by default is drawn as the encoder's are: normal with its standard
        deviation, bias 0.

    # Raises

    `ConfigurationError`
        The embedder knows no entities, or an option has no such value.
    """

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
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        if use_entities and not isinstance(embedder, LukeEmbedder):
            raise ConfigurationError(
                f"The embedder is a {type(embedder).__name__}, which knows no entities; "
                "use one of type 'luke', or set use_entities to false."
            )
        for name, number in (("n_best", n_best), ("max_answer_length", max_answer_length)):
            if number < 1:
                raise ConfigurationError(f"{name} is {number}; expected at least 1.")
        if answer_text not in ("passage", "detokenized"):
            raise ConfigurationError(f"answer_text is {answer_text!r}; expected 'passage' or 'detokenized'.")
        use_entities = use_entities and embedder.entities != []
        super().__init__(
            vocab, embedder, dropout, use_entity_state=use_entities, use_word_states=True, **kwargs
        )
        self.allow_no_answer = allow_no_answer
        self.null_score_threshold = null_score_threshold
        self.n_best = n_best
        self.max_answer_length = max_answer_length
        self._warned = False
        self._detokenizes = answer_text == "detokenized"
        self.qa_outputs = self.head(embedder.get_output_dim(), 2)
        self._metric = ReadingComprehensionMetric(allow_no_answer, null_score_threshold)
        if initializer is not None:
            initializer(self.qa_outputs)

    @classmethod
    @overrides
    def metric_names(cls, options: Mapping[str, Any]) -> List[str]:
        allow_no_answer = options.get("allow_no_answer", False)
        names = list(ReadingComprehensionMetric(allow_no_answer).get_metric(reset=True))
        # Those of the questions with and without an answer.
        return [*names, "HasAns_*", "NoAns_*"] if allow_no_answer else names

    def forward(
        self,
        words: TextFieldTensors,
        entities: Dict[str, Tensor],
        limits: Tensor,
        metadata: Optional[List[Dict[str, Any]]] = None,
        answer: Optional[Tensor] = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        words : `TextFieldTensors`
            Question and passage. Of a `SubwordField`, each tensor of shape (batch, words).
        entities : `Dict[str, Tensor]`
            Those of both. Of an `EntityField`: `entity_ids`, `entity_mask` (batch, entities), `entity_spans`
            (batch, entities, 2).
        limits : `Tensor`
            First position of the passage and the one after its last, and the same of those where an answer of
            this window may begin. Shape: (batch, 4).
        metadata : `List[Dict[str, Any]]`, optional (default = `None`)
            Of the reader; needed for the metric and for `make_output_human_readable`.
        answer : `Tensor`, optional (default = `None`)
            First and last position; 0 and 0 where the window holds no answer, -100 where it is not known.
            Shape: (batch, 2).

        # Returns

        `Dict[str, Any]`
            `start_logits` and `end_logits`, shape (batch, words); outside of training `candidates`, for each
            window its best answers (`Candidate`), and `null_score`, the score of no answer; with `answer` the
            `loss`, the mean of the cross-entropies of starts and ends.
        """
        word_states, _ = self.states(words, entities)
        # Shape of each: (batch, words)
        start_logits, end_logits = self.qa_outputs(self.dropout(word_states)).unbind(dim=-1)
        output: Dict[str, Any] = {"start_logits": start_logits, "end_logits": end_logits}
        if answer is not None:
            output["loss"] = (_loss(start_logits, answer[:, 0]) + _loss(end_logits, answer[:, 1])) / 2
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

    def n_best_answers(self, passage: PassageSubwords, candidates: List[Candidate]) -> List[ScoredAnswer]:
        """
        # Parameters

        passage : `PassageSubwords`
        candidates : `List[Candidate]`
            Of all windows of a question.

        # Returns

        `List[ScoredAnswer]`
            At the most `n_best`, the best first, each with another text. No answer is none of them.
        """
        return n_best_answers(candidates, lambda start, end: self._text(passage, start, end), self.n_best)

    def _text(self, passage: PassageSubwords, start: int, end: int) -> str:
        text = passage.passage.context[start:end]
        return detokenized(text) if self._detokenizes else text

    def _answered(
        self, data: Dict[str, Any], candidates: List[Candidate], null_score: float
    ) -> AnsweredQuestion:
        gold = tuple(data["gold"])
        if not gold and not self.allow_no_answer and not self._warned:
            self._warned = True
            logger.warning(
                "There are questions without an answer, and this model always gives one: they count as wrong "
                "(for SQuAD 2.0 set allow_no_answer to true)."
            )
        if not candidates:
            return AnsweredQuestion(gold, "", (False, -torch.inf, -data["window"]), null_score)
        best = candidates[0]
        text = self._text(data["passage"], best.start, best.end)
        return AnsweredQuestion(gold, text, best[:3], null_score)

    @overrides(check_signature=False)
    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Leaves the answers; the logits of all words say nothing to a reader."""
        return {name: output_dict[name] for name in ("candidates", "null_score")}

    default_predictor = "luke_reading_comprehension"


def _loss(logits: Tensor, positions: Tensor) -> Tensor:
    """
    Cross-entropy over all positions of the batch, padding too, as the original system has it. A sum and a
    count, as a batch may be without any position.
    """
    total = F.cross_entropy(in_float32(logits), positions, ignore_index=IGNORED_LABEL, reduction="sum")
    return total / (positions != IGNORED_LABEL).sum().clamp(min=1)
