"""What the judges of all tasks share."""

import math
import re
from typing import Any, ClassVar, Dict, Iterable, Optional, Sequence

from allennlp.models import Model

from luke_allennlp.report.judged import RIGHT, Judged, Pair
from luke_allennlp.tasks.base.metric import f1_scores


class Judge:
    """
    Compares predictions with what is right. A subclass, named `TaskJudge`, implements `judge`.

    # Parameters

    model : `Model`
        Of the task.
    """

    has_labels: ClassVar[bool] = True
    """Whether items have labels, for scores and confusion by label."""

    has_places: ClassVar[bool] = False
    """Whether items have places in the text that can be wrong, too."""

    is_multi_label: ClassVar[bool] = False
    """Whether an example has any number of labels."""

    item: ClassVar[str] = "prediction"
    """What the probabilities are of."""

    score_name: ClassVar[str] = "F1"

    entities_name: ClassVar[str] = "entities"
    """What `Judged.entities` counts."""

    kinds: ClassVar[Dict[str, str]] = {}
    """What each kind of pair is called, in the order of the table."""

    def __init__(self, model: Model) -> None:
        self.negative: Optional[str] = None  # the label that scores leave out

    def judge(self, example: Any, items: Sequence[Any], output: Dict[str, Any]) -> Judged:
        """
        # Parameters

        example : `Any`
            Of the task's reader, with its `items`.
        output : `Dict[str, Any]`
            Of the task's predictor.
        """
        raise NotImplementedError

    def score(self, examples: Iterable[Judged]) -> float:
        """
        The score of examples, from 0 to 1, NaN if there is nothing to find in them; by default micro-averaged
        F1.
        """
        pairs = [pair for example in examples for pair in example.pairs]
        if all(pair.gold in (None, self.negative) for pair in pairs):
            return math.nan
        return f1_of(pairs, self.negative)["f1"]


def f1_of(pairs: Sequence[Pair], negative: Optional[str] = None) -> Dict[str, float]:
    """Precision, recall and F1 of items but those with the negative label."""
    correct = sum(pair.kind == RIGHT and pair.gold != negative for pair in pairs)
    predicted = sum(pair.predicted not in (None, negative) for pair in pairs)
    gold = sum(pair.gold not in (None, negative) for pair in pairs)
    return f1_scores(correct, predicted, gold)


def count_words(text: str) -> int:
    """Words and punctuation marks, and characters of scripts that are written without spaces."""
    return len(re.findall(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]", text))
