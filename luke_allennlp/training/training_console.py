"""What the console shows of a training."""

import time
from typing import Any, List, Mapping, Sequence

from allennlp import console

from luke_allennlp.tasks.base.metric import LabelScores
from luke_allennlp.training.health import (
    LossWatch,
    peak_rate,
    warn_of_data,
    warn_of_links,
    warn_of_no_labels,
    warn_of_nothing_predicted,
    warn_of_rate,
)
from luke_allennlp.training.run_console import counts_of, line, show_data, show_model
from luke_allennlp.training.scores import score_table


class TrainingConsole:
    """
    Shows the data, the model, the scores of each validation and the losses of each epoch, with warnings of
    what will come to nothing.

    # Parameters

    trainer : `ReportingTrainer`
    """

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._losses = LossWatch()
        self._since = time.monotonic()

    def start(self, num_steps: int, steps_completed: int) -> None:
        """Shows what there is to train, and warns of what is unusual in it."""
        trainer = self._trainer
        splits = [("train", trainer.data_loader)]
        if trainer._validation_data_loader is not None:
            splits.append(("validation", trainer._validation_data_loader))
        show_data(splits)
        dtype = trainer._precision.dtype
        precision = "float32" if dtype is None else str(dtype).removeprefix("torch.")
        show_model(
            trainer.model, trainer.cuda_device, precision, getattr(trainer.data_loader, "max_tokens", None)
        )
        if trainer._world_size > 1:
            line("processes", f"{trainer._world_size}")
        rate = peak_rate(trainer.optimizer.param_groups)
        per_epoch = trainer._source.steps_per_epoch
        text = f"{num_steps:,} steps, {per_epoch:,} an epoch, learning rate {rate:.1e}"
        size = getattr(trainer.data_loader, "batch_size", None)
        text += f", {size:,} instances a step" if isinstance(size, int) else ""
        text += f"; resumes after step {steps_completed:,}" if steps_completed else ""
        console.say()
        line("Training", text)
        for number, (_, loader) in enumerate(splits):
            counts = counts_of(loader)
            if counts is not None:
                (warn_of_links if number else warn_of_data)(loader.data_path, counts)
                if number:
                    warn_of_no_labels(loader.data_path, counts, counts_of(splits[0][1]))
        warn_of_rate(trainer.model, rate)
        self._since = time.monotonic()

    def show(self, title: str, losses: Sequence[float], is_validated: bool) -> None:
        """
        Shows the end of an epoch, or a validation between two.

        # Parameters

        title : `str`
        losses : `Sequence[float]`
            Of the epoch's steps so far.
        is_validated : `bool`
            Whether this is after a validation.
        """
        trainer = self._trainer
        parts = [f"loss {sum(losses) / len(losses):.4f}"] if losses else []
        rows: List[LabelScores] = []
        text = ""
        if is_validated:
            scores = validation_scores(trainer._metrics)
            if "loss" in scores:
                parts.append(f"validation {scores['loss']:.4f}")
            rows = trainer.model.table() if hasattr(trainer.model, "table") else []
            text = score_table(rows, scores)
        now = time.monotonic()
        parts.append(_duration(now - self._since))
        self._since = now
        best = " * best so far" if is_validated and trainer._metric_tracker.is_best_so_far() else ""
        console.say(f"\n{title}: {', '.join(parts)}{best}")
        if text:
            console.say(text)
        warn_of_nothing_predicted(rows)

    def end_epoch(self, losses: Sequence[float]) -> None:
        """Warns if the loss does not fall."""
        self._losses.end_epoch(losses)

    def end(self) -> None:
        """Shows which validation was the best."""
        trainer = self._trainer
        console.say()
        best = trainer._metric_tracker.best_epoch
        if best is None:
            return
        tracked = trainer._metric_tracker.tracked_metrics
        figures = ""
        if len(tracked) == 1 and trainer._metric_tracker._best_so_far is not None:
            sign, name = tracked[0]
            figures = f" with {name} {sign * trainer._metric_tracker._best_so_far:.3f}"
        step = min((best + 1) * trainer._validate_every, trainer._num_steps)
        where = _place(step, trainer._source.steps_per_epoch)
        kept = "these" if trainer._keep_best else "the last"
        line("Best", f"{where}{figures} in validation; archived are {kept} weights")


def validation_scores(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of the last validation."""
    prefix = "validation_"
    return {
        name.removeprefix(prefix): value
        for name, value in metrics.items()
        if name.startswith(prefix) and name != "validation_step"
    }


def _place(step: int, steps_per_epoch: int) -> str:
    epoch, rest = divmod(step, steps_per_epoch)
    return f"step {step:,}" if rest else f"epoch {epoch}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
