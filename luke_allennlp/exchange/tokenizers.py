"""The tokenizer's files of an export."""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from luke_allennlp.common.files import read_object, write_json

_SPECIAL = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def describe_tokenizer(target: Path, markers: Mapping[str, int], tokens: Sequence[str]) -> List[str]:
    """
    Turns the copied files into those of a `LukeTokenizer` with further tokens.

    # Parameters

    target : `Path`
    markers : `Mapping[str, int]`
        Tokens that the files lack, and their ids.
    tokens : `Sequence[str]`
        The one or two that mark entities, if the task has any.

    # Returns

    `List[str]`
        What the card must say of them.
    """
    config = read_object(target / "tokenizer_config.json")
    notes: List[str] = []
    if (target / "vocab.json").is_file() and (target / "merges.txt").is_file():
        config["tokenizer_class"] = "LukeTokenizer"
    elif not (target / "sentencepiece.bpe.model").is_file():
        name = config.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
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
