"""
Checks that tokenizers and token indexers number tokens as the embedder does.

Importing this module adds the check of archives to AllenNLP's `archive_checks`.
"""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.models import Model, archival

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.model_files import (
    CONFIG_FILE,
    METADATA_FILE,
    archived_checkpoint,
    at_revision,
    find_file,
    local_directory,
)
from luke_allennlp.data.token_indexer import LukeTokenIndexer
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.token_embedders import LukeEmbedder
from luke_allennlp.training.config_check import ConfiguredObject, check_config
from luke_allennlp.training.hooks import add_hook

_SPECIAL_TOKENS = {
    "the start": "start_id",
    "the end": "end_id",
    "padding": "pad_id",
    "unknown words": "unknown_id",
    "masked words": "mask_id",
}


def check_tokenizers(
    objects: Sequence[ConfiguredObject], serialization_dir: Optional[Union[str, os.PathLike]] = None
) -> None:
    """
    Compares the checkpoints and marker tokens of tokenizers and token indexers with those of the embedder.
    Nothing is read if they are the same, and never any weights. An indexer and an embedder with the same key
    of a `TextField` belong together; otherwise one of several embedders must fit.

    # Parameters

    objects : `Sequence[ConfiguredObject]`
        Of a config.
    serialization_dir : `Union[str, os.PathLike]`, optional (default = `None`)
        Of the archive that is being loaded, which may contain its checkpoint.

    # Raises

    `ConfigurationError`
        The vocabularies differ in their sizes, the ids of the special tokens or any entry, or the marker
        tokens have other ids. Where a checkpoint has no tokenizer, its config is compared.
    """
    makers = [
        _Source.of(item, serialization_dir)
        for item in objects
        if _is_a(item, WordTokenizer, LukeTokenIndexer)
    ]
    takers = [_Source.of(item, serialization_dir) for item in objects if _is_a(item, LukeEmbedder)]
    for maker in makers:
        partners = [taker for taker in takers if taker.field == maker.field is not None] or takers
        differences = [difference for taker in partners if (difference := _difference(maker, taker))]
        if differences and len(differences) == len(partners):
            raise ConfigurationError(differences[0])


def check_archive(config: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Does what `check_tokenizers` does for the config of an archive."""
    bases: Dict[str, Any] = {"dataset_reader": DatasetReader, "validation_dataset_reader": DatasetReader}
    objects: List[ConfiguredObject] = []
    for key, base in {**bases, "model": Model}.items():
        if config.get(key) is not None:
            found = check_config(config.get(key).duplicate(), base)
            objects += [item._replace(path=f"{key}.{item.path}".rstrip(".")) for item in found]
    check_tokenizers(objects, serialization_dir)


class _Source(NamedTuple):
    """
    Where an object of a config has its tokens from.

    # Parameters

    field : `str`, optional
        Its key among the indexers or embedders of a `TextField`.
    name : `str`
        Its checkpoint in the config.
    source : `str`
        Where that is read from.
    """

    path: str
    field: Optional[str]
    name: str
    source: str
    markers: List[str]

    @classmethod
    def of(cls, item: ConfiguredObject, serialization_dir: Optional[Union[str, os.PathLike]]) -> "_Source":
        name = at_revision(str(item.options.get("model_name")), item.options.get("revision"))
        parts = item.path.split(".")
        in_a_field = len(parts) > 1 and parts[-2] in ("token_indexers", "token_embedders")
        markers = item.options.get("marker_tokens") or []
        return cls(
            item.path,
            parts[-1] if in_a_field else None,
            name,
            archived_checkpoint(name, serialization_dir),
            # An embedder has pairs or an object.
            [marker if isinstance(marker, str) else marker[0] for marker in markers],
        )


def _is_a(item: ConfiguredObject, *classes: type) -> bool:
    return isinstance(item.cls, type) and issubclass(item.cls, classes)


def _difference(maker: _Source, taker: _Source) -> Optional[str]:
    """How the two differ, as a sentence, or `None`."""
    found = None if _is_same(maker.source, taker.source) else _difference_of_checkpoints(maker, taker)
    if found is not None:
        return (
            f"{maker.path}.model_name is {maker.name!r} and {taker.path}.model_name is {taker.name!r}, "
            f"which have different vocabularies: {found}; give both the same checkpoint."
        )
    if maker.markers != taker.markers[: len(maker.markers)]:
        return (
            f"{maker.path}.marker_tokens are {maker.markers} and {taker.path}.marker_tokens {taker.markers}, "
            "which gives them different ids; give both the same, in the same order."
        )
    return None


def _is_same(first: str, second: str) -> bool:
    if first == second:
        return True
    places = [local_directory(name) for name in (first, second)]
    resolved = {place.resolve() for place in places if place is not None}
    return None not in places and len(resolved) == 1


def _difference_of_checkpoints(maker: _Source, taker: _Source) -> Optional[str]:
    try:
        tokenizer = WordTokenizer(maker.source)
    except ConfigurationError as error:
        raise ConfigurationError(f"{maker.path}.model_name: {error.message}") from None
    config = read_config(taker.source)
    # Without a config the tokenizer knows only its own entries: enough, unless markers follow them.
    has_size = maker.markers or any(find_file(maker.source, name) for name in (CONFIG_FILE, METADATA_FILE))
    if has_size and tokenizer.word_table_size != config.vocab_size:
        sizes = (tokenizer.word_table_size, config.vocab_size)
        return f"the first has a table of {sizes[0]:,}, the second one of {sizes[1]:,}"
    try:
        other = WordTokenizer(taker.source)
    except ConfigurationError:  # An embedder needs none.
        return _difference_of_ids(
            {"padding": tokenizer.pad_id}, {"padding": config.pad_token_id}, "the id of {}"
        )
    first, second = (
        {name: getattr(source, attribute) for name, attribute in _SPECIAL_TOKENS.items()}
        for source in (tokenizer, other)
    )
    return _difference_of_ids(first, second, "the id of the token for {}") or _difference_of_ids(
        tokenizer.vocabulary, other.vocabulary, "the id of {!r}"
    )


def _difference_of_ids(
    first: Mapping[str, int], second: Mapping[str, Optional[int]], what: str
) -> Optional[str]:
    differing = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    if not differing:
        return None
    name = min(differing, key=lambda name: (first.get(name) is None, first.get(name), name))
    ids = ["none" if ids.get(name) is None else ids.get(name) for ids in (first, second)]
    more = f" (one of {len(differing):,} that differ)" if len(differing) > 1 else ""
    return f"{what.format(name)} is {ids[0]} in the first and {ids[1]} in the second{more}"


add_hook(archival, "archive_checks", check_archive)
