"""
Entity precision, recall and F1 over sentences whose candidate spans arrive in chunks.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import AbstractSet, Any, Dict, FrozenSet, Iterable, List, Sequence, Tuple
from typing import Counter as CounterType

import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric
from overrides import overrides

from luke_allennlp.tasks.ner.decoding import non_overlapping
from luke_allennlp.tasks.ner.examples import LabeledSpan

logger = logging.getLogger(__name__)

SentenceKey = Tuple[str, int]


@dataclass
class ChunkPrediction:
    """
    What the model predicts for one chunk of a sentence's candidate spans, with what is needed to score it.

    # Parameters

    document : `str`
        The identifier of the document.
    sentence : `int`
        The number of the sentence, unique within the document. A sentence that was split into pieces for its
        length is one sentence here: its pieces share the number, and words are counted from its beginning.
    chunk : `int`
        The number of the chunk within the sentence, from 0.
    num_chunks : `int`
        How many chunks the sentence has, all its pieces together.
    num_words : `int`
        The length of the sentence.
    gold : `List[LabeledSpan]`
        All gold entities of the sentence, whether or not they are among the candidates.
    predictions : `List[Tuple[int, int, str, float]]`
        First word, the word after the last, label and logit of the candidates of this chunk that are
        predicted to be entities, in the order of the candidates.
    unaligned : `List[str]`, optional (default = `[]`)
        The labels of gold entities which match no words of the sentence: they count as missed.
    document_index : `int`, optional (default = `0`)
        The place of the document in the split. Sentences are ordered by it, then by document and `sentence`.
    """

    document: str
    sentence: int
    chunk: int
    num_chunks: int
    num_words: int
    gold: List[LabeledSpan]
    predictions: List[Tuple[int, int, str, float]]
    unaligned: List[str] = field(default_factory=list)
    document_index: int = 0

    @property
    def key(self) -> SentenceKey:
        return self.document, self.sentence


@dataclass
class ScoredSentence:
    """
    A sentence with its gold and its predicted entities, decoded.

    # Parameters

    order : `Tuple[int, str, int]`
        Its place in the split: the index and the identifier of its document, and its number in it.
    num_words : `int`
    gold : `FrozenSet[LabeledSpan]`
    predicted : `FrozenSet[LabeledSpan]`
    unaligned : `List[str]`
        The labels of gold entities which match no words of the sentence.
    """

    order: Tuple[int, str, int]
    num_words: int
    gold: FrozenSet[LabeledSpan]
    predicted: FrozenSet[LabeledSpan]
    unaligned: List[str]


class EntityCounts:
    """
    Correct, predicted and gold entities, counted by type.
    """

    def __init__(self) -> None:
        self.correct: CounterType[str] = Counter()
        self.predicted: CounterType[str] = Counter()
        self.gold: CounterType[str] = Counter()

    def add(
        self,
        gold: AbstractSet[LabeledSpan],
        predicted: AbstractSet[LabeledSpan],
        unaligned: Iterable[str] = (),
    ) -> None:
        self.correct.update(span.label for span in gold & predicted)
        self.predicted.update(span.label for span in predicted)
        self.gold.update(span.label for span in gold)
        self.gold.update(unaligned)

    def micro(self) -> Dict[str, float]:
        return _scores(sum(self.correct.values()), sum(self.predicted.values()), sum(self.gold.values()))

    def by_type(self) -> Dict[str, float]:
        return {
            f"{name}_{label}": value
            for label in sorted(self.gold.keys() | self.predicted.keys())
            for name, value in _scores(self.correct[label], self.predicted[label], self.gold[label]).items()
        }


@Metric.register("luke_ner")
class NerMetric(Metric):
    """
    Registered as a `Metric` with name "luke_ner".

    Precision, recall and F1 of entities, over all and by type, per sentence as conlleval counts them.

    A sentence is decoded and counted once all its chunks are there, in whatever batches they come. A chunk
    that comes again, as it does when a reader fills up the processes of a distributed run, is ignored. At a
    reset all processes put their sentences together, so that each returns the score which one process would
    return.

    # Parameters

    flat : `bool`, optional (default = `True`)
        Entities do not overlap: they are chosen greedily by their logits. If false, all predicted spans are
        kept.
    paper_compatible : `bool`, optional (default = `False`)
        Also report `paper_precision`, `paper_recall` and `paper_f1` at a reset: the scoring of the original
        system, which wrote the tags of all sentences into one list. There a gold entity that opens a sentence
        continues one of the same type that closes the sentence before it, whereas predictions stay apart.
        Tags cannot hold gold entities that overlap: where there are any, these scores are left out, and a
        warning names the sentence.

    # Raises

    `ConfigurationError`
        `paper_compatible` without `flat`.
    """

    supports_distributed = True

    def __init__(self, flat: bool = True, paper_compatible: bool = False) -> None:
        if paper_compatible and not flat:
            raise ConfigurationError(
                "paper_compatible scores lists of tags, which cannot hold the nested entities that "
                "flat = false keeps: set flat to true or paper_compatible to false."
            )
        self._flat = flat
        self._paper_compatible = paper_compatible
        self.reset()

    def __call__(self, chunks: Sequence[ChunkPrediction]) -> None:  # type: ignore[override]
        """
        # Parameters

        chunks : `Sequence[ChunkPrediction]`
            In any order, and not necessarily all those of a sentence.
        """
        for chunk in chunks:
            if chunk.key in self._sentences:
                continue
            arrived = self._pending.setdefault(chunk.key, {})
            arrived.setdefault(chunk.chunk, chunk)
            if len(arrived) >= chunk.num_chunks:
                self._count(chunk.key, self._decode(self._pending.pop(chunk.key)))

    def add(
        self,
        gold: Iterable[LabeledSpan],
        predicted: Iterable[LabeledSpan],
        num_words: int = 0,
        document: str = "",
    ) -> None:
        """
        Counts the entities of one sentence, taken as they are; for scoring without a model, in one process.

        # Parameters

        gold : `Iterable[LabeledSpan]`
        predicted : `Iterable[LabeledSpan]`
        num_words : `int`, optional (default = `0`)
            The length of the sentence, which matters to `paper_compatible` only.
        document : `str`, optional (default = `""`)
        """
        number = len(self._sentences)
        gold = frozenset(LabeledSpan(*span) for span in gold)
        predicted = frozenset(LabeledSpan(*span) for span in predicted)
        self._count((document, number), ScoredSentence((0, "", number), num_words, gold, predicted, []))

    @property
    def counts(self) -> EntityCounts:
        """
        The counts over the complete sentences of this process since the last reset.
        """
        return self._counts

    @overrides(check_signature=False)
    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        # Parameters

        reset : `bool`, optional (default = `False`)
            If true, the sentences of all processes are scored together, incomplete ones with what there is of
            them, and forgotten; in a distributed run all processes have to call this. If false, the scores
            are those over the complete sentences of this process.

        # Returns

        scores : `Dict[str, float]`
            `precision`, `recall`, `f1`, these with `_` and the type appended for each type, and with `paper_`
            in front if asked for. A score whose denominator is zero is zero.
        """
        if not reset:
            return {**self._counts.micro(), **self._counts.by_type()}
        self._gather()
        scores = {**self._counts.micro(), **self._counts.by_type()}
        if self._paper_compatible and not self._gold_overlaps():
            paper = _paper_counts(self._sentences.values())
            scores.update({f"paper_{name}": value for name, value in paper.micro().items()})
        self.reset()
        return scores

    @overrides
    def reset(self) -> None:
        self._sentences: Dict[SentenceKey, ScoredSentence] = {}
        self._pending: Dict[SentenceKey, Dict[int, ChunkPrediction]] = {}
        self._counts = EntityCounts()

    def _gather(self) -> None:
        """
        Puts the sentences of all processes together, and completes those that are pending.
        """
        states: List[Any] = [(self._sentences, self._pending)]
        if is_distributed():
            states = [None] * dist.get_world_size()
            dist.all_gather_object(states, (self._sentences, self._pending))
        self.reset()
        for sentences, _ in states:
            for key, sentence in sentences.items():
                if key not in self._sentences:
                    self._count(key, sentence)
        for _, pending in states:
            for chunks in pending.values():
                self(list(chunks.values()))
        if self._pending:
            (document, number), chunks = next(iter(self._pending.items()))
            if not is_distributed() or dist.get_rank() == 0:
                logger.warning(
                    "%d of %d sentences are scored without some of their chunks, for example sentence %d of "
                    "document %r, of which %d of %d chunks were predicted.",
                    len(self._pending),
                    len(self._pending) + len(self._sentences),
                    number,
                    document,
                    len(chunks),
                    next(iter(chunks.values())).num_chunks,
                )
            for key, chunks in self._pending.items():
                self._count(key, self._decode(chunks))

    def _count(self, key: SentenceKey, sentence: ScoredSentence) -> None:
        self._sentences[key] = sentence
        self._counts.add(sentence.gold, sentence.predicted, sentence.unaligned)

    def _gold_overlaps(self) -> bool:
        """Whether tags cannot hold the gold entities; a warning then names the first such sentence."""
        for sentence in sorted(self._sentences.values(), key=lambda sentence: sentence.order):
            for left, right in pairwise(sorted(sentence.gold)):
                if right.start < left.end:
                    if not is_distributed() or dist.get_rank() == 0:
                        logger.warning(
                            "The paper_ scores are left out: sentence %d of document %r has overlapping gold "
                            "entities %s and %s, which paper_compatible cannot write as tags.",
                            sentence.order[-1],
                            sentence.order[1],
                            tuple(left),
                            tuple(right),
                        )
                    return True
        return False

    def _decode(self, chunks: Dict[int, ChunkPrediction]) -> ScoredSentence:
        predictions = [prediction for _, chunk in sorted(chunks.items()) for prediction in chunk.predictions]
        scores = [logit for _, _, _, logit in predictions]
        if self._flat:
            chosen = non_overlapping([(start, end) for start, end, _, _ in predictions], scores)
        else:
            # The pieces of a split sentence may share a candidate, but a span has one label.
            best: Dict[Tuple[int, int], int] = {}
            for index, (start, end, _, logit) in enumerate(predictions):
                if (start, end) not in best or logit > scores[best[start, end]]:
                    best[start, end] = index
            chosen = list(best.values())
        first = next(iter(chunks.values()))
        return ScoredSentence(
            order=(first.document_index, first.document, first.sentence),
            num_words=first.num_words,
            gold=frozenset(LabeledSpan(*span) for span in first.gold),
            predicted=frozenset(LabeledSpan(*predictions[index][:3]) for index in chosen),
            unaligned=first.unaligned,
        )


def _scores(correct: int, predicted: int, gold: int) -> Dict[str, float]:
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }


def _paper_counts(sentences: Iterable[ScoredSentence]) -> EntityCounts:
    """
    The counts of the original's one list of tags for the whole split.

    Its gold tags are IOB1, where an entity at the beginning of a sentence is `I-` whatever closes the
    sentence before it: of two entities of one type that meet there, one is read. Its predictions are decoded
    to `B-`, of which only those not preceded by their own type become `I-`, across sentences too: what is
    read is what was decoded.
    """
    counts = EntityCounts()
    offset = 0
    merged: List[LabeledSpan] = []
    predicted: List[LabeledSpan] = []
    for sentence in sorted(sentences, key=lambda sentence: sentence.order):
        for start, end, label in sorted(sentence.gold):
            begin = offset + start
            if start == 0 and merged and merged[-1].end == offset and merged[-1].label == label:
                begin = merged.pop().start
            merged.append(LabeledSpan(begin, offset + end, label))
        predicted.extend(
            LabeledSpan(offset + start, offset + end, label) for start, end, label in sentence.predicted
        )
        counts.gold.update(sentence.unaligned)
        offset += sentence.num_words
    counts.add(set(merged), set(predicted))
    return counts
