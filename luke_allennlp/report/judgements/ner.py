"""Named entity recognition: entities by their places."""

from typing import Any, Dict, List, Sequence, Set

from overrides import overrides

from luke_allennlp.report.judged import BOUNDARY, LABEL, MISSED, RIGHT, SPURIOUS, Judged, Mark, Pair
from luke_allennlp.report.judgements.base import Judge, f1_of
from luke_allennlp.tasks.ner.examples import SentenceChunk, SentenceExample


class TaskJudge(Judge):
    """
    Of "luke_ner". A gold entity pairs with the prediction of its place, otherwise with the one that overlaps
    most.
    """

    has_places = True
    item = "entity"
    kinds = {
        RIGHT: "right",
        LABEL: "another type",
        BOUNDARY: "other boundaries",
        MISSED: "missed",
        SPURIOUS: "spurious",
    }

    @overrides(check_signature=False)
    def judge(
        self, example: SentenceExample, items: Sequence[SentenceChunk], output: Dict[str, Any]
    ) -> Judged:
        sentence = example.sentence
        offsets = _offsets(example, output["text"])
        gold = {Mark(offsets[span.start][0], offsets[span.end - 1][1], span.label) for span in sentence.spans}
        base = sentence.offsets[0][0] if sentence.offsets else 0
        unaligned = [Mark(start - base, end - base, label) for start, end, label in sentence.unaligned]
        found = {
            Mark(entity["start"], entity["end"], entity["label"]): entity["score"]
            for entity in output["entities"]
        }
        pairs = [*paired(gold, found), *(Pair(mark.label, None, MISSED) for mark in unaligned)]
        return Judged(
            where=_where(example),
            text=output["text"],
            gold=tuple(sorted([*gold, *unaligned])),
            predicted=tuple(_noted(mark, found[mark], mark in gold) for mark in sorted(found)),
            pairs=tuple(pairs),
            words=len(sentence.words),
            entities=len(gold) + len(unaligned),
            quality=f1_of(pairs)["f1"] if pairs else 1.0,
        )


def _where(example: SentenceExample) -> str:
    """The sentence's line in the file rather than its document's."""
    document, place = example.document.where, example.sentence.where
    if place is None:
        return f"{document}, sentence {example.number + 1}"
    return f"{document.rpartition(', line ')[0] or document}, {place}"


def _noted(mark: Mark, probability: float, is_right: bool) -> Mark:
    return mark._replace(note=f"{probability:.0%}{'' if is_right else ' ✗'}")


def _offsets(example: SentenceExample, text: str) -> List[Any]:
    """Where each word starts and ends in the predictor's text."""
    sentence = example.sentence
    if example.document.text is not None and sentence.offsets:
        first = sentence.offsets[0][0]
        return [(start - first, end - first) for start, end in sentence.offsets]
    offsets, at = [], 0
    for word in sentence.words:
        offsets.append((at, at + len(word)))
        at += len(word) + 1
    return offsets


def paired(gold: Set[Mark], found: Dict[Mark, float]) -> List[Pair]:
    """Pairs each entity at most once: first those of the same place, then those that overlap most."""
    pairs = [Pair(mark.label, mark.label, RIGHT, found[mark]) for mark in sorted(gold & found.keys())]
    left, open_ = sorted(gold - found.keys()), sorted(found.keys() - gold)
    overlaps = sorted(
        (
            (mark[:2] != other[:2], -(min(mark.end, other.end) - max(mark.start, other.start)), mark, other)
            for mark in left
            for other in open_
            if max(mark.start, other.start) < min(mark.end, other.end)
        ),
    )
    for differs, _, mark, other in overlaps:
        if mark in left and other in open_:
            left.remove(mark)
            open_.remove(other)
            longer = (other.end - other.start) - (mark.end - mark.start)
            kind = BOUNDARY if differs else LABEL
            pairs.append(Pair(mark.label, other.label, kind, found[other], longer))
    pairs += [Pair(mark.label, None, MISSED) for mark in left]
    return pairs + [Pair(None, other.label, SPURIOUS, found[other]) for other in open_]
