"""A training's directory."""

import os
from pathlib import Path
from typing import Any, Dict, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import read_object
from luke_allennlp.pipelines.archives import ARCHIVE
from luke_allennlp.pipelines.loading import load
from luke_allennlp.pipelines.pipeline import Pipeline

_SHOWN = ("best_validation_", "test_")
_MOST_SHOWN = 6


class Run:
    """
    What `luke_allennlp.train` returns.

    # Parameters

    path : `Union[str, PathLike]`
        The directory of a run.

    # Raises

    `ConfigurationError`
        There is none.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise ConfigurationError(f"{path}: is no directory of a run; expected one with config.json.")

    @property
    def metrics(self) -> Dict[str, Any]:
        """Of `metrics.json`: by its names, such as `best_validation_f1`. Empty while the run is going on."""
        return read_object(self.path / "metrics.json")

    @property
    def config(self) -> Dict[str, Any]:
        """Of `config.json`: what the run was trained with."""
        return read_object(self.path / "config.json")

    @property
    def archive(self) -> Path:
        """`model.tar.gz`, which is there once the run has ended."""
        return self.path / ARCHIVE

    def load(self, **options: Any) -> Pipeline[Any]:
        """The trained model; options as of `luke_allennlp.load`."""
        return load(self.path, **options)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        metrics = self.metrics
        scores = [
            f"{name}={value:.4g}"
            # The names of single labels are the longer ones.
            for name, value in sorted(metrics.items(), key=lambda item: len(item[0]))
            if name.startswith(_SHOWN) and not name.endswith("_step") and isinstance(value, (int, float))
        ]
        more = [", ..."] if len(scores) > _MOST_SHOWN else []
        state = ", ".join(scores[:_MOST_SHOWN]) if metrics else "not finished"
        return f"Run({str(self.path)!r}{f', {state}' if state else ''}{''.join(more)})"
