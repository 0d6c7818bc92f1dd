"""The files of a component's model: whose task they are, and their copy in a saved pipeline."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Optional

from allennlp.models.archival import CONFIG_NAME, archive_model

from luke_allennlp.pipelines.archives import ARCHIVE, find_archive

_LARGEST_CONFIG = 2**20


def stored_task(model: str) -> Optional[str]:
    """
    The task of a run or an archive on this machine by its config, such as "ner", without reading its weights.
    `None` if it cannot be told; loading the model then says why.
    """
    path = Path(model).expanduser()
    try:
        text = _first_file(path) if path.is_file() else (path / CONFIG_NAME).read_bytes()
        return str(json.loads(text)["model"]["type"]).removeprefix("luke_")
    except (OSError, EOFError, ValueError, LookupError, TypeError, tarfile.TarError):
        return None


def _first_file(archive: Path) -> bytes:
    """The config, with which AllenNLP's archives begin: what follows is long to unpack."""
    with tarfile.open(archive) as files:
        first = files.next()
        content = files.extractfile(first) if first is not None and first.name == CONFIG_NAME else None
        if content is None:
            raise LookupError(CONFIG_NAME)
        return content.read(_LARGEST_CONFIG)


def copy_archive(model: str, directory: Path) -> None:
    """Makes a directory hold the archive of a model, as `model.tar.gz`."""
    found, target = Path(find_archive(model)), directory / ARCHIVE
    directory.mkdir(parents=True, exist_ok=True)
    if found.is_dir():
        weights = next(name for name in ("weights.th", "best.th") if (found / name).is_file())
        archive_model(found, weights, target)
    elif not (target.is_file() and target.samefile(found)):
        shutil.copyfile(found, target)
