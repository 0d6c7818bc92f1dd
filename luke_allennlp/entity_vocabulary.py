"""Entities by name."""

from typing import Dict, Iterator, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.model_files import cache_hint, find_file, read_json

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
PAD, UNK, MASK, MASK2 = "[PAD]", "[UNK]", "[MASK]", "[MASK2]"


class EntityVocabulary:
    """
    The rows of an entity table by the titles of their entities. The special entities too are looked up by
    name: their ids differ from release to release.

    # Parameters

    ids : `Dict[str, int]`
        Title -> row.
    source : `str`, optional (default = `"the entity vocabulary"`)
        Where it comes from, for messages.
    """

    def __init__(self, ids: Dict[str, int], source: str = "the entity vocabulary") -> None:
        self._ids = ids
        self._source = source

    @classmethod
    def from_checkpoint(cls, model_name: str) -> "EntityVocabulary":
        """
        Reads `entity_vocab.json` of a checkpoint in Hugging Face's layout.

        # Raises

        `ConfigurationError`
            There is none, or it is damaged.
        """
        if find_file(model_name, ENTITY_VOCABULARY_FILE) is None:
            raise ConfigurationError(
                f"The model {model_name!r} has no entity_vocab.json; expected LUKE's checkpoint in Hugging "
                f"Face's layout.{cache_hint(model_name)}"
            )
        ids = read_json(model_name, ENTITY_VOCABULARY_FILE)
        if not all(isinstance(index, int) for index in ids.values()):
            raise ConfigurationError(
                f"The entity_vocab.json of {model_name!r} is damaged: expected titles with whole numbers."
            )
        return cls(ids, f"the entity vocabulary of {model_name!r}")

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, title: object) -> bool:
        return title in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __getitem__(self, title: str) -> int:
        if title not in self._ids:
            raise ConfigurationError(
                f"There is no entity {title!r} in {self._source}; it has {len(self)}, among them "
                f"{', '.join(repr(name) for name in list(self._ids)[:4])}."
            )
        return self._ids[title]

    def rows(self, titles: Sequence[str]) -> Sequence[int]:
        """The rows of several entities, in that order."""
        return [self[title] for title in titles]
