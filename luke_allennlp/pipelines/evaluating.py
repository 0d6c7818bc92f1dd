"""Evaluation from Python."""

import os
from typing import Any, Dict, Optional, Union

from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.common.checks import ConfigurationError

from luke_allennlp.pipelines.archives import find_archive, path_of
from luke_allennlp.pipelines.loading import Device, device_number
from luke_allennlp.pipelines.process_state import process_kept


def evaluate(
    model: Union[str, "os.PathLike[str]"],
    data: Union[str, "os.PathLike[str]"],
    *,
    device: Optional[Device] = None,
    overrides: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """
    Does what `allennlp evaluate` does, and leaves the process as it was.

    # Parameters

    model, device
        As of `luke_allennlp.load`.
    data : `Union[str, PathLike]`
        A file with labels, in any form that the model's reader takes.
    overrides : `Dict[str, Any]`, optional (default = `None`)
        Changes of the archive's config, such as `{"validation_data_loader.max_tokens": 8192}`.

    # Returns

    `Dict[str, Any]`
        The metrics by their names, such as `f1`.

    # Raises

    `ConfigurationError`
        There is no such model or file, or the file has no labels.
    """
    path = os.path.expanduser(path_of(data, "data"))
    if not os.path.exists(path):
        raise ConfigurationError(f"{path}: there is no such file (looked from {os.getcwd()}).")
    with process_kept():
        return evaluate_from_archive(
            find_archive(model),
            f'"{path}"' if "," in path else path,
            cmd_overrides=overrides or "",
            cuda_device=device_number(device),
        )
