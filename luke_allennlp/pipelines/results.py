"""
What pipelines return. `start` and `end` count characters, the end exclusive: `text[start:end]` is the
result's `text`. Scores are probabilities.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Optional, Tuple


class Result:
    """What all results can do."""

    def to_dict(self) -> Dict[str, Any]:
        """As an object of JSON, tuples as lists."""
        return _plain(asdict(self))  # type: ignore[call-overload]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class Entity(Result):
    """
    A named entity.

    # Parameters

    text, label : `str`
    score : `float`
    start, end : `int`
        Characters of the input's text; of tokens, joined by spaces, and of sentences, joined by line ends.
    sentence : `int`
        The number of its sentence, from 0.
    words : `Tuple[int, int]`
        Its first word in the sentence, and the word after its last: of the input's, or the segmenter's.
    """

    text: str
    label: str
    score: float
    start: int
    end: int
    sentence: int = 0
    words: Tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class EntityType(Result):
    """One of the types of a mention."""

    label: str
    score: float


@dataclass(frozen=True)
class Mention(Result):
    """A mention as the input has it. Of tokens, the characters are those of the tokens joined by spaces."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Relation(Result):
    """
    The relation of two mentions.

    # Parameters

    label : `str`
    score : `float`
    head, tail : `Mention`
    scores : `Dict[str, float]`
        Of all labels, the most probable first.
    """

    label: str
    score: float
    head: Mention
    tail: Mention
    scores: Dict[str, float] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer(Result):
    """
    The answer of a question. If there is none, it is false (`if answer:`), its `text` is empty, and `start`
    and `end` are `None`.

    # Parameters

    text : `str`
    score : `float`, optional
        Among the candidates. `None` for a candidate of cloze QA that is too long for the model.
    start, end : `int`, optional
        Characters of the passage.
    question : `str`, optional (default = `""`)
    id : `str`, optional (default = `None`)
        Of the question, if the input has it.
    candidates : `Tuple[Answer, ...]`, optional (default = `()`)
        All candidates of cloze QA, or the n-best answers of extractive QA, the best first.
    """

    text: str
    score: Optional[float]
    start: Optional[int]
    end: Optional[int]
    question: str = ""
    id: Optional[str] = None
    candidates: Tuple["Answer", ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, output: Dict[str, Any], score: str, candidates: str) -> "Answer":
        """From a predictor's output for a question, given its keys of the score and of the candidates."""
        best = output["answer"]
        found = (Answer(c["text"], c["probability"], c["start"], c["end"]) for c in output[candidates])
        return cls(best["text"], best[score], best["start"], best["end"], candidates=tuple(found))

    def __bool__(self) -> bool:
        return self.start is not None
