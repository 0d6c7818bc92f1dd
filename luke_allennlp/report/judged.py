"""What a report knows of an example: its text, what is right, and what was predicted."""

from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

RIGHT, LABEL, BOUNDARY, MISSED, SPURIOUS = "right", "label", "boundary", "missed", "spurious"


class Mark(NamedTuple):
    """
    Characters of a text, end exclusive, and what they are labelled with. `note` follows the label where it is
    shown.
    """

    start: int
    end: int
    label: str
    note: str = ""


class Pair(NamedTuple):
    """
    Something to find and what was found in its place.

    # Parameters

    gold, predicted : `str`, optional
        Labels. `gold` is `None` if there is nothing to find, `predicted` if nothing was found.
    kind : `str`
        `RIGHT`, `LABEL` (the same place, another label), `BOUNDARY` (a place that overlaps), `MISSED` or
        `SPURIOUS`.
    probability : `float`, optional (default = `None`)
        The model's of its prediction.
    difference : `int`, optional (default = `0`)
        For `BOUNDARY`, by how many characters the predicted place is longer.
    """

    gold: Optional[str]
    predicted: Optional[str]
    kind: str
    probability: Optional[float] = None
    difference: int = 0


@dataclass(frozen=True)
class Judged:
    """
    An example with its prediction.

    # Parameters

    where : `str`
        Names the example: `dev.json, record 3`.
    gold, predicted : `Tuple[Mark, ...]`
        What is marked in the text.
    pairs : `Tuple[Pair, ...]`
        Each gold and each predicted item once.
    words, entities : `int`
        The length of the text in words, and the number of its entities, candidates or answers.
    quality : `float`
        From 0 to 1: F1 of the example.
    gold_label, predicted_label : `str`, optional (default = `""`)
        What is said of the whole text, as a relation, or an answer.
    question : `str`, optional (default = `""`)
        What is asked about the text.
    group : `str`, optional (default = `""`)
        For scores by group, such as the question's first word.
    """

    where: str
    text: str
    gold: Tuple[Mark, ...]
    predicted: Tuple[Mark, ...]
    pairs: Tuple[Pair, ...]
    words: int
    entities: int
    quality: float
    gold_label: str = ""
    predicted_label: str = ""
    question: str = ""
    group: str = ""

    @property
    def is_right(self) -> bool:
        return all(pair.kind == RIGHT for pair in self.pairs)

    @property
    def worst(self) -> float:
        """The probability of the most confident wrong prediction; -1 if there is none."""
        wrong = [pair.probability for pair in self.pairs if pair.kind != RIGHT]
        return max((probability for probability in wrong if probability is not None), default=-1.0)

    @property
    def identity(self) -> Tuple[object, ...]:
        """Equal for the same example in another run."""
        return self.text, self.question, self.gold, self.gold_label

    @property
    def decision(self) -> Tuple[object, ...]:
        """Equal for the same prediction of another run, however sure that is."""
        places = tuple(mark[:3] for mark in self.predicted)
        return places, tuple(pair.predicted for pair in self.pairs)
