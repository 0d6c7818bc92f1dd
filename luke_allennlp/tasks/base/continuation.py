"""The head of a model that goes on from an archive."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Mapping, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from torch import Tensor

from luke_allennlp.checkpoints.archives import TrainedArchive, archive_file, find_archive
from luke_allennlp.common.text_lines import listed

logger = logging.getLogger(__name__)

_ENCODER = "embedder."


def continue_head(model: Model, name: str) -> None:
    """
    Gives the head of a new model the weights that an archive of the same task has: for each label the rows of
    the equal label. Other labels keep their fresh rows. What is taken, new and gone is logged.

    # Parameters

    model : `Model`
        Of a task.
    name : `str`
        The archive, or the directory of a run that has one.

    # Raises

    `ConfigurationError`
        There is no such archive, or the embedder starts from another.
    """
    archive = find_archive(name)
    if archive is None:
        raise ConfigurationError(no_archive(name))
    embedder = getattr(model.embedder, "model_name", None)
    if embedder is not None and archive_file(embedder) != archive.path:
        raise ConfigurationError(other_archive(name, str(embedder)))
    task = archive.model.get("type")
    if task != model.default_predictor:
        logger.info(
            "Starting from %s, of the other task %s: its encoder is taken, and the head starts fresh.",
            archive.path,
            task,
        )
        return
    known = _labels(archive)
    namespace = getattr(model, "label_namespace", None)
    labels: Dict[str, int] = {}
    if namespace is not None:
        labels = dict(model.vocab.get_token_to_index_vocabulary(namespace))
    rows = {row: known[label] for label, row in labels.items() if label in known}
    own = {key: value for key, value in model.named_parameters() if not key.startswith(_ENCODER)}
    with ExitStack() as stack, torch.no_grad():
        weights = archive.weights(stack)
        unlike = _unlike(own, weights, bool(labels))
        if unlike is not None:
            logger.warning("Starting from %s: the head starts fresh, as %s.", archive.path, unlike)
            return
        for key, value in own.items():
            if not labels:
                value.copy_(weights[key])
            elif rows:
                value[list(rows)] = weights[key][list(rows.values())].to(value.dtype)
    if not labels:
        logger.info("Starting from %s: its encoder and its head are taken.", archive.path)
        return
    logger.info(
        "Starting from %s: its encoder and the head's rows of %d labels are taken; %s; %s.",
        archive.path,
        len(rows),
        _said("new, with fresh rows", [label for label in labels if label not in known]),
        _said("gone", [label for label in known if label not in labels]),
    )


def check_labels_are_known(model: Model) -> None:
    """
    # Raises

    `ConfigurationError`
        The model's vocabulary was extended by labels for which its head has no rows.
    """
    head, namespace = getattr(model, "classifier", None), getattr(model, "label_namespace", None)
    if head is None or namespace is None:
        return
    names = model.vocab.get_index_to_token_vocabulary(namespace)
    new = [name for row, name in names.items() if row >= head.weight.size(0)]
    if new:
        raise ConfigurationError(
            f"The data has labels that the archive's model was not trained with: {listed(new)}. A model of "
            'type "from_archive" has those of its archive; to add some, train with a config of the task and '
            "the knob start_from:: 'ARCHIVE' (in JSON, start_from of the model and model_name of embedder "
            "and tokenizer), which takes the rows of equal labels."
        )


def no_archive(name: str) -> str:
    """What to say where `start_from` names none."""
    path = Path(name).expanduser()
    found = "has no model.tar.gz" if path.is_dir() else "is no archive" if path.exists() else "does not exist"
    return (
        f"start_from is {name!r}, which {found} (looked from {Path.cwd()}); expected the model.tar.gz of "
        "`allennlp train` or `import-checkpoint`, or the directory that has it."
    )


def other_archive(name: str, model_name: str) -> str:
    """What to say where `start_from` and the embedder's checkpoint differ."""
    return (
        f"start_from is {name!r}, and the embedder's model_name {model_name!r}, so that encoder and head "
        "would be of different models; give both the archive."
    )


def _labels(archive: TrainedArchive) -> Dict[str, int]:
    namespace = archive.model.get("label_namespace") or "labels"
    if not (archive.place / "vocabulary" / f"{namespace}.txt").is_file():
        return {}
    vocabulary = Vocabulary.from_files(str(archive.place / "vocabulary"))
    return dict(vocabulary.get_token_to_index_vocabulary(namespace))


def _unlike(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], by_label: bool) -> Optional[str]:
    """How the heads differ in more than their labels."""
    for key, value in own.items():
        if key not in weights:
            return f"there is no {key} in the archive"
        found, expected = weights[key].shape, value.shape
        if (found[1:] if by_label else found) != (expected[1:] if by_label else expected):
            return f"{key} is {tuple(found)} in the archive and {tuple(expected)} here: it sees other states"
    return None


def _said(what: str, labels: List[str]) -> str:
    return f"{what}: {listed(labels)}" if labels else f"none is {what.split(',')[0]}"
