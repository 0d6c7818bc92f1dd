"""From the name of a model to its pipeline."""

import logging
import os
from typing import Any, Dict, Optional, Union

import torch
from allennlp.commands.unused_overrides import refuse_unused_overrides
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from luke_allennlp.pipelines.archives import find_archive
from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.tasks.base.predictor import TaskPredictor

logger = logging.getLogger(__name__)

Device = Union[str, int, torch.device]


def load(
    model: Union[str, "os.PathLike[str]"],
    *,
    device: Optional[Device] = None,
    max_tokens: Optional[int] = None,
    batch_size: Optional[int] = None,
    overrides: Optional[Dict[str, Any]] = None,
) -> Pipeline[Any]:
    """
    # Parameters

    model : `Union[str, PathLike]`
        The directory of a run, an archive (`model.tar.gz`, also a URL), or a fine-tuned model in Hugging
        Face's form: a directory, or a hub id such as `studio-ousia/luke-large-finetuned-conll-2003`. The last
        is imported once, into `$LUKE_CACHE` (by default `~/.cache/luke_allennlp`).
    device : `Union[str, int, torch.device]`, optional (default = `None`)
        Such as "cpu" or "cuda:1"; by default the first GPU if there is one.
    max_tokens : `int`, optional (default = `None`)
        The limit of tokens and entities in a batch. By default 16384 on a GPU, 4096 on a CPU.
    batch_size : `int`, optional (default = `None`)
        The limit of windows in a batch; by default there is none.
    overrides : `Dict[str, Any]`, optional (default = `None`)
        Changes of the archive's config, such as `{"model.embedder.model_name": "models/luke"}`.

    # Raises

    `ConfigurationError`
        There is no such model, it is damaged or of none of the five tasks, or there is no such device.
    """
    number = device_number(device)
    path = find_archive(model)
    archive = load_archive(path, cuda_device=number, overrides=overrides or "")
    validation = "validation_dataset_reader"
    readers = (
        [validation, "dataset_reader"] if validation in archive.config else ["dataset_reader", validation]
    )
    refuse_unused_overrides(
        overrides or {},
        archive.config,
        "predict",
        ("model", readers[0], "vocabulary"),
        {readers[1]: readers[0]},
    )
    options = {"batch_size": batch_size, "max_tokens": max_tokens}
    given = {name: value for name, value in options.items() if value is not None}
    name = archive.config.as_dict(quiet=True)["model"].get("type")
    if getattr(type(archive.model), "default_predictor", None) is None:
        raise ConfigurationError(f"{model}: is a model of type {name!r}; {_EXPECTED}")
    predictor = Predictor.from_archive(archive, extra_args=given)
    if not isinstance(predictor, TaskPredictor):
        raise ConfigurationError(f"{model}: is a model of type {name!r}; {_EXPECTED}")
    pipeline = Pipeline.of(predictor)
    logger.info("%s: %s", model, pipeline)
    return pipeline


_EXPECTED = (
    "expected one of entity typing, relation classification, NER, cloze QA or extractive QA. Others are "
    "loaded by `allennlp.predictors.Predictor.from_path`."
)


def device_number(device: Optional[Device]) -> int:
    """As AllenNLP counts devices: -1 is the CPU."""
    if device is None:
        return 0 if torch.cuda.is_available() else -1
    try:
        found = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    except (RuntimeError, TypeError):
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise ConfigurationError(f"device is {device!r}; expected 'cpu', 'cuda', 'cuda:1' or the like.")
    number = -1 if found.type == "cpu" else found.index or 0
    check_for_gpu(number)
    return number
