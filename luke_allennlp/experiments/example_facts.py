"""The figures of one example, which depend on the task."""

import itertools
import math
from typing import Any, Callable, Dict, Hashable, List, NamedTuple, Optional, Tuple

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.mention_reader import MentionReader
from luke_allennlp.tasks.base.reader import TaskReader
from luke_allennlp.tasks.cloze_qa import ClozeQaReader
from luke_allennlp.tasks.ner import NerReader
from luke_allennlp.tasks.ner.examples import Sentence
from luke_allennlp.tasks.reading_comprehension import ReadingComprehensionReader

UNLIMITED = 1_000_000
"""A `max_length` with which no text is cut."""

_FEW_WORDS = 5


class ExampleFacts(NamedTuple):
    """
    What `DataProfile` adds up.

    # Parameters

    length : `int`
        Of the whole text in tokens, start and end token included.
    inputs : `int`
        How many inputs of the model it becomes.
    key : `Hashable`
        Equal for examples that are the same to a model. `None` for those that repeat in any data.
    faults : `List[Tuple[str, str]]`
        What cannot be learned or predicted: why, and what it is.
    counts : `Dict[str, int]`
        Further figures, each with what it counts.
    """

    unit: str
    length: int
    inputs: int
    key: Optional[Hashable]
    span_lengths: List[int] = []
    faults: List[Tuple[str, str]] = []
    counts: Dict[str, int] = {}


def unlimited(reader_config: Dict[str, Any]) -> Dict[str, Any]:
    """The config of a task's reader as `facts_of` needs it: long texts are not cut."""
    if reader_config["type"] == "luke_ner":
        return {**reader_config, "context": "sentence"}  # it splits sentences and cuts none
    return {**reader_config, "max_length": UNLIMITED}


def facts_of(reader: TaskReader, example: Any, max_length: int) -> ExampleFacts:
    """The figures of an example of an `unlimited` reader, for inputs of `max_length` tokens."""
    for kind, facts in _FACTS.items():
        if isinstance(reader, kind):
            return facts(reader, example, max_length)
    raise TypeError(f"{type(reader).__name__} is the reader of no known task")


def span_lengths(tokenizer: WordTokenizer, sentence: Sentence) -> List[int]:
    """The number of tokens of each entity."""
    sizes = [len(word) for word in tokenizer.encode_words(sentence.words)] if sentence.spans else []
    bounds = [0, *itertools.accumulate(sizes)]
    return [bounds[end] - bounds[start] for start, end, _ in sentence.spans]


def _ner(reader: Any, example: Any, max_length: int) -> ExampleFacts:
    sentence = example.sentence
    longest = reader.chunker.max_span_length
    lengths = span_lengths(reader.tokenizer, sentence)
    faults = []
    for length, (start, end, label) in zip(lengths, sentence.spans, strict=True):
        what = f"{sentence.where or example.document.where}: {label} {' '.join(sentence.words[start:end])!r}"
        if not 0 < length <= longest:
            why = (
                f"longer than {longest} tokens (max_span_length)"
                if length
                else "of characters without a token"
            )
            faults.append((f"entities {why}", what))
    for start, end, label in sentence.unaligned:
        text = (example.document.text or "")[start:end]
        faults.append(("entities that do not start and end with words", f"{label} {text!r}"))
    nested = sum(
        first.start < second.end and second.start < first.end
        for first, second in itertools.combinations(sentence.spans, 2)
    )
    return ExampleFacts(
        unit="sentences",
        length=sum(map(len, reader.tokenizer.encode_words(sentence.words))) + 2,
        inputs=len(reader.items(example)),
        # "Thank you ." is in any data.
        key=tuple(sentence.words) if len(sentence.words) >= _FEW_WORDS else None,
        span_lengths=lengths,
        faults=faults,
        counts={
            "words": len(sentence.words),
            "entities": len(sentence.spans) + len(sentence.unaligned),
            "nested or overlapping pairs of entities": nested,
            "sentences without an entity": not sentence.spans and not sentence.unaligned,
        },
    )


def _mention(reader: Any, example: Any, max_length: int) -> ExampleFacts:
    (item,) = reader.items(example)
    places = tuple(span for _, span in sorted(vars(example).items()) if isinstance(span, tuple))
    reach = max(last for _, last in item.spans) - min(first for first, _ in item.spans) + 3
    labels = reader.gold_labels(example)
    return ExampleFacts(
        unit="examples",
        length=len(item.token_ids),
        inputs=1,
        key=(example.text, places),
        counts={
            "without a label": not labels,
            "with several labels": len(labels) > 1,
            f"whose mentions are more than {max_length} tokens apart": reach > max_length,
        },
    )


def _question(reader: Any, example: Any, max_length: int) -> ExampleFacts:
    (item,) = reader.items(example)
    length = len(item.question_ids) + 2 + reader.tokenizer.separators + item.window.end - item.window.start
    unanswered = example.answers == []
    fault = []
    if example.answers and item.answer is None and not example.wrong_answers:
        fault = [("answers that no tokens cover", example.name)]
    longest = 0 if item.answer is None else item.answer[1] - item.answer[0] + 1
    if longest > 30:
        fault.append(("answers longer than 30 tokens (max_answer_length)", example.name))
    return ExampleFacts(
        unit="questions",
        length=length,
        inputs=_windows(length, max_length, reader.stride),
        key=(example.text, example.passage.context),
        faults=fault,
        counts={"unanswerable questions": unanswered},
    )


def _cloze(reader: Any, example: Any, max_length: int) -> ExampleFacts:
    (item,) = reader.items(example)
    passage, length = example.passage, len(item.input.ids)
    fault = []
    if example.answers is not None and not example.answer_spans & set(passage.candidates):
        fault = [("questions whose answer is no candidate", example.where)]
    return ExampleFacts(
        unit="questions",
        length=length,
        inputs=_windows(length, max_length, reader._stride),
        key=(example.query, passage.text),
        faults=fault,
        counts={"candidates": len(passage.candidates)},
    )


def _windows(length: int, max_length: int, stride: int) -> int:
    return 1 + max(0, math.ceil((length - max_length) / stride))


_FACTS: Dict[type, Callable[[Any, Any, int], ExampleFacts]] = {
    NerReader: _ner,
    MentionReader: _mention,
    ReadingComprehensionReader: _question,
    ClozeQaReader: _cloze,
}
