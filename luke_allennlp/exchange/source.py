"""A published fine-tuned model that is to be imported: what it is of, and whether it is what it says."""

import re
from contextlib import ExitStack
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.checkpoints.archives import archive_file
from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.loader import encoder_tensors
from luke_allennlp.checkpoints.model_files import find_file, read_json
from luke_allennlp.checkpoints.names import ENTITY_TABLE, WORD_TABLE
from luke_allennlp.checkpoints.tensors import LazyTensors, open_checkpoint
from luke_allennlp.common.text_lines import read_lines, shown
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary
from luke_allennlp.exchange.forms import TaskForm, find_form, form_of_task
from luke_allennlp.token_embedders.encoder_loading import entity_rows

_NIL = "NIL"
_LAYER = re.compile(r"^encoder\.layer\.(\d+)\.")
_TOKENIZER_CONFIG = "tokenizer_config.json"


class Source(NamedTuple):
    """
    A directory, tarball or hub id: its config.json (empty for the original release), its `LukeConfig`, its
    tensors by the encoder's names, and its task.
    """

    name: str
    raw_config: Dict[str, Any]
    config: Any
    tensors: LazyTensors
    form: TaskForm

    @property
    def is_original(self) -> bool:
        return not self.raw_config

    @property
    def markers(self) -> Tuple[Tuple[str, str], ...]:
        """Markers that follow the tokenizer's words in the table; Hugging Face's are part of these."""
        return self.form.markers if self.is_original or self.form.architecture is None else ()

    @property
    def has_whole_entity_table(self) -> bool:
        """The original's fine-tuned models have only the rows that their task kept, in its order."""
        return self.tensors[ENTITY_TABLE].shape[0] == self.config.entity_vocab_size

    def head(self, part: str) -> Optional[Tensor]:
        """The head's "weight" or "bias", if it has that."""
        return self.tensors.get(
            f"{self.form.head}.{part}", self.tensors.get(f"{self.form.original_head}.{part}")
        )


def open_source(name: str, task: Optional[str], stack: ExitStack) -> Source:
    """
    Opens a directory, tarball or hub id; the stack keeps its files open. The task is detected by the config
    or the head if `None`. Its tables and layers must be those of its config: one that lies would cost memory.
    """
    if archive_file(name) is not None:
        raise ConfigurationError(
            f"{name!r} is an archive of AllenNLP, and needs no import; expected a checkpoint, as Hugging "
            "Face's classes or the original release have them."
        )
    raw = {} if find_file(name, "config.json") is None else read_json(name, "config.json")
    config = read_config(name)
    if config.entity_vocab_size == 0:
        raise ConfigurationError(
            f"{name!r} is a {raw.get('model_type')}, without entities; only models of LUKE can be imported."
        )
    architectures = [] if raw.get("architectures") is None else raw["architectures"]
    if not isinstance(architectures, list) or not all(isinstance(item, str) for item in architectures):
        raise ConfigurationError(
            f"The config of {name!r} has 'architectures' = {shown(architectures)}; expected a list of names."
        )
    tensors = encoder_tensors(open_checkpoint(name, stack))
    if task is None:
        form = find_form(name, architectures, tensors, config.hidden_size)
    else:
        form = form_of_task(task)
    source = Source(name, raw, config, tensors, form)
    _check_size(source)
    return source


def _check_size(source: Source) -> None:
    config, tensors = source.config, source.tensors
    layers = {match.group(1) for name in tensors if (match := _LAYER.match(name))}
    if len(layers) != config.num_hidden_layers:
        raise ConfigurationError(
            f"The config of {source.name!r} has 'num_hidden_layers' = {config.num_hidden_layers}, and "
            f"{tensors.source} the weights of {len(layers)} layers; fetch the checkpoint again."
        )
    expected = {
        WORD_TABLE: (None if source.is_original else config.vocab_size, config.hidden_size),
        ENTITY_TABLE: (None if source.is_original else config.entity_vocab_size, config.entity_emb_size),
    }
    for name, (rows, columns) in expected.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found is None or len(found) != 2 or found[1] != columns or rows not in (None, found[0]):
            raise ConfigurationError(
                f"The weights in {tensors.source} have "
                + (f"no {name}" if found is None else f"{name} of shape {found}")
                + f"; by the config of {source.name!r} it is ({rows or 'words'}, {columns})."
            )
    if len(tensors[WORD_TABLE]) <= len(source.markers):
        raise ConfigurationError(
            f"The weights in {tensors.source} have {WORD_TABLE} with {len(tensors[WORD_TABLE])} rows; "
            f"expected words, and {len(source.markers)} markers behind them."
        )


def labels_of(source: Source, path: Optional[str]) -> List[str]:
    """
    The labels in the order of the head's rows: those in a file, with a label a line, else the config's. There
    must be as many as rows, and the label among them that the task needs.
    """
    form = source.form
    if not form.has_labels:
        if path is not None:
            raise ConfigurationError(
                f"{path}: a model of {form.task}, as {source.name!r} is, has no labels; omit --labels."
            )
        return []
    weight = source.head("weight")
    if weight is None or len(weight.shape) != 2:
        raise ConfigurationError(
            f"{source.name!r} has no matrix {form.head}.weight, the head of {form.task}; name its task with "
            "--task."
        )
    number = weight.shape[0]
    where = path or f"the config of {source.name!r}"
    if path is not None:
        names = [line.strip() for _, line in read_lines(path) if line.strip()]
    else:
        by_id = source.raw_config.get("id2label")
        if not isinstance(by_id, dict) or not all(isinstance(name, str) for name in by_id.values()):
            raise ConfigurationError(
                f"{where} does not name the {number} labels; give a file with a label a line by --labels."
            )
        names = [by_id.get(str(index), "") for index in range(len(by_id))]
    if len(names) != number or len(set(names)) != number or not all(names):
        raise ConfigurationError(
            f"{where} has {len(set(names) - {''})} different labels ({', '.join(names[:5])}...), and the "
            f"head {number} rows; give as many, a label a line, by --labels."
        )
    if form.task == "luke_ner" and _NIL not in names:
        raise ConfigurationError(
            f"{where} has no label {_NIL!r}, of spans that are no entities, among {', '.join(names[:8])}; "
            "give the labels by --labels, in their order and with that name."
        )
    return names


def published_markers(source: Source) -> List[str]:
    """The tokens that mark entities by the tokenizer's config; none if the task has none or its own."""
    tokenizer = WordTokenizer(source.name, [marker for marker, _ in source.markers])
    has_config = find_file(source.name, _TOKENIZER_CONFIG) is not None
    raw = read_json(source.name, _TOKENIZER_CONFIG) if has_config else {}
    if source.markers:  # whose ids are those of the table's last rows
        return []
    found = []
    words = source.tensors[WORD_TABLE].shape[0]
    for number, default in enumerate(source.form.published_markers, start=1):
        key = f"entity_token_{number}"
        value = raw.get(key, default)
        token = value.get("content") if isinstance(value, dict) else value
        if not isinstance(token, str):
            raise ConfigurationError(
                f"{find_file(source.name, _TOKENIZER_CONFIG)} has {key!r} = {shown(value)}; expected a "
                f"token, such as {default!r}."
            )
        token_id = tokenizer.token_id(token)
        if token_id >= words:
            raise ConfigurationError(
                f"The token {token!r} of {source.name!r} has the id {token_id}, and {WORD_TABLE} {words} "
                "rows; fetch its added_tokens.json again."
            )
        found.append(token)
    return found


def kept_rows(source: Source) -> Optional[List[int]]:
    """Which rows of the entity table the task keeps, `None` for all; those it needs must be there."""
    vocabulary = EntityVocabulary.from_checkpoint(source.name)
    size = source.tensors[ENTITY_TABLE].shape[0]
    if source.form.entities is None:
        entity_rows(vocabulary, source.name, (PAD, MASK), size)
        entity_rows(vocabulary, source.name, [title for title in (UNK, MASK2) if title in vocabulary], size)
        for row in (next(vocabulary.entries())[0], vocabulary.table_size - 1):  # first and last
            if not 0 <= row < size:
                raise ConfigurationError(
                    f"The entity vocabulary of {source.name!r} has the row {row}; expected one of the {size} "
                    f"that {ENTITY_TABLE} has."
                )
        return None
    if source.is_original and not source.has_whole_entity_table:
        if size != len(source.form.entities):
            raise ConfigurationError(
                f"The weights in {source.tensors.source} have {ENTITY_TABLE} with {size} rows; expected the "
                f"{source.config.entity_vocab_size} of the vocabulary, or for {source.form.task} "
                f"{len(source.form.entities)}."
            )
        return list(range(size))
    # The original's files may lack [MASK2], which then is what it was made from.
    titles = [MASK if title == MASK2 and MASK2 not in vocabulary else title for title in source.form.entities]
    return list(entity_rows(vocabulary, source.name, titles, size))
