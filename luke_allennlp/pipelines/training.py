"""Training from Python."""

import json
import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from allennlp.commands.train import default_serialization_dir, train_model_from_file
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_default_plugins
from allennlp.training.run_lock import directory_contents

from luke_allennlp.pipelines.knobs import config_file
from luke_allennlp.pipelines.process_state import process_kept
from luke_allennlp.pipelines.run import Run
from luke_allennlp.training.signals import INTERRUPTED

_PACKAGE = "luke_allennlp"
# Processes of a distributed training do not say which signal it was.
_BY_HAND = (None, signal.SIGINT)


def train(
    config: Union[str, "os.PathLike[str]", Mapping[str, Any]],
    *,
    output: Optional[Union[str, "os.PathLike[str]"]] = None,
    overrides: Optional[Dict[str, Any]] = None,
    recover: bool = False,
    force: bool = False,
    **knobs: Any,
) -> Run:
    """
    Does what `allennlp train` does, in this process, whose logging, signal handlers, random numbers and torch
    settings are afterwards as before. It works in notebooks and in threads, one training at a time.

    # Parameters

    config : `Union[str, PathLike, Mapping[str, Any]]`
        A Jsonnet or JSON file, or what it would hold.
    output : `Union[str, PathLike]`, optional (default = `None`)
        The run's directory; by default `runs/` and the path of the file, without `training_configs/` and its
        ending.
    overrides : `Dict[str, Any]`, optional (default = `None`)
        Changes of fields of the config, such as `{"trainer.num_epochs": 3}`.
    recover : `bool`, optional (default = `False`)
        Whether to resume the run in the directory.
    force : `bool`, optional (default = `False`)
        Whether to overwrite it.
    knobs : `Any`
        Of a Jsonnet file: `learning_rate=2e-5` sets its `learning_rate::`.

    # Returns

    `Run`
        The run, with its scores.

    # Raises

    `ConfigurationError`
        The config is wrong, or there is a run in the directory and neither `recover` nor `force`.
    `KeyboardInterrupt`
        On Ctrl-C, after a checkpoint was saved; `recover=True` resumes there. A second Ctrl-C does not wait.
    """
    if recover and force:
        raise ConfigurationError("recover and force are both true; a run is resumed or overwritten.")
    with ExitStack() as stack:
        if isinstance(config, Mapping):
            if output is None:
                raise ConfigurationError("config is a dictionary, which has no path; give output, too.")
            if knobs:
                raise ConfigurationError(
                    f"config is a dictionary, which has no knobs ({', '.join(knobs)}); change it, or use "
                    "overrides."
                )
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "config.json"
            path.write_text(json.dumps(config), encoding="utf-8")
        else:
            path = Path(config).expanduser()
        place = Path(default_serialization_dir(str(path)) if output is None else output)
        if not (recover or force) and place.is_dir() and directory_contents(str(place)):
            raise ConfigurationError(
                f"{place} is not empty: resume its run with recover=True, replace it with force=True, or "
                "give another output."
            )
        file = stack.enter_context(config_file(path, knobs))
        stack.enter_context(process_kept())
        import_default_plugins()
        try:
            train_model_from_file(
                file,
                str(place),
                overrides=overrides or "",
                recover=recover,
                force=force,
                include_package=[_PACKAGE],
                return_model=False,
            )
        except SystemExit as interrupted:
            if interrupted.code != INTERRUPTED or getattr(interrupted, "signal", None) not in _BY_HAND:
                raise
            raise KeyboardInterrupt(
                f"the training in {place} was interrupted; resume it with recover=True"
            ) from None
    return Run(place)
