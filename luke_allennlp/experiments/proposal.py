"""The knobs that matter, set from the data and the size of the checkpoint: tables of plain rules."""

import math
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from luke_allennlp.experiments.checkpoint_profile import CheckpointProfile
from luke_allennlp.experiments.data_profile import DataProfile, percentile

Value = TypeVar("Value")

# Up to which hidden size: the peak learning rate of a checkpoint without trained entities, and of LUKE.
LEARNING_RATES: Sequence[Tuple[float, Tuple[float, float]]] = (
    (64, (3e-3, 3e-3)),
    (128, (1e-3, 1e-3)),
    (256, (3e-4, 3e-4)),
    (512, (1.5e-4, 1e-4)),
    (768, (5e-5, 3e-5)),
    (math.inf, (1e-5, 1e-5)),
)
# Up to which hidden size dropout of attention keeps a checkpoint from learning.
SMALL = 512
# Up to how many inputs an epoch has: the inputs of an update, by task.
BATCH_SIZES: Dict[str, Sequence[Tuple[float, int]]] = {
    "ner": ((2_000, 4), (math.inf, 8)),
    "entity_typing": ((math.inf, 4),),
    "relation_classification": ((1_000, 8), (5_000, 16), (math.inf, 32)),
    "cloze_qa": ((1_000, 8), (10_000, 16), (math.inf, 32)),
    "reading_comprehension": ((1_000, 8), (10_000, 16), (math.inf, 48)),
}
# Of a training: fewer updates teach little, whatever the number of epochs.
MIN_UPDATES = 800
MIN_EPOCHS = {
    "ner": 4,
    "entity_typing": 3,
    "relation_classification": 3,
    "cloze_qa": 2,
    "reading_comprehension": 2,
}
MAX_EPOCHS = 20
# The tokens of a NER window with context, on a GPU and on a CPU, where context costs more than it brings.
CONTEXT_LENGTHS = {True: 512, False: 256}
SPAN_LENGTHS = (4, 16)  # the least and the most tokens of a span, for NER
COVERED = 99.5  # percent of the gold spans that `max_span_length` must cover


class Knob(NamedTuple):
    """A knob of a config, its value, and why it has this value."""

    name: str
    value: Any
    reason: str = ""


def propose(
    task: str,
    checkpoint: CheckpointProfile,
    train: DataProfile,
    reader_options: Dict[str, Any],
    has_gpu: bool = False,
    epochs: Optional[int] = None,
) -> List[Knob]:
    """
    # Parameters

    train : `DataProfile`
        Of the training data.
    reader_options : `Dict[str, Any]`
        Which the files need to be read.
    has_gpu : `bool`, optional (default = `False`)
        Whether the training will have one.
    epochs : `int`, optional (default = `None`)
        The number of epochs if the user has chosen it.
    """
    batch = at_most(BATCH_SIZES[task], train.inputs)
    updates = math.ceil(train.inputs / batch)
    least = MIN_EPOCHS[task]
    proposed = epochs or min(max(least, math.ceil(MIN_UPDATES / updates)), MAX_EPOCHS)
    rate = at_most(LEARNING_RATES, checkpoint.hidden_size)[checkpoint.has_entities]
    kind = "LUKE" if checkpoint.has_entities else "a checkpoint without trained entities"
    knobs = [
        Knob("learning_rate", rate, f"for {kind} with hidden size {checkpoint.hidden_size}"),
        Knob("num_epochs", proposed, f"{updates:,} updates each, {proposed * updates:,} in all"),
        Knob("effective_batch_size", batch, f"inputs of an update; an epoch has {train.inputs:,}"),
        Knob("loss_batch_size", None, "the loss is the mean over all predictions of an update"),
    ]
    options = dict(reader_options)
    knobs += _task_knobs(task, checkpoint, train, options, has_gpu)
    if options:
        knobs.append(Knob("reader_options", options, _reader_reason(train, options)))
    if checkpoint.hidden_size <= SMALL:
        dropout = {"attention_dropout": 0}
        if checkpoint.hidden_size <= 64:
            dropout["hidden_dropout"] = 0
        knobs.append(Knob("embedder_options", dropout, "small models learn slowly with dropout of attention"))
    return knobs


def _task_knobs(
    task: str, checkpoint: CheckpointProfile, train: DataProfile, options: Dict[str, Any], has_gpu: bool
) -> List[Knob]:
    """What only this task has. Adds to the options of its reader."""
    if task == "ner":
        return _ner_knobs(checkpoint, train, options, has_gpu)
    if checkpoint.window < 512:
        options.setdefault("max_length", checkpoint.window)
    if task == "relation_classification" and any(
        re.search(r"\(e[12],e[12]\)$", label) for label in train.labels
    ):
        return [
            Knob("semeval", True, "labels have directions: the official scores of SemEval-2010 Task 8, too")
        ]
    if task == "reading_comprehension":
        knobs = [Knob("use_entities", False, "entities need a link database: docs/link_database.md")]
        if train.counts["unanswerable questions"]:
            found = train.counts["unanswerable questions"]
            knobs.append(Knob("version", "2.0", f"{found:,} questions have no answer"))
        return [*knobs, Knob("keep", "best", "the epoch with the best score on the validation data")]
    return []


def _ner_knobs(
    checkpoint: CheckpointProfile, train: DataProfile, options: Dict[str, Any], has_gpu: bool
) -> List[Knob]:
    has_documents = train.sources < train.examples
    reason = "sentences are surrounded by their documents" if has_documents else "the file has no documents"
    knobs = [Knob("context", "document" if has_documents else "sentence", reason)]
    length = min(checkpoint.window, CONTEXT_LENGTHS[has_gpu] if has_documents else 512)
    if length < 512:
        options.setdefault("max_length", length)
    options.setdefault("max_span_length", span_limit(train.span_lengths))
    if not checkpoint.has_entities:
        # F1 of three seeds on 1,200 tweets, MiniLM: 0.554 on average, and 0.526 with "full", in more time.
        knobs.append(Knob("span_attention", "independent", "spans learn faster if they see words alone"))
    if train.counts["nested or overlapping pairs of entities"]:
        knobs.append(Knob("flat", False, "entities overlap: all are predicted, not only the most certain"))
    return [*knobs, Knob("keep", "best", "the epoch with the best score on the validation data")]


def span_limit(lengths: Sequence[int]) -> int:
    """The smallest limit that nearly all spans keep to: what a training costs grows with it."""
    low, high = SPAN_LENGTHS
    return min(max(percentile(lengths, COVERED), low), high) if lengths else high


def _reader_reason(train: DataProfile, options: Dict[str, Any]) -> str:
    reasons = []
    if options.keys() & {"word_column", "tag_column", "separator", "tag_scheme", "segmenter", "types"}:
        reasons.append("as the files are")
    if "max_span_length" in options and train.span_lengths:
        longer = sum(length > options["max_span_length"] for length in train.span_lengths)
        more = f"; {longer:,} entities have more" if longer else ""
        reasons.append(f"the most tokens of an entity, which costs time{more}")
    return "; ".join(reasons)


def at_most(table: Sequence[Tuple[float, Value]], size: float) -> Value:
    """The value of the first row whose limit is not exceeded."""
    return next(value for limit, value in table if size <= limit)
