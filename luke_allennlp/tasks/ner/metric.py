"""Precision, recall and F1 of entities."""

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_global_primary
from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.base.metric import KINDS, TaskMetric, counts_by_label, f1_scores
from luke_allennlp.tasks.ner.examples import LabeledSpan

logger = logging.getLogger(__name__)

Prediction = Tuple[int, int, str, float]
"""First word, the word after the last, label and logit of a candidate that is predicted to be an entity."""


@dataclass(frozen=True)
class SentencePrediction:
    """
    What is predicted for a sentence, as far as its chunks have arrived: by the number of the chunk, in the
    order of the candidates. `gold` has all gold entities, whether or not they are among the candidates, and
    `unaligned` the labels of those that match no words, and count as missed.
    """

    document_index: int
    document: str
    sentence: int
    num_words: int
    num_chunks: int
    gold: List[LabeledSpan]
    predictions: Dict[int, List[Prediction]]
    unaligned: List[str] = field(default_factory=list)

    @property
    def key(self) -> Tuple[int, str, int]:
        """Identifies the sentence, and orders sentences."""
        return self.document_index, self.document, self.sentence

    def __str__(self) -> str:
        return f"sentence {self.sentence} of document {self.document!r}"


def non_overlapping(spans: Sequence[Tuple[int, int]], scores: Sequence[float]) -> List[int]:
    """
    Chooses spans (end exclusive) greedily by descending score: a span is accepted if all its words are still
    free (Yamada et al., EMNLP 2020, section 4.3). Of equal scores, the earlier span in `spans` wins. The
    original system's scores are the logits.

    # Returns

    `List[int]`
        The indices of the accepted spans, ordered by position.
    """
    taken = bytearray(max((end for _, end in spans), default=0))
    accepted = []
    for index in sorted(range(len(spans)), key=lambda index: -scores[index]):
        start, end = spans[index]
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            accepted.append(index)
    return sorted(accepted, key=lambda index: spans[index])


@Metric.register("luke_ner")
class NerMetric(TaskMetric[SentencePrediction]):
    """
    Registered as a `Metric` with name "luke_ner".

    Precision, recall and F1 of entities, over all and by type, per sentence as conlleval counts them:
    `precision`, `recall`, `f1`, and the same followed by `_` and a type. A score without a denominator is 0.

    A sentence is decoded from all its chunks, in whatever batches they arrive.

    # Parameters

    flat : `bool`, optional (default = `True`)
        Entities do not overlap: they are chosen greedily by their logits. If false, all predicted spans are
        kept.
    paper_compatible : `bool`, optional (default = `False`)
        Also report `paper_precision`, `paper_recall` and `paper_f1` at a reset: the scores of the original
        system, which wrote the tags of all sentences into one list. There a gold entity that opens a sentence
        continues one of the same type that closes the sentence before it, whereas predictions stay apart.
        Tags cannot represent gold entities that overlap: if there are any, these scores are omitted, and a
        warning names the sentence.

    # Raises

    `ConfigurationError`
        `paper_compatible` without `flat`.
    """

    def __init__(self, flat: bool = True, paper_compatible: bool = False) -> None:
        super().__init__()
        if paper_compatible and not flat:
            raise ConfigurationError(
                "paper_compatible scores lists of tags, which cannot represent the nested entities that "
                "flat = false keeps: set flat to true or paper_compatible to false."
            )
        self._flat = flat
        self._paper_compatible = paper_compatible

    @overrides
    def merge(self, first: SentencePrediction, second: SentencePrediction) -> SentencePrediction:
        if second.predictions.keys() <= first.predictions.keys():
            return first
        return replace(first, predictions={**second.predictions, **first.predictions})

    @overrides
    def tally(self, example: SentencePrediction) -> Mapping[Any, float]:
        return _counts(set(example.gold), self._decode(example), example.unaligned)

    def _decode(self, example: SentencePrediction) -> Set[LabeledSpan]:
        found = [prediction for _, chunk in sorted(example.predictions.items()) for prediction in chunk]
        if self._flat:
            scores = [logit for _, _, _, logit in found]
            chosen = non_overlapping([(start, end) for start, end, _, _ in found], scores)
            return {LabeledSpan(*found[index][:3]) for index in chosen}
        # The pieces of a split sentence may share a candidate, but a span has one label.
        best: Dict[Tuple[int, int], Prediction] = {}
        for prediction in found:
            known = best.setdefault(prediction[:2], prediction)
            if prediction[3] > known[3]:
                best[prediction[:2]] = prediction
        return {LabeledSpan(*prediction[:3]) for prediction in best.values()}

    @overrides
    def scores(self, sums: Mapping[Any, float]) -> Dict[str, float]:
        scores = _micro(sums)
        for label in sorted({label for (_, label), number in sums.items() if number}):
            by_type = f1_scores(*(sums[kind, label] for kind in KINDS))
            scores.update({f"{name}_{label}": value for name, value in by_type.items()})
        return scores

    @overrides
    def label_counts(self, sums: Mapping[Any, float]) -> Dict[str, Dict[str, float]]:
        return counts_by_label(sums)

    @overrides
    def final_scores(self, examples: List[SentencePrediction]) -> Dict[str, float]:
        incomplete = [example for example in examples if len(example.predictions) < example.num_chunks]
        if incomplete and is_global_primary():
            first = incomplete[0]
            known = f"{len(first.predictions)} of {first.num_chunks} chunks"
            logger.warning(
                "%d of %d sentences are scored without some of their chunks, such as %s, with %s.",
                len(incomplete),
                len(examples),
                first,
                known,
            )
        if not self._paper_compatible:
            return {}
        for example in examples:
            for left, right in pairwise(sorted(set(example.gold))):
                if right.start < left.end:
                    if is_global_primary():
                        logger.warning(
                            "The paper_ scores are omitted: %s has overlapping gold entities %s and %s, "
                            "which tags cannot represent.",
                            example,
                            tuple(left),
                            tuple(right),
                        )
                    return {}
        return {f"paper_{name}": value for name, value in self._paper_scores(examples).items()}

    def _paper_scores(self, examples: List[SentencePrediction]) -> Dict[str, float]:
        """
        The scores of one list of tags for the whole split. The original's gold tags are IOB1, where an entity
        at the beginning of a sentence is `I-`: it continues one of its type that closes the sentence before.
        """
        offset = 0
        gold: List[LabeledSpan] = []
        predicted: Set[LabeledSpan] = set()
        unaligned: List[str] = []
        for example in examples:
            for start, end, label in sorted(set(example.gold)):
                begin = offset + start
                if start == 0 and gold and gold[-1].end == offset and gold[-1].label == label:
                    begin = gold.pop().start
                gold.append(LabeledSpan(begin, offset + end, label))
            for start, end, label in self._decode(example):
                predicted.add(LabeledSpan(offset + start, offset + end, label))
            unaligned.extend(example.unaligned)
            offset += example.num_words
        return _micro(_counts(set(gold), predicted, unaligned))


def _counts(
    gold: Set[LabeledSpan], predicted: Set[LabeledSpan], unaligned: Iterable[str]
) -> "Counter[Tuple[str, str]]":
    """How many entities of each label are correct, predicted and gold."""
    counts: Counter[Tuple[str, str]] = Counter(("gold", label) for label in unaligned)
    for kind, spans in zip(KINDS, (gold & predicted, predicted, gold), strict=True):
        counts.update((kind, span.label) for span in spans)
    return counts


def _micro(sums: Mapping[Any, float]) -> Dict[str, float]:
    return f1_scores(*(sum(n for (kind, _), n in sums.items() if kind == wanted) for wanted in KINDS))
