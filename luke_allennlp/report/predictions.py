"""The predictions of a run's model for a file, judged."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError, chosen_device
from allennlp.models.archival import Archive, load_archive
from allennlp.predictors import Predictor

from luke_allennlp.report.judged import Judged
from luke_allennlp.report.judgements import Judge, judge_of
from luke_allennlp.tasks.base.predictor import TaskPredictor

# Examples that are predicted at once, sorted by length: the more, the faster, but the progress bar waits.
_FIRST_GROUP, _LARGEST_GROUP = 16, 1024
_SECONDS = 3.0


@dataclass
class Predictions:
    """
    # Parameters

    scores : `Dict[str, float]`
        Those that `allennlp evaluate` prints, without the loss.
    """

    data: str
    judge: Judge
    examples: List[Judged]
    scores: Dict[str, float]


def predict(archive_file: str, data: str, cuda_device: Optional[int] = None) -> Predictions:
    """
    Predicts a file of labelled examples with the archive's validation reader.

    # Raises

    `ConfigurationError`
        The archive or the file cannot be read, belongs to no task of this package, or has no labels.
    """
    archive = load_archive(archive_file, cuda_device=chosen_device(cuda_device))
    predictor = _predictor(archive)
    judge = judge_of(predictor.task, archive.model)
    reader = predictor._reader
    examples = list(reader.local_examples(data))
    if not examples:
        raise ConfigurationError(f"{data}: has no example, so there is nothing to predict.")
    reader.check_labels(examples[0])
    model = archive.model.eval()
    model.get_metrics(reset=True)
    judged: List[Judged] = []
    left = reader.max_items
    with Tqdm.tqdm(total=len(examples), desc="predicting", unit=" examples") as progress:
        size, waiting = _FIRST_GROUP, deque(examples)
        while waiting and left != 0:
            started = time.perf_counter()
            group = [waiting.popleft() for _ in range(min(size, len(waiting)))]
            items = [list(reader.items(example)) for example in group]
            if left is not None:  # as many instances as `evaluate` reads
                items, left = _first(items, left)
                group = group[: len(items)]
            all_items = [item for found in items for item in found]
            outputs = iter(predictor.model_outputs(all_items, labeled=True))
            for example, found in zip(group, items, strict=True):
                output = predictor.output(example, found, [next(outputs) for _ in found])
                judged.append(judge.judge(example, found, output))
            progress.update(len(group))
            if time.perf_counter() - started < _SECONDS:
                size = min(2 * size, _LARGEST_GROUP)
    return Predictions(data, judge, judged, model.get_metrics(reset=True))


def _predictor(archive: Archive) -> TaskPredictor:
    kind = archive.config.get("model", {}).get("type")
    name = getattr(archive.model, "default_predictor", None)
    predictor = Predictor.from_archive(archive, name) if name is not None else None
    if not isinstance(predictor, TaskPredictor):
        raise ConfigurationError(
            f"Predictions of a model of type {kind!r} are not judged, only those of this package's tasks."
        )
    return predictor


def _first(items: List[List[Any]], number: int) -> Any:
    """The first items, examples without any left out, and how many more there may be."""
    kept = []
    for found in items:
        if number <= 0:
            break
        kept.append(found[:number])
        number -= len(kept[-1])
    return kept, number
