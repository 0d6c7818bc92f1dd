"""Archives of AllenNLP, unpacked, changed and packed again."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest
import torch

Change = Callable[[Path], Any]
"""What is done to the files of an archive."""


def pack(place: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for item in sorted(place.iterdir()):
            archive.add(item, arcname=item.name)
    return path


def unpack(path: Path, place: Path) -> Path:
    with tarfile.open(path) as archive:
        archive.extractall(place)
    return place


def change_json(path: Path, values: Dict[str, Any]) -> None:
    """Sets values in a JSON file, by their dotted keys."""
    content = json.loads(path.read_text())
    for key, value in values.items():
        *parts, last = key.split(".")
        at = content
        for part in parts:
            at = at[part]
        at[last] = value
    path.write_text(json.dumps(content))


def config_with(values: Dict[str, Any]) -> Change:
    return lambda place: change_json(place / "config.json", values)


def written(name: str, content: str) -> Change:
    return lambda place: (place / name).write_text(content)


def removed(name: str) -> Change:
    return lambda place: shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()


def truncated(name: str) -> Change:
    return lambda place: (place / name).write_bytes((place / name).read_bytes()[:500])


def weights_with(change: Callable[[Dict[str, torch.Tensor]], Any]) -> Change:
    def apply(place: Path) -> None:
        state = torch.load(place / "weights.th", weights_only=True)
        change(state)
        torch.save(state, place / "weights.th")

    return apply


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither where archives are unpacked nor beside what is written."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield
    assert [path.name for path in scratch.iterdir() if path.name.startswith("tmp")] == []  # of mkdtemp
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
