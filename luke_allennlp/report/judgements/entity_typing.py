"""Entity typing: any number of labels a mention."""

from typing import Any, Dict, Sequence

from overrides import overrides

from luke_allennlp.report.judged import MISSED, RIGHT, SPURIOUS, Judged, Mark, Pair
from luke_allennlp.report.judgements.base import Judge, count_words, f1_of
from luke_allennlp.tasks.entity_typing.examples import TypingExample


class TaskJudge(Judge):
    """Of "luke_entity_typing"."""

    is_multi_label = True
    item = "type"
    entities_name = "types of the mention"
    kinds = {RIGHT: "right", MISSED: "missed", SPURIOUS: "spurious"}

    @overrides(check_signature=False)
    def judge(self, example: TypingExample, items: Sequence[Any], output: Dict[str, Any]) -> Judged:
        gold = set(example.labels or [])
        found = {label["label"]: label["probability"] for label in output["labels"]}
        pairs = [Pair(label, label, RIGHT, found[label]) for label in sorted(gold & found.keys())]
        pairs += [Pair(label, None, MISSED) for label in sorted(gold - found.keys())]
        pairs += [Pair(None, label, SPURIOUS, found[label]) for label in sorted(found.keys() - gold)]
        return Judged(
            where=example.where,
            text=example.text,
            gold=(Mark(*example.span, "mention"),),
            predicted=(),
            pairs=tuple(pairs),
            words=count_words(example.text),
            entities=len(gold),
            quality=f1_of(pairs)["f1"] if pairs else 1.0,
            gold_label=", ".join(sorted(gold)) or "none",
            predicted_label=", ".join(f"{label} ({found[label]:.0%})" for label in found) or "none",
        )
