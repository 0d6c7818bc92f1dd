"""An AllenNLP archive as a checkpoint in Hugging Face's layout."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models import Archive, load_archive
from allennlp.models.archival import extracted_archive
from safetensors.torch import load_file, save_file
from torch import Tensor

from luke_allennlp.checkpoints.loader import ENTITY_TABLE
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary
from luke_allennlp.exchange import files
from luke_allennlp.exchange.forms import TaskForm, form_of_task
from luke_allennlp.exchange.importer import LEFT_OUT, SOURCE
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.model_files import archived_checkpoint
from luke_allennlp.token_embedders import LukeEmbedder

logger = logging.getLogger(__name__)

SPECIALS = (PAD, UNK, MASK, MASK2)


class Exported(NamedTuple):
    """
    # Parameters

    architecture : `str`
        Hugging Face's class that loads the directory.
    notes : `List[str]`
        What that class does not hold, and where it is.
    """

    architecture: str
    notes: List[str]


def export_checkpoint(archive: str, directory: str, *, lite: bool = False, force: bool = False) -> Exported:
    """
    # Parameters

    archive : `str`
        `model.tar.gz`, or the directory of a run that has one.
    directory : `str`
        Where the checkpoint goes: config, weights (safetensors), tokenizer, entity vocabulary, model card.
    lite : `bool`, optional (default = `False`)
        If true, of the entity table only the special rows are written.
    force : `bool`, optional (default = `False`)
        Whether a directory that is there already is replaced.

    # Returns

    `Exported`

    # Raises

    `ConfigurationError`
        There is no such archive, or it holds a model that Hugging Face's LUKE cannot be: one of another
        project, or a baseline without entities. Nothing is written then.
    """
    path = Path(archive)
    if path.is_dir():
        path = path / "model.tar.gz"
    if not path.is_file():
        raise ConfigurationError(
            f"{archive}: there is no archive; expected model.tar.gz of `allennlp train` or "
            "`import-checkpoint`, or "
            "the directory that has it."
        )
    with extracted_archive(str(path)) as place:
        loaded = load_archive(place)
        form = _form(loaded, archive)
        embedder = _embedder(loaded, archive)
        model_name = archived_checkpoint(embedder.model_name, place)
        source = Path(place) / SOURCE
        table, vocabulary = _entities(embedder, model_name, source, lite)
        tensors, notes = _tensors(loaded, form, archive)
        tensors[f"luke.{ENTITY_TABLE}"] = table
        if (source / LEFT_OUT).is_file():
            _put_back(tensors, load_file(source / LEFT_OUT), lite)
        if form.architecture is None:  # the encoder alone
            tensors = {
                name[len("luke.") :]: tensor for name, tensor in tensors.items() if name.startswith("luke.")
            }
        config = _config(loaded, form, embedder, source, tensors)
        with files.new_directory(Path(directory), force, "an export") as target:
            files.write_json(target / "config.json", config)
            save_file(tensors, target / "model.safetensors", {"format": "pt"})
            vocabulary.save(target / files.ENTITY_VOCABULARY)
            files.copy_tokenizer(model_name, target)
            _describe_tokenizer(loaded, form, target)
            card = model_card(loaded.config, _metrics(path), config["architectures"][0], notes)
            (target / "README.md").write_text(card, encoding="utf-8")
    return Exported(config["architectures"][0], notes)


def _form(archive: Archive, path: str) -> TaskForm:
    task = archive.config["model"]["type"]
    try:
        return form_of_task(task)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{path}: is a model of type {task!r}, which cannot be exported. {error.message}"
        ) from None


def _embedder(archive: Archive, path: str) -> LukeEmbedder:
    embedder = getattr(archive.model, "embedder", None)
    if not isinstance(embedder, LukeEmbedder) or embedder.entities == []:
        raise ConfigurationError(
            f"{path}: holds a model of words only, a baseline; only models with entities can be exported as "
            "LUKE."
        )
    if getattr(embedder.luke.config, "position_start", None) is not None:
        raise ConfigurationError(
            f"{path}: numbers its positions as BERT does, which Hugging Face's LUKE cannot; only models that "
            "come from RoBERTa or XLM-R can be exported."
        )
    return embedder


def _entities(
    embedder: LukeEmbedder, model_name: str, source: Path, lite: bool
) -> Tuple[Tensor, EntityVocabulary]:
    """The entity table to write, and whose rows they are. Shape: (entities, entity size)."""
    table = embedder.luke.entity_embeddings.entity_embeddings.weight.detach().clone()
    if embedder.entities is None:
        vocabulary = EntityVocabulary.from_checkpoint(model_name)
        rows = {title: table[vocabulary[title]] for title in SPECIALS if title in vocabulary}
    else:
        rows = {}
        for title, row in zip(embedder.entities, table, strict=True):
            # The second of two copies of [MASK], as relation classification has them.
            rows[MASK2 if title in rows and title == MASK else title] = row
        if (source / files.ENTITY_VOCABULARY).is_file():
            vocabulary = EntityVocabulary.from_file(str(source / files.ENTITY_VOCABULARY))
            whole = load_file(source / LEFT_OUT)[ENTITY_TABLE]
            for title, row in rows.items():
                whole[vocabulary[title]] = row
            table = whole
        else:
            lite = True
    if not lite:
        if MASK2 in vocabulary:
            return table, vocabulary
        ids = {title: vocabulary[title] for title in vocabulary}
        ids[MASK2] = len(table)
        return torch.cat([table, rows[MASK][None]]), EntityVocabulary(ids)
    # Hugging Face's tokenizer asks for all four. What a task did not keep has never been seen by it.
    defaults = {MASK2: rows[MASK]}
    special = [rows.get(title, defaults.get(title, torch.zeros_like(rows[MASK]))) for title in SPECIALS]
    others = [title for title in rows if title not in SPECIALS] if embedder.entities is not None else []
    titles = [*SPECIALS, *others]
    return (
        torch.stack([*special, *(rows[title] for title in others)]),
        EntityVocabulary({title: index for index, title in enumerate(titles)}),
    )


def _tensors(archive: Archive, form: TaskForm, path: str) -> Tuple[Dict[str, Tensor], List[str]]:
    prefix = "embedder.luke."
    tensors: Dict[str, Tensor] = {}
    notes: List[str] = []
    for name, tensor in archive.model.state_dict().items():
        if name.startswith(prefix):
            tensors[f"luke.{name[len(prefix) :]}"] = tensor.detach().clone().contiguous()
        else:
            tensors[name] = tensor.detach().clone().contiguous()
    heads = [name for name in tensors if not name.startswith("luke.")]
    if form.architecture is None:
        notes.append(
            "Hugging Face has no class for this task: this is the encoder (LukeModel). The head "
            f"({', '.join(heads)}) is "
            f"left out; it is in weights.th of {Path(path).name}."
        )
    if form.task == "luke_relation_classification" and "classifier.bias" in tensors:
        notes.append(
            "Hugging Face's class has no bias in its head: classifier.bias is in model.safetensors, and the "
            "class "
            "leaves it out, so that its logits are smaller by it."
        )
    return tensors, notes


def _put_back(tensors: Dict[str, Tensor], left_out: Dict[str, Tensor], lite: bool) -> None:
    for name, tensor in left_out.items():
        if name == ENTITY_TABLE or lite and name.startswith("entity_predictions."):
            continue
        headless = name.startswith(("lm_head.", "cls.", "entity_predictions."))
        tensors.setdefault(name if headless else f"luke.{name}", tensor)


def _config(
    archive: Archive, form: TaskForm, embedder: LukeEmbedder, source: Path, tensors: Dict[str, Tensor]
) -> Dict[str, Any]:
    prefix = "" if form.architecture is None else "luke."
    if (source / "config.json").is_file():
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    else:
        config = embedder.luke.config.to_dict()
        for key in ("position_start", "entity_pad_token_id", "word_model_type", "id2label", "label2id"):
            config.pop(key, None)
    config.update(
        model_type="luke",
        architectures=[form.architecture or "LukeModel"],
        vocab_size=len(tensors[f"{prefix}embeddings.word_embeddings.weight"]),
        entity_vocab_size=len(tensors[f"{prefix}{ENTITY_TABLE}"]),
        use_entity_aware_attention=bool(embedder.luke.config.use_entity_aware_attention),
    )
    if form.has_labels:
        namespace = archive.config["model"].get("label_namespace", "labels")
        names = archive.model.vocab.get_index_to_token_vocabulary(namespace)
        config["id2label"] = {str(index): names[index] for index in range(len(names))}
        config["label2id"] = {name: index for index, name in names.items()}
        if form.task == "luke_entity_typing":
            config["problem_type"] = "multi_label_classification"
    return config


def _describe_tokenizer(archive: Archive, form: TaskForm, target: Path) -> None:
    reader: Any = archive.validation_dataset_reader
    options = Params(archive.config.get("dataset_reader", {})).as_dict(quiet=True)
    markers: Dict[str, int] = reader.tokenizer.marker_ids
    defaults = [marker for marker, _ in form.markers]
    tokens = [
        options.get(option, default) for option, default in zip(form.marker_options, defaults, strict=False)
    ]
    files.describe_tokenizer(target, markers, tokens)


def _metrics(archive: Path) -> Optional[Dict[str, Any]]:
    path = archive.parent / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
