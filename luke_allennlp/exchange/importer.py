"""A published fine-tuned model as an AllenNLP archive."""

import copy
import logging
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.meta import Meta
from allennlp.data import Vocabulary
from allennlp.models import Model, load_archive
from allennlp.models.archival import archive_model
from safetensors.torch import save_file
from torch import Tensor

from luke_allennlp.checkpoints.loader import check_fit, log_copied_queries
from luke_allennlp.checkpoints.model_files import ARCHIVED_CHECKPOINT
from luke_allennlp.checkpoints.names import (
    ENTITY_TABLE,
    WORD_TABLE,
    copied_queries,
    may_be_left_out,
    query_of,
)
from luke_allennlp.common.files import new_directory, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.exchange.forms import ENTITY_VOCABULARY
from luke_allennlp.exchange.source import Source, kept_rows, labels_of, open_source, published_markers

logger = logging.getLogger(__name__)

SOURCE = f"{ARCHIVED_CHECKPOINT}/source"
LEFT_OUT = "left_out.safetensors"
ENCODER = "embedder.luke."
"""What the encoder's parameters are called in a model."""


def import_checkpoint(
    source: str,
    directory: str,
    *,
    task: Optional[str] = None,
    labels: Optional[str] = None,
    lite: bool = False,
    force: bool = False,
) -> Path:
    """
    # Parameters

    source : `str`
        A fine-tuned LUKE: the directory or hub id of one of Hugging Face's classes, or a directory or tarball
        in the original release's layout.
    directory : `str`
        Where the archive and what it is made of are written.
    task : `str`, optional (default = `None`)
        Such as "ner"; detected by the class that the config names, or by the head.
    labels : `str`, optional (default = `None`)
        A file with a label per line, in the order of the head's rows. By default those of the config.
    lite : `bool`, optional (default = `False`)
        If true, what the task does not need, such as the rest of the entity table, is dropped; an export
        lacks it then.
    force : `bool`, optional (default = `False`)
        Whether an existing directory is replaced.

    # Returns

    `Path`
        The archive, `model.tar.gz` in the directory.

    # Raises

    `ConfigurationError`
        The source is damaged or of no known task, or its weights are not those that it should have; nothing
        is written then.
    """
    target = Path(directory)
    with ExitStack() as stack:
        opened = open_source(source, task, stack)
        names = labels_of(opened, labels)
        params = _params(opened, published_markers(opened))
        rows = kept_rows(opened)
        vocabulary = Vocabulary(non_padded_namespaces=["*labels", "*tags"])
        for name in names:
            vocabulary.add_token_to_namespace(name, "labels")
        paths = [Path(name).expanduser() for name in (source, labels) if name is not None]
        inputs = [path for path in paths if path.exists()]
        with new_directory(target, force, "an import", inputs) as place:
            _write_checkpoint(opened, place / ARCHIVED_CHECKPOINT)
            write_json(place / "config.json", params)
            vocabulary.save_to_files(str(place / "vocabulary"))
            with _naming(opened, place):
                expected = _expected(params, vocabulary, place)
            weights, left_out = _weights(expected, opened, rows)
            if not lite:
                _keep_left_out(opened, left_out, place / SOURCE)
            torch.save(weights, place / "weights.th")
            del weights
            Meta.new().to_file(place / "meta.json")
            with _naming(opened, place):  # what its user does first
                load_archive(place)
            archive_model(place, weights="weights.th", include_in_archive=[ARCHIVED_CHECKPOINT])
            (place / "weights.th").unlink()
    logger.info("%s: imported as a model of %s", source, opened.form.task)
    return target / "model.tar.gz"


@contextmanager
def _naming(source: Source, place: Path) -> Iterator[None]:
    """Errors in what was written name what it was written from."""
    try:
        yield
    except (ConfigurationError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = (
            error.message if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
        )
        for name in (place / ARCHIVED_CHECKPOINT, place):
            reason = reason.replace(str(name), source.name)
        raise ConfigurationError(
            f"{source.name!r} makes no model of {source.form.task} that can be loaded: {reason}"
        ) from error


def _write_checkpoint(source: Source, target: Path) -> None:
    """The small files that the archive needs."""
    target.mkdir(parents=True)
    copy_tokenizer(source.name, target)
    config = source.config.to_dict()
    config.pop("id2label", None)
    config.pop("label2id", None)
    config["vocab_size"] = source.tensors[WORD_TABLE].shape[0] - len(source.markers)
    titles = source.form.entities
    if titles is None:
        EntityVocabulary.from_checkpoint(source.name).save(target / ENTITY_VOCABULARY)
    else:
        config["entity_vocab_size"] = len(titles)
        write_json(target / ENTITY_VOCABULARY, {title: index for index, title in enumerate(titles)})
    write_json(target / "config.json", config)


def _params(source: Source, published: Sequence[str]) -> Dict[str, Any]:
    form = source.form
    tokenizer: Dict[str, Any] = {"type": "luke", "model_name": source.name}
    embedder: Dict[str, Any] = {
        "type": "luke",
        "model_name": source.name,
        "entities": None if form.entities is None else list(form.entities),
        "entity_aware_attention": bool(source.config.use_entity_aware_attention),
    }
    if source.markers:
        tokenizer["marker_tokens"] = [marker for marker, _ in source.markers]
        embedder["marker_tokens"] = [list(pair) for pair in source.markers]
    markers = dict(zip(form.marker_options, published, strict=False))
    model: Dict[str, Any] = {"type": form.task, "embedder": embedder}
    if form.task == "luke_relation_classification":
        model["classifier_bias"] = source.head("bias") is not None
    return {
        "dataset_reader": {"type": form.task, "tokenizer": tokenizer, **markers},
        "model": model,
        "data_loader": {"type": "luke", "batch_size": 512},
    }


def _expected(params: Dict[str, Any], vocabulary: Vocabulary, place: Path) -> Dict[str, Tensor]:
    """The names and shapes that the model's weights must have, without memory for them."""
    model = copy.deepcopy(params["model"])
    model["embedder"]["load_weights"] = False
    with torch.device("meta"):
        made = Model.from_params(Params(model), vocab=vocabulary, serialization_dir=str(place))
    return made.state_dict()


def _weights(
    expected: Dict[str, Tensor], source: Source, rows: Optional[Sequence[int]]
) -> Tuple[Dict[str, Tensor], List[str]]:
    """The model's weights, all of them, and the names of those that it has no place for."""
    tensors, form = source.tensors, source.form
    inner = {name[len(ENCODER) :] for name in expected if name.startswith(ENCODER)}
    copied = copied_queries(inner, tensors)
    missing: List[str] = []
    misshapen: List[str] = []
    found: Dict[str, str] = {}
    for name, place in expected.items():
        if name.startswith(ENCODER):
            stored_name = name[len(ENCODER) :]
            stored_name = query_of(stored_name) if stored_name in copied else stored_name
        else:
            stored_name = name if name in tensors else f"{form.original_head}.{name.rpartition('.')[2]}"
        found[name] = stored_name
        shape = tensors[stored_name].shape if stored_name in tensors else None
        if shape is None:
            missing.append(stored_name)
        elif shape != place.shape and (stored_name != ENTITY_TABLE or rows is None):
            misshapen.append(f"{stored_name} has shape {tuple(shape)}, expected {tuple(place.shape)}")
    used = set(found.values())
    left_out = [name for name in tensors if name not in used]
    heads = (f"{form.head}.", f"{form.original_head}.")
    unexpected = [name for name in left_out if not may_be_left_out(name) or name.startswith(heads)]
    check_fit(tensors.source, f"a model of {form.task}", missing, unexpected, misshapen)
    if copied:
        log_copied_queries(tensors.source)
    weights = {}
    for name, stored_name in found.items():
        is_part = stored_name == ENTITY_TABLE and rows is not None
        tensor = tensors[stored_name][list(rows or ())] if is_part else _copy(tensors[stored_name])
        weights[name] = tensor.float()
    return weights, left_out


def _copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def _keep_left_out(source: Source, names: List[str], target: Path) -> None:
    """What an export puts back: the whole entity table, pretraining heads, pooler, config and vocabulary."""
    target.mkdir(parents=True)
    kept = {name: _copy(source.tensors[name]) for name in names}
    if source.form.entities is not None and source.has_whole_entity_table:
        kept[ENTITY_TABLE] = _copy(source.tensors[ENTITY_TABLE])
        EntityVocabulary.from_checkpoint(source.name).save(target / ENTITY_VOCABULARY)
    if source.raw_config:
        write_json(target / "config.json", source.raw_config)
    save_file(kept, target / LEFT_OUT, {"format": "pt"})
