"""An AllenNLP archive as a checkpoint in Hugging Face's layout."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.untrusted import read_config
from allennlp.models import Archive, load_archive
from allennlp.models.archival import extracted_archive
from safetensors.torch import load_file, save_file
from torch import Tensor

from luke_allennlp.checkpoints.names import ENTITY_TABLE, HEADS, WORD_TABLE
from luke_allennlp.common.files import new_directory, read_object, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.exchange.entities import ExportedEntities, exported_entities
from luke_allennlp.exchange.exportability import why_not_exportable
from luke_allennlp.exchange.forms import ENTITY_VOCABULARY, PRETRAINING, TaskForm, form_of_model
from luke_allennlp.exchange.importer import ENCODER, LEFT_OUT, SOURCE
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.exchange.positions import move_positions
from luke_allennlp.exchange.tokenizers import add_entity_tokens, describe_tokenizer, tokenizer_source
from luke_allennlp.exchange.usage import SCORER, usage
from luke_allennlp.exchange.word_model import word_model
from luke_allennlp.token_embedders import LukeEmbedder

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Exported(NamedTuple):
    """Hugging Face's class that loads the directory, and notes on what that class does not hold."""

    architecture: str
    notes: List[str]


def export_checkpoint(
    archive: str, directory: str, *, lite: bool = False, dtype: str = "float32", force: bool = False
) -> Exported:
    """
    # Parameters

    archive : `str`
        `model.tar.gz`, or the directory of a run that has one.
    directory : `str`
        Where the checkpoint goes: config, weights (safetensors), tokenizer, entity vocabulary, model card.
    lite : `bool`, optional (default = `False`)
        If true, of the entity table only the special rows are written.
    dtype : `str`, optional (default = `"float32"`)
        Of the weights: "float32", "float16" or "bfloat16".
    force : `bool`, optional (default = `False`)
        Whether an existing directory is replaced.

    # Raises

    `ConfigurationError`
        There is no such archive, it is damaged or would run code, or it holds a model that Hugging Face's
        LUKE cannot be: one of another project, a baseline without entities, a head that sees other states. Or
        the directory cannot be written, or the archive is in it. Nothing is written then.
    """
    if dtype not in _DTYPES:
        raise ConfigurationError(f"There is no dtype {dtype!r}; expected one of {', '.join(_DTYPES)}.")
    path = Path(archive)
    if path.is_dir():
        path = path / "model.tar.gz"
    if not path.is_file():
        raise ConfigurationError(
            f"{archive}: there is no archive; expected model.tar.gz of `allennlp train` or "
            "`import-checkpoint`, or the directory that has it."
        )
    with ExitStack() as stack:
        with _damage(archive, "the file"):
            place = stack.enter_context(extracted_archive(str(path)))
        form = _form(place, archive)
        with _damage(archive, "its model", place):
            loaded = load_archive(place)
        if form is PRETRAINING and not loaded.model.uses_entities:
            contents = _word_contents(loaded, archive, place)
        else:
            contents = _luke_contents(loaded, form, archive, place, lite)
        tensors = {
            name: tensor.to(_DTYPES[dtype]) if tensor.is_floating_point() else tensor
            for name, tensor in contents.tensors.items()
        }
        # Versions of transformers call it one or the other.
        for key in {"dtype", "torch_dtype"} & contents.config.keys() or {"dtype"}:
            contents.config[key] = dtype
        architecture, notes = contents.config["architectures"][0], contents.notes
        with _damage(archive, "the scores beside it"):
            metrics = read_object(path.parent / "metrics.json")
        embedder: Any = loaded.model.embedder
        started = Path(embedder.model_name).expanduser()
        inputs = [Path(archive), path, *([started] if started.exists() else [])]
        with new_directory(Path(directory), force, "an export", inputs) as target:
            write_json(target / "config.json", contents.config)
            if form.architecture is None:  # the encoder alone
                scorer = {name: tensors[name] for name in tensors if name.startswith(f"{form.head}.")}
                save_file(scorer, target / SCORER, {"format": "pt"})
                tensors = {
                    name.removeprefix("luke."): tensors[name] for name in tensors if name.startswith("luke.")
                }
            save_file(tensors, target / "model.safetensors", {"format": "pt"})
            copy_tokenizer(contents.tokenizer, target)
            if contents.vocabulary is not None:
                contents.vocabulary.save(target / ENTITY_VOCABULARY)
                with _damage(archive, "its tokenizer"):
                    notes += _describe_tokenizer(loaded, form, contents.tokens, target)
            with _damage(archive, "its config"):
                example = usage(loaded, form, architecture, contents.vocabulary, target)
                card = model_card(loaded.config, metrics, architecture, notes, example)
            (target / "README.md").write_text(card, encoding="utf-8")
    return Exported(architecture, notes)


class _Contents(NamedTuple):
    """What is exported; the tensors are named as in Hugging Face's class with a head."""

    tensors: Dict[str, Tensor]
    config: Dict[str, Any]
    notes: List[str]
    tokenizer: str  # a directory or hub id that has its files, which lack the tokens
    vocabulary: Optional[EntityVocabulary] = None
    tokens: Dict[str, int] = {}


def _luke_contents(loaded: Archive, form: TaskForm, archive: str, place: str, lite: bool) -> _Contents:
    source = Path(place) / SOURCE
    embedder = _embedder(loaded, archive)
    with _damage(archive, LEFT_OUT):
        left_out = _left_out(source, embedder)
    with _damage(archive, "its entities"):
        entities = exported_entities(embedder, source, left_out, lite)
    with _damage(archive, "its tokenizer"):
        tokenizer = tokenizer_source(loaded, place)
    tensors = {
        f"luke.{name[len(ENCODER) :]}" if name.startswith(ENCODER) else name: tensor.detach().clone()
        for name, tensor in loaded.model.state_dict().items()
    }
    notes = [*_head_notes(form, tensors, archive), *entities.notes]
    tensors[f"luke.{ENTITY_TABLE}"] = entities.table
    tokens: Dict[str, int] = {}
    if form is PRETRAINING:
        with _damage(archive, "its tokenizer"):
            tokens, more = add_entity_tokens(tensors, tokenizer)
        notes += more
        tensors["entity_predictions.bias"] = entities.select(tensors["entity_predictions.bias"])
        # `transformers` 5 does not tie the word head to the table, and would leave it at random values.
        tensors["lm_head.decoder.weight"] = tensors[f"luke.{WORD_TABLE}"].clone()
        tensors["lm_head.decoder.bias"] = tensors["lm_head.bias"].clone()
    _put_back(tensors, left_out, entities)
    with _damage(archive, f"{SOURCE}/config.json"):
        config = _config(loaded, form, embedder, source, tensors)
    start = getattr(embedder.luke.config, "position_start", None)
    if start is not None:
        notes.append(move_positions(tensors, config, start))
    return _Contents(tensors, config, notes, tokenizer, entities.vocabulary, tokens)


def _word_contents(loaded: Archive, archive: str, place: str) -> _Contents:
    """Of a backbone that was pretrained further, without entities."""
    embedder: Any = loaded.model.embedder
    with _damage(archive, "its tokenizer"):
        tokenizer = tokenizer_source(loaded, place)
    tensors, config = word_model(loaded.model.state_dict(), embedder)
    return _Contents(tensors, config, [], tokenizer)


@contextmanager
def _damage(archive: str, part: str, place: Optional[str] = None) -> Iterator[None]:
    """Whatever goes wrong names the archive, instead of where it is unpacked, and the part of it."""
    try:
        yield
    except ConfigurationError as error:
        message = error.message if place is None else error.message.replace(place, archive)
        named = message.startswith(f"{archive}:")
        raise ConfigurationError(message if named else f"{archive}: {part}: {message}") from None
    # A file from outside may be wrong in any way, and AllenNLP, torch and tarfile have their own errors.
    except Exception as error:
        raise ConfigurationError(
            f"{archive}: {part} is damaged or incomplete ({type(error).__name__}: {error}); make or fetch it "
            "again."
        ) from error


def _form(place: str, archive: str) -> TaskForm:
    """Before anything is loaded: that may take long, and fail for models that are not exported anyway."""
    task = read_config(place, archive=archive)["model"].get("type")
    with _damage(archive, f"its model, of type {task!r}, cannot be exported"):
        return form_of_model(str(task))


def _embedder(archive: Archive, path: str) -> LukeEmbedder:
    for reason in why_not_exportable(archive.config.as_dict(quiet=True)):
        raise ConfigurationError(f"{path}: {reason}.")
    embedder: Any = archive.model.embedder
    return embedder


def _left_out(source: Path, embedder: LukeEmbedder) -> Dict[str, Tensor]:
    """What an import kept for an export, by the encoder's names."""
    has_vocabulary = (source / ENTITY_VOCABULARY).is_file()
    if not (source / LEFT_OUT).is_file():
        if has_vocabulary or (source / "config.json").is_file():
            raise ConfigurationError("is not in the archive, though what belongs to it is.")
        return {}
    tensors = load_file(source / LEFT_OUT)
    if has_vocabulary:
        table, columns = tensors.get(ENTITY_TABLE, torch.empty(0)), embedder.luke.config.entity_emb_size
        if table.dim() != 2 or table.size(1) != columns or not table.is_floating_point():
            raise ConfigurationError(
                f"{ENTITY_TABLE} is absent, or of shape {tuple(table.shape)} and {table.dtype}; expected "
                f"{columns} columns of floating-point numbers."
            )
    return tensors


def _head_notes(form: TaskForm, tensors: Dict[str, Tensor], path: str) -> Iterator[str]:
    if form.architecture is None:
        heads = ", ".join(name for name in tensors if not name.startswith("luke."))
        yield (
            "Hugging Face has no class for this task: this is the encoder (LukeModel). The head "
            f"({heads}) is omitted; it is in weights.th of {Path(path).name}, and beside this in {SCORER}."
        )
    if form.task == "luke_relation_classification" and "classifier.bias" in tensors:
        yield (
            "Hugging Face's class has no bias in its head: classifier.bias is in model.safetensors, and the "
            "class ignores it, so that its logits are smaller by it."
        )


def _put_back(tensors: Dict[str, Tensor], left_out: Dict[str, Tensor], entities: ExportedEntities) -> None:
    for name, tensor in left_out.items():
        if name == ENTITY_TABLE:
            continue
        if name.startswith("entity_predictions."):
            if not entities.is_whole:  # it predicts entities that are not there
                continue
            if name.endswith((".bias", ".decoder.weight")) and len(tensor) == entities.source_size:
                tensor = entities.select(tensor)
        tensors.setdefault(name if name.startswith(HEADS) else f"luke.{name}", tensor)


def _config(
    archive: Archive, form: TaskForm, embedder: LukeEmbedder, source: Path, tensors: Dict[str, Tensor]
) -> Dict[str, Any]:
    config = read_object(source / "config.json")
    if not config:
        config = embedder.luke.config.to_dict()
        for key in ("position_start", "entity_pad_token_id", "word_model_type", "id2label", "label2id"):
            config.pop(key, None)
    config.update(
        model_type="luke",
        architectures=[form.architecture or "LukeModel"],
        vocab_size=len(tensors[f"luke.{WORD_TABLE}"]),
        entity_vocab_size=len(tensors[f"luke.{ENTITY_TABLE}"]),
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


def _describe_tokenizer(archive: Archive, form: TaskForm, new: Dict[str, int], target: Path) -> List[str]:
    reader: Any = archive.validation_dataset_reader
    options = archive.config.as_dict(quiet=True).get("dataset_reader", {})
    tokens = [
        options.get(option, marker)
        for option, (marker, _) in zip(form.marker_options, form.markers, strict=False)
    ]
    return describe_tokenizer(target, {**reader.tokenizer.marker_ids, **new}, tokens)
