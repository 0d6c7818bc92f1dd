"""A published fine-tuned model as an AllenNLP archive."""

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.meta import Meta
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model
from safetensors.torch import save_file
from torch import Tensor

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.loader import (
    ENTITY_TABLE,
    EXTRA_QUERY,
    WORD_TABLE,
    encoder_name,
    may_be_left_out,
)
from luke_allennlp.checkpoints.tensors import LazyTensors, StoredTensor, open_checkpoint
from luke_allennlp.data.text_lines import read_lines
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, EntityVocabulary
from luke_allennlp.exchange import files
from luke_allennlp.exchange.forms import TaskForm, find_form, form_of_task, reader_options
from luke_allennlp.model_files import ARCHIVED_CHECKPOINT, find_file, read_json

logger = logging.getLogger(__name__)

SOURCE = f"{ARCHIVED_CHECKPOINT}/source"
LEFT_OUT = "left_out.safetensors"
_NIL = "NIL"


class Source(NamedTuple):
    """What is imported."""

    name: str
    raw_config: Dict[str, Any]
    config: Any
    tensors: LazyTensors
    form: TaskForm

    @property
    def is_original(self) -> bool:
        return not self.raw_config


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
        Such as "ner"; found by the class that the config names, or by the head.
    labels : `str`, optional (default = `None`)
        A file with a label a line, in the order of the head's rows. By default those of the config.
    lite : `bool`, optional (default = `False`)
        If true, what the task does not need, such as the rest of the entity table, is not kept along for an
        export.
    force : `bool`, optional (default = `False`)
        Whether a directory that is there already is replaced.

    # Returns

    `Path`
        Of the archive, `model.tar.gz` in the directory.

    # Raises

    `ConfigurationError`
        The source is damaged or of no known task, or its weights are not those that it should have; nothing
        is written then.
    """
    target = Path(directory)
    with ExitStack() as stack:
        opened = _open(source, task, stack)
        names = _labels(opened, labels) if opened.form.has_labels else []
        with files.new_directory(target, force, "an import") as place:
            entities = _write_checkpoint(opened, place / ARCHIVED_CHECKPOINT)
            params = _params(opened, entities, place)
            files.write_json(place / "config.json", params)
            vocabulary = Vocabulary(non_padded_namespaces=["*labels", "*tags"])
            for name in names:
                vocabulary.add_token_to_namespace(name, "labels")
            vocabulary.save_to_files(str(place / "vocabulary"))
            model = _model(params, vocabulary, place)
            left_out = _fill(model, opened, entities)
            if not lite:
                _keep_left_out(opened, left_out, place / SOURCE)
            torch.save(model.state_dict(), place / "weights.th")
            Meta.new().to_file(place / "meta.json")
            archive_model(place, weights="weights.th", include_in_archive=[ARCHIVED_CHECKPOINT])
            (place / "weights.th").unlink()
    logger.info("%s: imported as a model of %s", source, opened.form.task)
    return target / "model.tar.gz"


def _open(source: str, task: Optional[str], stack: ExitStack) -> Source:
    raw = {} if find_file(source, "config.json") is None else read_json(source, "config.json")
    config = read_config(source)
    if config.entity_vocab_size == 0:
        raise ConfigurationError(
            f"{source!r} is a {raw.get('model_type')}, without entities; only models of LUKE can be imported."
        )
    tensors = open_checkpoint(source, stack)
    tensors = tensors.renamed({name: encoder_name(name) for name in tensors})
    if task is None:
        architectures = raw.get("architectures") or []
        if not isinstance(architectures, list):
            raise ConfigurationError(
                f"The config of {source!r} has architectures {architectures!r}; expected a list."
            )
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        form = find_form(source, architectures, shapes, config.hidden_size)
    else:
        form = form_of_task(task)
    return Source(source, raw, config, tensors, form)


def _head(source: Source, part: str) -> Optional[StoredTensor]:
    for head in (source.form.head, source.form.original_head):
        if f"{head}.{part}" in source.tensors:
            return source.tensors[f"{head}.{part}"]
    return None


def _labels(source: Source, path: Optional[str]) -> List[str]:
    weight = _head(source, "weight")
    if weight is None:
        raise ConfigurationError(
            f"{source.name!r} has no weights {source.form.head}.weight, the head of {source.form.task}; name "
            "its "
            "task with --task."
        )
    number = weight.shape[0]
    if path is not None:
        where = path
        names = [line.strip() for _, line in read_lines(path) if line.strip()]
    else:
        where = f"the config of {source.name!r}"
        by_id = source.raw_config.get("id2label")
        if not isinstance(by_id, dict) or not all(isinstance(name, str) for name in by_id.values()):
            raise ConfigurationError(
                f"{where} does not name the {number} labels; give a file with a label a line by --labels."
            )
        names = [by_id.get(str(index), "") for index in range(len(by_id))]
    if len(names) != number or len(set(names)) != number or not all(names):
        raise ConfigurationError(
            f"{where} has {len(set(names) - {''})} different labels ({', '.join(names[:5])}...), and the "
            "head "
            f"{number} rows; give as many, a label a line, by --labels."
        )
    if source.form.task == "luke_ner" and _NIL not in names:
        raise ConfigurationError(
            f"{where} has no label {_NIL!r}, of spans that are no entities, among {', '.join(names[:8])}; "
            "give "
            "the labels by --labels, in their order and with that name."
        )
    return names


def _write_checkpoint(source: Source, target: Path) -> Optional[List[str]]:
    """The small files that the archive needs; returns the titles of the entities that it keeps."""
    target.mkdir(parents=True)
    files.copy_tokenizer(source.name, target)
    words = source.tensors[WORD_TABLE].shape[0] if WORD_TABLE in source.tensors else source.config.vocab_size
    config = source.config.to_dict()
    config.pop("id2label", None)
    config.pop("label2id", None)
    config["vocab_size"] = words - len(_markers(source))
    titles = source.form.entities
    if titles is None:
        vocabulary = EntityVocabulary.from_checkpoint(source.name)
        vocabulary.save(target / files.ENTITY_VOCABULARY)
        kept = None
    else:
        kept = list(titles)
        config["entity_vocab_size"] = len(kept)
        files.write_json(target / files.ENTITY_VOCABULARY, {title: index for index, title in enumerate(kept)})
    files.write_json(target / "config.json", config)
    return kept


def _markers(source: Source) -> Tuple[Tuple[str, str], ...]:
    """Markers which lie in the word table behind what the tokenizer has; Hugging Face's are part of that."""
    return source.form.markers if source.is_original or source.form.architecture is None else ()


def _params(source: Source, entities: Optional[Sequence[str]], place: Path) -> Dict[str, Any]:
    form, markers = source.form, _markers(source)
    tokenizer: Dict[str, Any] = {"type": "luke", "model_name": source.name}
    embedder: Dict[str, Any] = {
        "type": "luke",
        "model_name": source.name,
        "entities": entities,
        "entity_aware_attention": bool(source.config.use_entity_aware_attention),
    }
    options: Dict[str, Any] = {}
    if markers:
        tokenizer["marker_tokens"] = [marker for marker, _ in markers]
        embedder["marker_tokens"] = [list(pair) for pair in markers]
    elif form.marker_options:
        path = place / ARCHIVED_CHECKPOINT / "tokenizer_config.json"
        raw = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        options = reader_options(form, files.entity_tokens(raw, form.published_markers))
    model: Dict[str, Any] = {"type": form.task, "embedder": embedder}
    if form.task == "luke_relation_classification":
        model["classifier_bias"] = _head(source, "bias") is not None
    return {
        "dataset_reader": {"type": form.task, "tokenizer": tokenizer, **options},
        "model": model,
        "data_loader": {"batch_size": 32},
    }


def _model(params: Dict[str, Any], vocabulary: Vocabulary, place: Path) -> Model:
    model = json.loads(json.dumps(params["model"]))
    model["embedder"]["load_weights"] = False
    return Model.from_params(Params(model), vocab=vocabulary, serialization_dir=str(place))


def _fill(model: Model, source: Source, entities: Optional[Sequence[str]]) -> List[str]:
    """Puts the weights into the model, all of them; returns the names of those that it has no place for."""
    tensors, form = source.tensors, source.form
    prefix = "embedder.luke."
    missing: List[str] = []
    misshapen: List[str] = []
    used = set()
    readers: Dict[str, Callable[[], Tensor]] = {}
    state = model.state_dict()
    for name, place in state.items():
        shape = tuple(place.shape)
        if name.startswith(prefix):
            stored_name = name[len(prefix) :]
            if stored_name not in tensors and EXTRA_QUERY.search(stored_name):
                stored_name = EXTRA_QUERY.sub(".attention.self.query.", stored_name)
            stored = tensors.get(stored_name)
        else:
            stored_name = name if name in tensors else f"{form.original_head}.{name.rpartition('.')[2]}"
            stored = tensors.get(stored_name)
        used.add(stored_name)
        if stored is None:
            missing.append(stored_name)
        elif stored.shape == shape:
            readers[name] = stored.read
        elif stored_name == ENTITY_TABLE and entities is not None and stored.shape[1:] == shape[1:]:
            readers[name] = _row_reader(stored, _rows(source, entities))
        else:
            misshapen.append(f"{stored_name} has shape {stored.shape}, expected {shape}")
    left_out = [name for name in tensors if name not in used]
    unexpected = [
        name
        for name in left_out
        if not may_be_left_out(name) or name.startswith((f"{form.head}.", f"{form.original_head}."))
    ]
    problems = [
        f"{kind}: {', '.join(names)}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if problems:
        raise ConfigurationError(
            f"The weights in {tensors.source} do not fit a model of {form.task}; " + "; ".join(problems) + "."
        )
    with torch.no_grad():
        for name, read in readers.items():
            state[name].copy_(read())
    return left_out


def _row_reader(stored: StoredTensor, rows: Sequence[int]) -> Callable[[], Tensor]:
    return lambda: stored.rows(rows)


def _rows(source: Source, entities: Sequence[str]) -> Sequence[int]:
    vocabulary = EntityVocabulary.from_checkpoint(source.name)
    # The original's files may lack [MASK2], which then is what it was made from.
    titles = [MASK if title == MASK2 and MASK2 not in vocabulary else title for title in entities]
    assert PAD in titles
    return vocabulary.rows(titles)


def _keep_left_out(source: Source, names: List[str], target: Path) -> None:
    """
    What an export puts back: the whole entity table, pretraining heads, the pooler, config and vocabulary.
    """
    target.mkdir(parents=True)
    kept = {name: source.tensors[name].read().contiguous() for name in names}
    if source.form.entities is not None and not source.is_original:
        kept[ENTITY_TABLE] = source.tensors[ENTITY_TABLE].read().contiguous()
        EntityVocabulary.from_checkpoint(source.name).save(target / files.ENTITY_VOCABULARY)
    if source.raw_config:
        files.write_json(target / "config.json", source.raw_config)
    save_file({name: tensor.clone() for name, tensor in kept.items()}, target / LEFT_OUT, {"format": "pt"})
