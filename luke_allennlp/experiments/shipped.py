"""The experiments that come with this package: their configs, and what the paper reports of them."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Dict, List, NamedTuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.jsonnet_sources import imported_files

CONFIGS = Path(__file__).parents[1] / "training_configs"
_SUFFIX = ".jsonnet"


class ShippedExperiment(NamedTuple):
    """
    # Parameters

    name : `str`
        Its task and file, such as "ner/conll".
    dataset : `str`
    paper : `str`
        The row of the paper (Yamada et al., EMNLP 2020).
    score : `str`
        The score there, on test data unless it says otherwise; empty where there is none.
    """

    name: str
    dataset: str
    paper: str
    score: str

    @property
    def config(self) -> Path:
        return CONFIGS / f"{self.name}{_SUFFIX}"

    def files(self) -> List[Path]:
        """The config and all that it imports, below `CONFIGS`."""
        return sorted(imported_files(self.config))


def shipped_experiments() -> Dict[str, ShippedExperiment]:
    """All of them by name, those of a task together."""
    table = json.loads((CONFIGS / "experiments.json").read_text(encoding="utf-8"))
    return {name: ShippedExperiment(name, **row) for name, row in table.items()}


def find_experiment(name: str) -> ShippedExperiment:
    """
    # Parameters

    name : `str`
        Such as "ner/conll"; `training_configs/ner/conll.jsonnet` is the same.

    # Raises

    `ConfigurationError`
        There is none of this name. It says the nearest.
    """
    experiments = shipped_experiments()
    plain = name.removeprefix(f"{CONFIGS.name}/").removesuffix(_SUFFIX)
    if plain in experiments:
        return experiments[plain]
    ends = {other: other.partition("/")[2] for other in experiments}
    near = [other for other, end in ends.items() if end == plain]
    near = near or get_close_matches(plain, experiments, n=3)
    near = near or [other for other, end in ends.items() if get_close_matches(plain, [end], cutoff=0.75)]
    hint = f"did you mean {' or '.join(near[:3])}? " if near else ""
    raise ConfigurationError(f"There is no experiment {name!r}; {hint}`allennlp configs` lists them.")


def copy_experiment(experiment: ShippedExperiment, directory: Path, force: bool = False) -> List[Path]:
    """
    Copies the config and what it imports, so that the copy can be trained and changed where it is.

    # Parameters

    experiment : `ShippedExperiment`
    directory : `Path`
        Made if it is missing. The copy is in the folder of the task below it, libraries are in `lib`.
    force : `bool`, optional (default = `False`)
        Replace files that are there with another content.

    # Returns

    `List[Path]`
        All files of the copy, the config first.

    # Raises

    `ConfigurationError`
        A file is there with another content. Nothing is copied then.
    """
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"{directory} is a file; expected a directory.")
    root = CONFIGS.resolve()
    texts = {directory / path.resolve().relative_to(root): path.read_bytes() for path in experiment.files()}
    if not force:
        differing = [str(path) for path in texts if path.exists() and not _holds(path, texts[path])]
        if differing:
            raise ConfigurationError(
                f"{', '.join(differing)}: there already, and changed; choose another directory, or "
                "--force to replace."
            )
    try:
        for path, content in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: cannot be written: {error.strerror}.") from error
    first = directory / experiment.config.relative_to(CONFIGS)
    return [first, *(path for path in texts if path != first)]


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
