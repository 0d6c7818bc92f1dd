"""
Whether what makes the ids of words, tokenizers and token indexers, and the embedder that takes them have the
same words.

Importing this module adds the check of archives to `allennlp.models.archival.archive_checks`, where the
installed AllenNLP has it.
"""

import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

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
from luke_allennlp.training.config_check import ConfiguredObject, configured_objects
from luke_allennlp.training.hooks import add_hook


def check_words(
    objects: Sequence[ConfiguredObject], serialization_dir: Optional[Union[str, os.PathLike]] = None
) -> None:
    """
    Compares the checkpoints of tokenizers and token indexers with that of the embedder, and their marker
    tokens. Where they are the same, nothing is read, and weights never are. An embedder and an indexer that
    have the same key of a `TextField` belong together; else one of several embedders has to fit.

    # Parameters

    objects : `Sequence[ConfiguredObject]`
        Of a config.
    serialization_dir : `Union[str, os.PathLike]`, optional (default = `None`)
        Where the archive that is being loaded lies, which may bring its checkpoint along.

    # Raises

    `ConfigurationError`
        The word tables differ in their sizes, the special tokens' ids, or any entry of the vocabularies, or
        the marker tokens have other ids. Where a checkpoint has no tokenizer, what its config says is
        compared.
    """
    makers = [
        _Words.of(item, serialization_dir) for item in objects if _is_a(item, WordTokenizer, LukeTokenIndexer)
    ]
    takers = [_Words.of(item, serialization_dir) for item in objects if _is_a(item, LukeEmbedder)]
    for maker in makers:
        partners = [taker for taker in takers if taker.field == maker.field is not None] or takers
        differences = [difference for taker in partners if (difference := _difference(maker, taker))]
        if differences and len(differences) == len(partners):
            raise ConfigurationError(differences[0])


def check_archive(config: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Does what `check_words` does for the config of an archive, whose model and readers could be made."""
    objects: List[ConfiguredObject] = []
    for key, base in (
        ("dataset_reader", DatasetReader),
        ("validation_dataset_reader", DatasetReader),
        ("model", Model),
    ):
        if config.get(key) is not None:
            found = configured_objects(config.get(key).duplicate(), base)
            objects += [item._replace(path=f"{key}.{item.path}".rstrip(".")) for item in found]
    check_words(objects, serialization_dir)


class _Words(NamedTuple):
    """
    What an object of a config says of words.

    # Parameters

    path : `str`
        Where it stands.
    field : `str`, optional
        Its key among the indexers or embedders of a `TextField`.
    name : `str`
        Its checkpoint, as the config has it.
    source : `str`
        Where that is read from.
    """

    path: str
    field: Optional[str]
    name: str
    source: str
    markers: List[str]

    @classmethod
    def of(cls, item: ConfiguredObject, serialization_dir: Optional[Union[str, os.PathLike]]) -> "_Words":
        name = at_revision(str(item.options.get("model_name")), item.options.get("revision"))
        parts = item.path.split(".")
        in_a_field = len(parts) > 1 and parts[-2] in ("token_indexers", "token_embedders")
        markers = item.options.get("marker_tokens") or []
        return cls(
            item.path,
            parts[-1] if in_a_field else None,
            name,
            archived_checkpoint(name, serialization_dir),
            # Pairs or an object in an embedder.
            [marker if isinstance(marker, str) else marker[0] for marker in markers],
        )


def _is_a(item: ConfiguredObject, *classes: type) -> bool:
    return isinstance(item.cls, type) and issubclass(item.cls, classes)


def _difference(maker: _Words, taker: _Words) -> Optional[str]:
    """In what the two differ, as a sentence, or `None`."""
    if not _is_same(maker.source, taker.source):
        found = _difference_of_checkpoints(maker, taker)
        if found is not None:
            return (
                f"{maker.path}.model_name is {maker.name!r} and {taker.path}.model_name is {taker.name!r}, "
                f"which have different words: {found}; give both the same checkpoint."
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


def _difference_of_checkpoints(maker: _Words, taker: _Words) -> Optional[str]:
    try:
        tokenizer = WordTokenizer(maker.source)
    except ConfigurationError as error:
        raise ConfigurationError(f"{maker.path}.model_name: {error.message}") from None
    config = read_config(taker.source)
    # Without a config the tokenizer knows only its own entries, which is enough if no markers follow them.
    has_size = maker.markers or any(find_file(maker.source, name) for name in (CONFIG_FILE, METADATA_FILE))
    if has_size and tokenizer.word_table_size != config.vocab_size:
        return (
            f"the first has a table of {tokenizer.word_table_size:,}, the second one of {config.vocab_size:,}"
        )
    try:
        other = WordTokenizer(taker.source)
    except ConfigurationError:  # An embedder needs none.
        return _difference_of_ids(
            {"padding": tokenizer.pad_id}, {"padding": config.pad_token_id}, "the id of {}"
        )
    return _difference_of_ids(
        _special_ids(tokenizer), _special_ids(other), "the id of the token for {}"
    ) or _difference_of_ids(tokenizer.vocabulary, other.vocabulary, "the id of {!r}")


def _special_ids(tokenizer: WordTokenizer) -> Dict[str, int]:
    return {
        "the start": tokenizer.start_id,
        "the end": tokenizer.end_id,
        "padding": tokenizer.pad_id,
        "unknown words": tokenizer.unknown_id,
        "masked words": tokenizer.mask_id,
    }


def _difference_of_ids(
    first: Mapping[str, int], second: Mapping[str, Optional[int]], what: str
) -> Optional[str]:
    if first == second:
        return None
    differing = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    name = min(differing, key=lambda name: (first.get(name) is None, first.get(name), name))
    ids = ["none" if ids.get(name) is None else ids.get(name) for ids in (first, second)]
    more = f" (one of {len(differing):,} that differ)" if len(differing) > 1 else ""
    return f"{what.format(name)} is {ids[0]} in the first and {ids[1]} in the second{more}"


add_hook(archival, "archive_checks", check_archive)
