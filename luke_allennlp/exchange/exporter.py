"""An AllenNLP archive as a checkpoint in Hugging Face's layout."""

import logging
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.untrusted import read_config
from allennlp.models import Archive, load_archive
from allennlp.models.archival import extracted_archive
from safetensors.torch import load_file, save_file
from torch import Tensor

from luke_allennlp.checkpoints.model_files import archived_checkpoint
from luke_allennlp.checkpoints.names import ENTITY_TABLE, EXTRA_QUERY
from luke_allennlp.common.files import new_directory, read_object, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.exchange.entities import ExportedEntities, exported_entities
from luke_allennlp.exchange.forms import ENTITY_VOCABULARY, PRETRAINING, TaskForm, form_of_model
from luke_allennlp.exchange.importer import DTYPES, LEFT_OUT, SOURCE
from luke_allennlp.exchange.model_card import model_card
from luke_allennlp.exchange.pretrained import (
    add_entity_tokens,
    add_tied,
    fit_entity_bias,
    tokenizer_source,
)
from luke_allennlp.exchange.tokenizers import describe_tokenizer
from luke_allennlp.exchange.usage import SCORER, usage
from luke_allennlp.exchange.word_model import word_model_config, word_model_tensors
from luke_allennlp.token_embedders import LukeEmbedder

logger = logging.getLogger(__name__)

_HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
# In Hugging Face's classes these stand beside the encoder, all else is in it.
_BESIDE_ENCODER = (
    "lm_head.",
    "cls.",
    "entity_predictions.",
    "classifier.",
    "qa_outputs.",
    "typing.",
    "scorer.",
)


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
        There is no such archive, it is damaged or would run code, or it holds a model that Hugging Face's
        LUKE cannot be: one of another project, a baseline without entities, a head that sees other states. Or
        the directory cannot be written, or is what the archive lies in. Nothing is written then.
    """
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
            contents = _contents(loaded, form, archive, place, lite)
        architecture, notes = contents.config["architectures"][0], contents.notes
        with _damage(archive, "the scores beside it"):
            metrics = read_object(path.parent / "metrics.json")
        inputs = [Path(archive), path]
        embedder: Any = loaded.model.embedder
        started = Path(embedder.model_name).expanduser()
        inputs += [started] if started.exists() else []
        with new_directory(Path(directory), force, "an export", inputs) as target:
            write_json(target / "config.json", contents.config)
            save_file(contents.tensors, target / "model.safetensors", {"format": "pt"})
            if contents.scorer:
                save_file(contents.scorer, target / SCORER, {"format": "pt"})
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
    """
    # Parameters

    tensors : `Dict[str, Tensor]`
        By Hugging Face's names.
    config : `Dict[str, Any]`
    notes : `List[str]`
    tokenizer : `str`
        The directory, or hub id, that has its files.
    vocabulary : `EntityVocabulary`, optional (default = `None`)
    tokens : `Dict[str, int]`, optional (default = `{}`)
        Which the tokenizer's files lack.
    scorer : `Dict[str, Tensor]`, optional (default = `{}`)
        The head that Hugging Face has no class for.
    """

    tensors: Dict[str, Tensor]
    config: Dict[str, Any]
    notes: List[str]
    tokenizer: str
    vocabulary: Optional[EntityVocabulary] = None
    tokens: Dict[str, int] = {}
    scorer: Dict[str, Tensor] = {}


def _contents(loaded: Archive, form: TaskForm, archive: str, place: str, lite: bool) -> _Contents:
    """Of a LUKE."""
    source = Path(place) / SOURCE
    embedder = _embedder(loaded, archive)
    _check_head(loaded, form, embedder, archive)
    tokenizer = archived_checkpoint(embedder.model_name, place)
    with _damage(archive, LEFT_OUT):
        left_out = _left_out(source, embedder)
    with _damage(archive, "its entities"):
        entities = exported_entities(embedder, source, left_out, lite)
    tensors, notes = _tensors(loaded, form, archive)
    notes += entities.notes
    tensors[f"luke.{ENTITY_TABLE}"] = entities.table
    tokens: Dict[str, int] = {}
    scorer: Dict[str, Tensor] = {}
    if form is PRETRAINING:
        with _damage(archive, "its tokenizer"):
            tokenizer = tokenizer_source(loaded, tokenizer, place)
            tokens, more = add_entity_tokens(tensors, tokenizer)
        notes += more
        trained, rows = embedder.entity_vocabulary(), len(entities.table)
        fit_entity_bias(tensors, trained, entities.vocabulary, rows, entities.is_whole)
        add_tied(tensors)
    _put_back(tensors, left_out, entities)
    with _damage(archive, DTYPES):
        tensors = _in_stored_types(tensors, form, source, left_out)
    if form.architecture is None:  # the encoder alone
        prefix = "luke."
        scorer = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{form.head}.")}
        tensors = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    with _damage(archive, f"{SOURCE}/config.json"):
        config = _config(loaded, form, embedder, source, tensors)
    return _Contents(tensors, config, notes, tokenizer, entities.vocabulary, tokens, scorer)


def _word_contents(loaded: Archive, archive: str, place: str) -> _Contents:
    """Of a backbone that was pretrained further, without entities."""
    embedder: Any = loaded.model.embedder
    tokenizer = archived_checkpoint(embedder.model_name, place)
    with _damage(archive, "its tokenizer"):
        tokenizer = tokenizer_source(loaded, tokenizer, place)
    tensors = word_model_tensors(loaded.model.state_dict(), embedder)
    return _Contents(tensors, word_model_config(embedder), [], tokenizer)


@contextmanager
def _damage(archive: str, part: str, place: Optional[str] = None) -> Iterator[None]:
    """Names the archive, not where it is unpacked, and the part of it, in whatever goes wrong."""
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
    try:
        return form_of_model(str(task))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{archive}: is a model of type {task!r}, which cannot be exported. {error.message}"
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


def _check_head(archive: Archive, form: TaskForm, embedder: LukeEmbedder, path: str) -> None:
    model: Any = archive.model
    if form is PRETRAINING:  # whose heads see what Hugging Face's see
        return
    if form.task != "luke_reading_comprehension" and not model.use_entity_state:
        raise ConfigurationError(
            f"{path}: has use_entity_state false, so that its head sees no entities; expected true, as "
            f"{form.architecture or 'LukeModel'} of Hugging Face uses them."
        )
    if form.architecture is None:  # the head stays here
        return
    found, hidden = getattr(model, form.head).weight.size(1), embedder.get_output_dim()
    if found != form.features * hidden:
        raise ConfigurationError(
            f"{path}: has use_word_states {str(model.use_word_states).lower()}, so that its head sees "
            f"{found // hidden} states of an entity; {form.architecture} of Hugging Face sees "
            f"{form.features}, as with use_word_states {str(not model.use_word_states).lower()}."
        )


def _left_out(source: Path, embedder: LukeEmbedder) -> Dict[str, Tensor]:
    """What an import kept along, by the encoder's names."""
    vocabulary = source / ENTITY_VOCABULARY
    if not (source / LEFT_OUT).is_file():
        if vocabulary.is_file() or (source / "config.json").is_file():
            raise ConfigurationError("is not in the archive, though what belongs to it is.")
        return {}
    tensors = load_file(source / LEFT_OUT)
    if vocabulary.is_file():
        table, columns = tensors.get(ENTITY_TABLE), embedder.luke.config.entity_emb_size
        if table is None:
            raise ConfigurationError(f"has no {ENTITY_TABLE}.")
        if table.dim() != 2 or table.size(1) != columns or not table.is_floating_point():
            raise ConfigurationError(
                f"{ENTITY_TABLE} is of shape {tuple(table.shape)} and {table.dtype}; expected {columns} "
                "columns of floating-point numbers."
            )
    return tensors


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
            f"({', '.join(heads)}) is left out; it is in weights.th of {Path(path).name}, and beside this in "
            f"{SCORER}."
        )
    if form.task == "luke_relation_classification" and "classifier.bias" in tensors:
        notes.append(
            "Hugging Face's class has no bias in its head: classifier.bias is in model.safetensors, and the "
            "class "
            "leaves it out, so that its logits are smaller by it."
        )
    return tensors, notes


def _put_back(tensors: Dict[str, Tensor], left_out: Dict[str, Tensor], entities: ExportedEntities) -> None:
    for name, tensor in left_out.items():
        if name == ENTITY_TABLE:
            continue
        if name.startswith("entity_predictions."):
            if not entities.is_whole:  # it predicts entities that are not there
                continue
            size = len(entities.table) - 1
            of_entities = name in ("entity_predictions.bias", "entity_predictions.decoder.weight")
            if of_entities and entities.copied is not None and len(tensor) == size:
                tensor = torch.cat([tensor, tensor[entities.copied][None]])
        beside = name.startswith(_BESIDE_ENCODER)
        tensors.setdefault(name if beside else f"luke.{name}", tensor)


def _in_stored_types(
    tensors: Dict[str, Tensor], form: TaskForm, source: Path, left_out: Dict[str, Tensor]
) -> Dict[str, Tensor]:
    """
    Each tensor in the type that the imported checkpoint had it in; all of them in float32 where one has
    changed since, and where there was no import.
    """
    stored: Dict[str, torch.dtype] = {}
    if (source / DTYPES).is_file():
        halves = {name: str(tensor.dtype).rpartition(".")[2] for name, tensor in left_out.items()}
        names = {
            **{name: dtype for name, dtype in halves.items() if dtype in _HALVES},
            **read_object(source / DTYPES),
        }
        for name, dtype in names.items():
            if dtype not in _HALVES:
                raise ConfigurationError(f"{name} is {dtype!r}; expected one of {', '.join(_HALVES)}.")
            if form.original_head != form.head and name.startswith(f"{form.original_head}."):
                name = form.head + name[len(form.original_head) :]
            stored[name] = _HALVES[dtype]
    whole = {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
    }
    typed = {}
    for name, tensor in whole.items():
        stripped = name[len("luke.") :] if name.startswith("luke.") else name
        query = EXTRA_QUERY.sub(".attention.self.query.", stripped)  # what an extra one is a copy of
        dtype = stored.get(stripped, stored.get(query))
        typed[name] = tensor if dtype is None or not tensor.is_floating_point() else tensor.to(dtype)
        if not torch.equal(typed[name].to(tensor.dtype), tensor):
            return whole
    return typed


def _config(
    archive: Archive, form: TaskForm, embedder: LukeEmbedder, source: Path, tensors: Dict[str, Tensor]
) -> Dict[str, Any]:
    prefix = "" if form.architecture is None else "luke."
    config = read_object(source / "config.json")
    if not config:
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
    dtypes = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    dtype = str(dtypes.pop() if len(dtypes) == 1 else torch.float32).rpartition(".")[2]
    for key in {"dtype", "torch_dtype"} & config.keys() or {"dtype"}:
        config[key] = dtype
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
    options = Params(archive.config.get("dataset_reader", {})).as_dict(quiet=True)
    markers: Dict[str, int] = {**reader.tokenizer.marker_ids, **new}
    defaults = [marker for marker, _ in form.markers]
    tokens = [
        options.get(option, default) for option, default in zip(form.marker_options, defaults, strict=False)
    ]
    return describe_tokenizer(target, markers, tokens)
