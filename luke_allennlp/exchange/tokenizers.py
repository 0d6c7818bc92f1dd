"""The tokenizer of an export, with the tokens that Hugging Face's has besides the words."""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import torch
from allennlp.models import Archive
from torch import Tensor

from luke_allennlp.checkpoints.model_files import archived_checkpoint
from luke_allennlp.checkpoints.names import WORD_TABLE
from luke_allennlp.common.files import read_object, write_json
from luke_allennlp.data.tokenizer_files import tokenizer_files
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.exchange.forms import PRETRAINING

_SPECIAL = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
# Whose rows the two tokens that mark entities start as.
_STARTS = ("@", "#")


def tokenizer_source(archive: Archive, place: str) -> str:
    """
    Where the tokenizer's files are: with the checkpoint that the model started from, else with the data. The
    archive was unpacked in `place`.
    """
    model: Any = archive.model
    reader: Any = archive.validation_dataset_reader
    name = archived_checkpoint(model.embedder.model_name, place)
    return name if tokenizer_files(name) else archived_checkpoint(reader.tokenizer.model_name, place)


def add_entity_tokens(tensors: Dict[str, Tensor], source: str) -> Tuple[Dict[str, int], List[str]]:
    """
    Gives the word table and its head the rows of `<ent>` and `<ent2>`, copies of those of `@` and `#`, unless
    the tokenizer has them: Hugging Face's numbers them behind the words. Changes the tensors. Returns the new
    tokens with their ids, and what is to be said of them.
    """
    tokenizer = WordTokenizer(source)
    new = {
        token: start
        for token, start in zip(PRETRAINING.published_markers, _STARTS, strict=True)
        if tokenizer.find(token) is None
    }
    if not new:
        return {}, []
    words = len(tensors["lm_head.bias"])
    rows = [tokenizer.unknown_id if (row := tokenizer.find(start)) is None else row for start in new.values()]
    for name in (f"luke.{WORD_TABLE}", "lm_head.bias"):
        tensors[name] = torch.cat([tensors[name], tensors[name][rows]])
    note = (
        f"{' and '.join(new)}, with which Hugging Face's tokenizer can mark entities, are appended to the "
        f"words: copies of {' and '.join(new.values())}."
    )
    return {token: words + index for index, token in enumerate(new)}, [note]


def describe_tokenizer(target: Path, markers: Mapping[str, int], tokens: Sequence[str]) -> List[str]:
    """
    Turns the copied files into those of a `LukeTokenizer`: with the markers, which they lack, by their ids,
    and with the one or two tokens that mark entities, if the task has any. Returns what the card must say.
    """
    config = read_object(target / "tokenizer_config.json")
    notes: List[str] = []
    if (target / "vocab.json").is_file() and (target / "merges.txt").is_file():
        config["tokenizer_class"] = "LukeTokenizer"
    elif not (target / "sentencepiece.bpe.model").is_file():
        is_bert = (target / "vocab.txt").is_file() and not (target / "tokenizer.json").is_file()
        name = config.setdefault("tokenizer_class", "BertTokenizer" if is_bert else "PreTrainedTokenizerFast")
        notes.append(
            "There are no vocab.json and merges.txt, so that LukeTokenizer of transformers cannot read the "
            f"tokenizer; {name} reads it, and entities are numbered by entity_vocab.json."
        )
    for number, token in enumerate(tokens, start=1):
        config[f"entity_token_{number}"] = token
    if markers:
        _add_tokens(target, config, markers)
    write_json(target / "tokenizer_config.json", config)
    return notes


def _add_tokens(target: Path, config: Dict[str, Any], markers: Mapping[str, int]) -> None:
    """To each file that lists special tokens."""
    added = read_object(target / "added_tokens.json")
    write_json(target / "added_tokens.json", {**added, **markers})
    named = config.get("additional_special_tokens")
    special = named if isinstance(named, list) else []
    config["additional_special_tokens"] = special + [token for token in markers if token not in special]
    if isinstance(config.get("added_tokens_decoder"), dict):
        for token, index in markers.items():
            config["added_tokens_decoder"][str(index)] = {"content": token, **_SPECIAL}
    whole = read_object(target / "tokenizer.json")
    if whole:
        whole.setdefault("added_tokens", []).extend(
            {"id": index, "content": token, **_SPECIAL} for token, index in markers.items()
        )
        write_json(target / "tokenizer.json", whole)
