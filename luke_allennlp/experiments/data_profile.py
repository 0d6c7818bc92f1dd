"""What a data file is like, as a task's reader reads it for training."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Set

from luke_allennlp.experiments.example_facts import facts_of
from luke_allennlp.experiments.messages import messages_of
from luke_allennlp.tasks.base.reader import TaskReader

FEW = 5
"""A label with fewer examples is rare."""


@dataclass
class DataProfile:
    """
    A data file in figures.

    # Parameters

    unit : `str`
        What the examples are: "sentences", "mentions", "questions".
    sources : `int`
        How many documents or passages they are from.
    inputs : `int`
        How many inputs of the model they become: windows of a text, or parts of a sentence's spans.
    labels : `Counter[str]`
        How many examples or entities have each.
    lengths : `List[int]`
        Of the texts in tokens, start and end token included.
    span_lengths : `List[int]`
        Of the gold entities in tokens, for NER.
    max_input : `int`
        The reader's limit of tokens.
    cut : `int`
        The number of texts that are longer.
    faults : `Dict[str, List[str]]`
        What cannot be learned or predicted: why, and what it is.
    counts : `Counter[str]`
        Further figures, each with what it counts, such as "nested entities".
    notes, warnings : `List[str]`
        What the reader logs about the file.
    """

    path: str
    unit: str = "examples"
    examples: int = 0
    sources: int = 0
    inputs: int = 0
    max_input: int = 0
    cut: int = 0
    labels: "Counter[str]" = field(default_factory=Counter)
    lengths: List[int] = field(default_factory=list)
    span_lengths: List[int] = field(default_factory=list)
    faults: Dict[str, List[str]] = field(default_factory=dict)
    counts: "Counter[str]" = field(default_factory=Counter)
    notes: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    keys: Set[int] = field(default_factory=set)

    @classmethod
    def read(cls, reader: TaskReader, path: str, max_length: int) -> "DataProfile":
        """
        # Parameters

        reader : `TaskReader`
            One that `example_facts.unlimited` has made.
        max_length : `int`
            The maximum number of tokens of an input in training.
        """
        with messages_of(path) as messages:
            profile = cls(path, max_input=max_length)
            source: Any = None
            for example in reader.local_examples(path):
                profile._add(reader, example)
                found = reader.source(example) if profile.unit != "sentences" else example.document.index
                profile.sources += source is None or found != source
                source = found
            for record in messages:
                text = record.getMessage().removeprefix(f"{path}: ")
                if record.levelno >= logging.WARNING:
                    profile.warnings.append(text)
                elif not text[:1].isdigit():  # figures are counted here
                    profile.notes.append(text)
        return profile

    def _add(self, reader: TaskReader, example: Any) -> None:
        facts = facts_of(reader, example, self.max_input)
        self.unit = facts.unit
        self.examples += 1
        self.inputs += facts.inputs
        self.labels.update(reader.gold_labels(example))
        self.lengths.append(facts.length)
        self.cut += facts.length > self.max_input
        self.span_lengths.extend(facts.span_lengths)
        self.counts.update(facts.counts)
        for why, what in facts.faults:
            self.faults.setdefault(why, []).append(what)
        if facts.key is not None:
            self.keys.add(hash(facts.key))

    def rare_labels(self) -> List[str]:
        """The labels with fewer than `FEW` examples, the most frequent first."""
        return [label for label, count in self.labels.most_common() if count < FEW]


def percentile(values: Sequence[int], percent: float) -> int:
    """The smallest value that at least so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
