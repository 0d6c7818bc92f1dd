"""What the console shows of a run before it trains, and when it is done."""

import json
import os
import textwrap
from os import PathLike
from pathlib import Path
from typing import Any, List, Optional, Set, Tuple, Union

import torch
from allennlp import console
from allennlp.commands import train
from allennlp.models import Model

from luke_allennlp.common.environment import ENVIRONMENT_FILE, environment
from luke_allennlp.common.tables import table
from luke_allennlp.tasks.base.counts import FileCounts
from luke_allennlp.tasks.base.reader import TaskReader
from luke_allennlp.token_embedders import LukeEmbedder
from luke_allennlp.training.hooks import add_hook
from luke_allennlp.training.scores import MOST_LABELS, console_width
from luke_allennlp.training.steps import LOG_FILE

_INDENT = " " * 13


def announce(directory: Union[str, PathLike]) -> None:
    """Says where the run is, and writes `environment.json` there. Called by `allennlp train` at the start."""
    # Not by a temporary file, which a kill would leave there: a run that resumes writes it anew.
    text = json.dumps(environment(), ensure_ascii=False, indent=2)
    Path(directory, ENVIRONMENT_FILE).write_text(text + "\n", encoding="utf-8")
    line("Run", f"{os.fspath(directory)} (everything that is logged is in out.log there)")


def conclude(directory: Union[str, PathLike]) -> None:
    """Says where things are. Called by `allennlp train` at the end."""
    path = os.fspath(directory)
    console.say()
    line("Archive", os.path.join(path, "model.tar.gz"))
    has_steps = os.path.exists(os.path.join(path, LOG_FILE))
    line("Scores", os.path.join(path, "metrics.json") + (f"; of each step: {LOG_FILE}" if has_steps else ""))
    line("Log", os.path.join(path, "out.log"))


def show_data(splits: List[Tuple[str, Any]]) -> None:
    """
    Shows what was read.

    # Parameters

    splits : `List[Tuple[str, Any]]`
        The data loaders, by name. What their readers have read beside that is called "test".
    """
    rows: List[List[Any]] = []
    named: Set[str] = set()
    name_of_examples, labels = "examples", None
    for name, loader in splits:
        path = _path_of(loader)
        named.add(path)
        counts = counts_of(loader)
        if counts is None:
            rows.append([name, path, _size_of(loader), None, None])
            continue
        name_of_examples = loader.reader.example_name
        rows.append([name, path, *_figures(counts)])
        if name == "train":
            labels = counts.labels
    for path, counts in _further_files(splits, named):
        rows.append(["test", path, *_figures(counts)])
    header = ["Data", "file", name_of_examples, "instances", "labels"]
    # The file's name last: it may be long.
    order = [0, *(index for index in (2, 3, 4) if any(row[index] is not None for row in rows)), 1]
    lines = [[f"{row[0]:<{len(_INDENT) - 2}}", *(row[index] for index in order[1:])] for row in rows]
    console.say("\n" + table(lines, [header[index] for index in order]))
    if labels:
        most = labels.most_common(MOST_LABELS)
        text = ", ".join(f"{label} {number:,}" for label, number in most)
        rest = len(labels) - len(most)
        line("labels", text + (f" and {rest:,} more" if rest else ""))


def show_model(model: Model, device: torch.device, precision: str, max_tokens: Optional[int]) -> None:
    """Shows the model in three lines."""
    embedder = next((module for module in model.modules() if isinstance(module, LukeEmbedder)), None)
    config: Any = next((module.config for module in model.modules() if hasattr(module, "config")), None)
    name = type(model).__name__ if embedder is None else embedder.model_name
    sizes = [
        f"{value:,} {text}" if text == "layers" else f"{text} {value:,}"
        for key, text in (("num_hidden_layers", "layers"), ("hidden_size", "hidden size"))
        if isinstance(value := getattr(config, key, None), int)
    ]
    console.say()
    line("Model", ", ".join([name, *sizes]))
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    text = f"{total:,}, {'all' if trained == total else f'{trained:,} of them'} trained"
    line("parameters", text + ("" if embedder is None else f"; entities: {_entities(embedder)}"))
    parts = [_device(device), precision]
    if max_tokens:
        parts.append(f"up to {max_tokens:,} words and entities at once")
    line("device", ", ".join(parts))


def line(name: str, text: str) -> None:
    """Shows a name and what it has, in as many lines as it takes."""
    first = f"{name:<{len(_INDENT)}}"
    wrapped = textwrap.fill(
        text,
        console_width(),
        initial_indent=first,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.say(wrapped)


def counts_of(loader: Any) -> Optional[FileCounts]:
    """What the reader of a data loader has read for it, if it counts."""
    reader = getattr(loader, "reader", None)
    return reader.counts.get(_path_of(loader)) if isinstance(reader, TaskReader) else None


def _further_files(splits: List[Tuple[str, Any]], named: Set[str]) -> List[Tuple[str, FileCounts]]:
    found = {}
    for _, loader in splits:
        reader = getattr(loader, "reader", None)
        if isinstance(reader, TaskReader):
            found.update({path: counts for path, counts in reader.counts.items() if path not in named})
    return list(found.items())


def _figures(counts: FileCounts) -> Tuple[int, int, Optional[int]]:
    return counts.examples, counts.instances, sum(counts.labels.values()) or None


def _path_of(loader: Any) -> str:
    datasets = getattr(loader, "datasets", None)
    if datasets:
        return ", ".join(str(dataset.path) for dataset in datasets)
    return str(getattr(loader, "data_path", ""))


def _size_of(loader: Any) -> Optional[int]:
    instances = getattr(loader, "_instances", None) or getattr(loader, "datasets", None)
    if instances is None:
        return None
    return sum(map(len, instances)) if hasattr(loader, "datasets") else len(instances)


def _entities(embedder: LukeEmbedder) -> str:
    table_ = embedder.luke.entity_embeddings.entity_embeddings
    rows = table_.num_embeddings
    titles = embedder.entities
    if titles is not None and len(titles) <= 4:
        return ", ".join(titles) or "none"
    return f"{rows:,}{'' if table_.weight.requires_grad else ', fixed'}"


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return f"{torch.cuda.get_device_name(device)} with {memory:.0f} GB"
    threads = torch.get_num_threads()
    return f"CPU with {threads} {'thread' if threads == 1 else 'threads'}"


add_hook(train, "run_started", announce)
add_hook(train, "run_finished", conclude)
