"""Warnings of trainings that will come to nothing, each with what to do."""

import logging
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from allennlp.models import Model

from luke_allennlp.common.text_lines import listed
from luke_allennlp.tasks.base.counts import FileCounts
from luke_allennlp.tasks.base.metric import LabelScores
from luke_allennlp.tasks.base.model import TaskModel

logger = logging.getLogger(__name__)

FEWEST_LABELS = 5
"""A label with fewer examples in the training data is warned of."""

LEAST_LINKED = 0.2
"""So many of the instances should have a linked entity."""

_TENTHS_FROM = 50  # steps of an epoch, from which its parts are compared
_FALLEN = 0.99  # a loss counts as fallen if it is at most this part of what it was
_LOW_LOSS = 1e-3  # does not have to fall further
# Smallest hidden size, and the usual peak learning rates from there on.
_RATES = ((768, 1024, 5e-6, 5e-5), (384, 768, 1e-5, 1e-4), (127, 384, 1e-5, 5e-4))


def usual_rates(hidden_size: int) -> Optional[Tuple[float, float]]:
    """
    The usual range of the peak learning rate in fine-tuning, by the hidden size of the encoder: 5e-6 to 5e-5
    for large models (1024), 1e-5 to 1e-4 for base models (768), 1e-5 to 5e-4 for small ones (128 to 384).
    `None` below 128, of which there are models for tests only.

    BERT was fine-tuned with 2e-5 to 5e-5 (Devlin et al., NAACL 2019, appendix A.3), RoBERTa large with 1e-5
    to 3e-5 (Liu et al. 2019, table 10), LUKE large with 1e-5 to 1.5e-5 (Yamada et al., EMNLP 2020, appendix),
    ELECTRA small, base and large with 3e-4, 1e-4 and 5e-5 (Clark et al., ICLR 2020, appendix B), and BERT of
    128 to 768 hidden units with 3e-5 to 3e-4 (Turc et al. 2019, section 4). Mosbach et al. (ICLR 2021) show
    what larger rates do: runs that stay at the score of the most frequent label.
    """
    for least, most, low, high in _RATES:
        if least < hidden_size <= most or (hidden_size > 1024 and most == 1024):
            return low, high
    return None


def warn_of_rate(model: Model, rate: float) -> None:
    """Warns of a learning rate out of the usual range of a model that is fine-tuned."""
    if not isinstance(model, TaskModel):
        return  # such as pretraining
    config: Any = next((module.config for module in model.modules() if hasattr(module, "config")), None)
    hidden_size = getattr(config, "hidden_size", None)
    range_ = usual_rates(hidden_size) if isinstance(hidden_size, int) else None
    trains_encoder = any(parameter.requires_grad for parameter in model.embedder.parameters())
    if range_ is None or not trains_encoder or range_[0] <= rate <= range_[1]:
        return
    logger.warning(
        "The learning rate is %.1e; encoders with a hidden size of %d are usually fine-tuned with %.0e to "
        "%.0e. %s Set learning_rate to a value in this range.",
        rate,
        hidden_size,
        *range_,
        "A larger one often leaves a model that predicts the most frequent label."
        if rate > range_[1]
        else "A smaller one needs many more epochs.",
    )


def warn_of_data(path: str, counts: FileCounts) -> None:
    """Warns of training data with rare labels, and of data in which a linker found next to nothing."""
    rare = sorted((number, label) for label, number in counts.labels.items() if number < FEWEST_LABELS)
    if rare:
        logger.warning(
            "%s: %d of %d labels have fewer than %d examples and will hardly be learned: %s. Add examples of "
            "them, or merge or leave out labels by the reader's label_map.",
            path,
            len(rare),
            len(counts.labels),
            FEWEST_LABELS,
            listed([f"{label} ({number})" for number, label in rare]),
        )
    warn_of_links(path, counts)


def warn_of_no_labels(path: str, counts: FileCounts, train: Optional[FileCounts]) -> None:
    """Warns of validation data without a label, where the training data has some."""
    if not counts.labels and train is not None and train.labels:
        logger.warning(
            "%s: has no labels, so every score on it is 0 and no epoch is better than another. Check its "
            "columns and tag scheme.",
            path,
        )


def warn_of_links(path: str, counts: FileCounts) -> None:
    """Warns of data in which a linker found next to nothing."""
    if counts.linked is None or not counts.instances:
        return
    share = counts.linked / counts.instances
    if share < LEAST_LINKED:
        logger.warning(
            "%s: the linker found an entity in %s of %s instances (%.0f %%): the model has next to no "
            "entities to use. Check that the linker's databases are of the data's language and version of "
            "Wikipedia, and that the records have the titles or entities it needs; or lower "
            "min_link_probability.",
            path,
            f"{counts.linked:,}",
            f"{counts.instances:,}",
            100 * share,
        )


def warn_of_nothing_predicted(rows: Sequence[LabelScores]) -> bool:
    """
    Warns if labels are gold and none is predicted in an evaluation. Not for tasks without labels: there is
    always an answer. Returns whether it did.
    """
    gold = sum(row.support for row in rows)
    if not gold or any(row.predicted for row in rows):
        return False
    logger.warning(
        "Nothing was predicted, while %s labels are gold: every score is 0. After the first epoch of small "
        "data this may pass. If it stays, train longer (num_epochs), change the learning_rate, which has a "
        "usual range by the size of the model (docs/monitoring.md), make effective_batch_size smaller, or "
        "check the labels of the training data.",
        f"{gold:,}",
    )
    return True


class LossWatch:
    """
    Warns, once, if the training loss does not fall.

    The loss of a step is too noisy to be judged, so means are compared, and only at the end of an epoch: from
    the second on its mean with that of the first one seen, and of the first one, if it has 50 steps, the last
    tenth with the first tenth. A mean that is at least 99 % of the earlier one has not fallen. Losses below
    0.001 need not fall.
    """

    def __init__(self) -> None:
        self._first: Optional[float] = None
        self._has_warned = False

    def end_epoch(self, losses: Sequence[float]) -> None:
        """
        # Parameters

        losses : `Sequence[float]`
            Of the steps of the epoch.
        """
        before, after, what = self._compared(losses)
        if self._first is None:
            self._first = float(np.mean(losses))
        if self._has_warned or before is None or after < max(_FALLEN * before, _LOW_LOSS):
            return
        self._has_warned = True
        logger.warning(
            "The training loss does not fall: %s %.4f, after %.4f. Unless the model was trained on this data "
            "before, change learning_rate (lower it if the loss rises, raise it if the loss stays), raise "
            "warmup_ratio, and check that labels and texts belong together.",
            what,
            after,
            before,
        )

    def _compared(self, losses: Sequence[float]) -> Tuple[Optional[float], float, str]:
        if self._first is not None:
            return self._first, float(np.mean(losses)), "its mean over this epoch is"
        if len(losses) < _TENTHS_FROM:
            return None, 0.0, ""
        size = len(losses) // 10
        return (
            float(np.mean(losses[:size])),
            float(np.mean(losses[-size:])),
            "its mean at the end of the epoch is",
        )


def peak_rate(groups: Sequence[Mapping[str, Any]]) -> float:
    """The learning rate of an optimizer's groups before a schedule changes it, the largest of them."""
    rates: List[float] = [group.get("initial_lr", group["lr"]) for group in groups]
    return max(rates, default=0.0)
