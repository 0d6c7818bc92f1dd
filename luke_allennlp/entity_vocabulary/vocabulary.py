"""Entities by name."""

import difflib
import gc
from bisect import bisect_left, bisect_right
from itertools import groupby, islice
from os import PathLike
from pathlib import Path
from sys import intern
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import ENTITY_VOCABULARY_FILES, cache_hint, find_file
from luke_allennlp.common.files import written_whole
from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary import formats
from luke_allennlp.entity_vocabulary.formats import Entry
from luke_allennlp.entity_vocabulary.names import full_name, is_special

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
SUFFIXES = (".json", ".tsv", ".jsonl")
_COMPARED_FOR_SUGGESTIONS = 4000
_TOO_LARGE = 1 << 63

_Path = Union[str, "PathLike[str]"]


class EntityVocabulary:
    """
    The rows of an entity table by the titles of their entities. Special entities too are looked up by name:
    their ids differ from release to release.

    An entity's name is its title, and `language:title` where the vocabulary has languages; special entities
    such as `[MASK]` are of no language. `[]`, `in`, `len` and iteration are about names. Several of them may
    have one id, and ids may be left out. Two vocabularies are equal if the same titles have the same ids and
    counts.

    # Parameters

    ids : `Mapping[str, int]`
        Name -> row.
    source : `str`, optional (default = `"the entity vocabulary"`)
        Where it comes from, for messages.
    multilingual : `bool`, optional (default = `None`)
        Whether names begin with a language's code and a colon. If `None`, they do if all of them but special
        ones look so (two to fifteen small letters, digits, `-` and `_`, then the colon).
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        source: str = "the entity vocabulary",
        multilingual: Optional[bool] = None,
    ) -> None:
        self.source = source
        self._fill(formats.entries_of_names(ids.items(), multilingual), f"{source}, entry")

    @classmethod
    def from_file(
        cls, path: _Path, multilingual: Optional[bool] = None, source: Optional[str] = None
    ) -> "EntityVocabulary":
        """
        Reads a vocabulary in the format given by its suffix: `.json` is Hugging Face's object of names and
        ids, `.tsv` has a title and a count in each line, and `.jsonl` has the titles with their languages
        and the count of one id in each line.

        # Parameters

        multilingual : `bool`, optional (default = `None`)
            As above, for `.json` alone.
        source : `str`, optional (default = `None`)
            What to call it in messages, in place of its path.

        # Raises

        `ConfigurationError`
            There is no such file, or it is damaged; the message names the line.
        """
        path = Path(path).expanduser()
        _check_suffix(path)
        vocabulary = cls({}, source or f"the entity vocabulary {str(path)!r}")
        # Millions of objects without cycles: looking for these takes longer than reading a vocabulary.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            if path.suffix == ".json":
                vocabulary._fill(formats.read_json(str(path), multilingual), f"{path}, entry")
            else:
                read = formats.read_tsv if path.suffix == ".tsv" else formats.read_json_lines
                vocabulary._fill(read(str(path)), f"{path}, line")
        finally:
            if was_enabled:
                gc.enable()
        if not vocabulary._ids:
            raise ConfigurationError(f"{path}: is empty; expected an entity vocabulary.")
        return vocabulary

    @classmethod
    def from_checkpoint(cls, model_name: str, multilingual: Optional[bool] = None) -> "EntityVocabulary":
        """
        Reads the `entity_vocab.json` of a checkpoint, in Hugging Face's layout, or else the
        `entity_vocab.tsv` or `entity_vocab.jsonl` of the original's.

        # Raises

        `ConfigurationError`
            There is none, or it is damaged.
        """
        for name in ENTITY_VOCABULARY_FILES:
            path = find_file(model_name, name)
            if path is not None:
                return cls.from_file(path, multilingual, f"the entity vocabulary of {model_name!r}")
        *others, last = ENTITY_VOCABULARY_FILES
        raise ConfigurationError(
            f"The model {model_name!r} has no {', '.join(others)} or {last}; expected a checkpoint "
            f"of LUKE.{cache_hint(model_name)}"
        )

    @classmethod
    def from_entries(cls, entries: Iterable[Entry], source: str = "the entries") -> "EntityVocabulary":
        """
        # Parameters

        entries : `Iterable[Tuple[int, Sequence[Tuple[str, Optional[str]]], int]]`
            Ids with their titles and counts, as `entries` gives them.
        source : `str`, optional (default = `"the entries"`)
            Where they come from, for messages.

        # Raises

        `ConfigurationError`
            A title occurs twice, or something is of a wrong kind.
        """
        vocabulary = cls({}, source)
        vocabulary._fill(enumerate(entries, start=1), f"{source}, entry")
        return vocabulary

    def _fill(self, entries: Iterable[Tuple[int, Entry]], where: str) -> None:
        # By language, then title; and columns with a row for each of these pairs, ordered by id.
        by_language: Dict[Optional[str], Dict[str, int]] = {None: {}}
        self._by_language = by_language
        self._titles: List[str] = []
        self._languages: List[Optional[str]] = []
        self._ids: List[int] = []
        self._counts: List[int] = []
        self._specials: Dict[str, int] = {}
        self._repeated_specials = 0  # one name in several languages
        add_title, add_language = self._titles.append, self._languages.append
        add_id, add_count = self._ids.append, self._counts.append
        for number, (index, titles, count) in entries:
            try:
                if type(index) is not int or type(count) is not int or not titles:
                    raise ValueError
                if not (0 <= index < _TOO_LARGE and 0 <= count < _TOO_LARGE):
                    raise ValueError
                for title, language in titles:
                    if language is not None:
                        language = intern(language)
                    if language not in by_language:
                        if language is None or len(language) < 2 or ":" in language:
                            raise ValueError
                        by_language[language] = {}
                    ids = by_language[language]
                    if title in ids:
                        tagged = "" if language is None else f" ({language})"
                        raise ConfigurationError(
                            f"{where} {number}: the title {shown(title)}{tagged} occurs twice, with the ids "
                            f"{ids[title]} and {index}; expected every title once."
                        )
                    if title[0] == "[" and is_special(title):
                        self._repeated_specials += title in self._specials
                        if self._specials.setdefault(title, index) != index:
                            raise ConfigurationError(
                                f"{where} {number}: the special entity {shown(title)} has the id {index} and "
                                f"elsewhere {self._specials[title]}; expected one, whatever the language."
                            )
                    ids[title] = index
                    add_title(title)
                    add_language(language)
                    add_id(index)
                    add_count(count)
            except (AttributeError, IndexError, TypeError, ValueError):
                raise ConfigurationError(
                    f"{where} {number}: found the id {shown(index)}, the titles {shown(titles)} and the "
                    f"count {shown(count)}; expected whole numbers >= 0, and titles with languages, or null."
                ) from None
        if self._ids != sorted(self._ids):
            order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
            columns: Any = (self._titles, self._languages, self._ids, self._counts)
            for column in columns:
                column[:] = [column[row] for row in order]

    @property
    def specials(self) -> Dict[str, int]:
        """The special entities' ids by name."""
        return dict(self._specials)

    @property
    def languages(self) -> List[str]:
        """The languages of the titles, sorted; none if the vocabulary does not say."""
        return sorted(language for language in self._by_language if language is not None)

    @property
    def has_counts(self) -> bool:
        return any(self._counts)

    @property
    def num_ids(self) -> int:
        """How many different ids there are."""
        return len(set(self._ids))

    @property
    def table_size(self) -> int:
        """How many rows an entity table needs: one more than the highest id."""
        return self._ids[-1] + 1 if self._ids else 0

    def __len__(self) -> int:
        return len(self._titles) - self._repeated_specials

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (full_name(title, language) for _, title, language, _ in self._named())

    def __getitem__(self, name: str) -> int:
        index = self.get(name)
        if index is None:
            raise ConfigurationError(self.describe_unknown(name))
        return index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EntityVocabulary):
            return NotImplemented
        return len(self) == len(other) and list(self._named()) == list(other._named())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.source}, {len(self)} names>"

    def get(self, title: str, language: Optional[str] = None, default: Optional[int] = None) -> Optional[int]:
        """
        The id of an entity, or `default` if there is none. Special entities, and titles whose language the
        vocabulary does not say, are found for any. Without a `language`, `title` is a name, as for `[]`.
        """
        without = self._by_language[None]
        if len(self._by_language) == 1:
            return without.get(title, default)
        index = self._by_language.get(language, {}).get(title, self._specials.get(title))
        if index is None and language is None and ":" in title:
            language, title = title.split(":", 1)
            return self._by_language.get(language, {}).get(title, default)
        return without.get(title, default) if index is None else index

    def rows(self, titles: Sequence[str]) -> Sequence[int]:
        """The rows of several entities, by name, in that order."""
        return [self[title] for title in titles]

    def search(self, title: str) -> List[Tuple[int, Optional[str]]]:
        """The ids of all entities of a title, in whatever language, and the languages."""
        found = [(ids[title], language) for language, ids in self._by_language.items() if title in ids]
        return sorted(found, key=lambda pair: pair[0])

    def suggest(self, title: str) -> List[str]:
        """
        Up to three names that are written much like a title: the same title in other languages, otherwise
        spaced or capitalised, or one similar to it among the first few thousand, which are the most frequent.
        """
        spaced = " ".join(title.replace("_", " ").split())
        variants = [title, spaced, spaced[:1].upper() + spaced[1:], spaced.title(), spaced.upper()]
        variants += [spaced.lower(), spaced.capitalize(), *title.split(":", 1)[1:]]
        found = [full_name(variant, tag) for variant in variants for _, tag in self.search(variant)]
        if not found:
            names = {name.lower(): name for name in islice(self, _COMPARED_FOR_SUGGESTIONS)}
            close = difflib.get_close_matches(spaced.lower(), names, n=3, cutoff=0.8)
            found = [names[name] for name in close]
        return list(dict.fromkeys(found))[:3]

    def describe_unknown(self, title: str, language: Optional[str] = None) -> str:
        """The sentence of the error for an entity that is not there."""
        tagged = "" if language is None else f" in the language {language!r}"
        similar = ", ".join(shown(name) for name in self.suggest(title))
        among = ", ".join(shown(name) for name in islice(self, 4))
        return f"There is no entity {title!r}{tagged} in {self.source}; " + (
            f"did you mean {similar}?" if similar else f"it has {len(self)}, among them {among}."
        )

    def titles(self, id: int) -> List[Tuple[str, Optional[str]]]:
        """The titles of an id, each with its language; a `ConfigurationError` if there is no such id."""
        rows = self._rows_of(id)
        return list(zip(self._titles[rows], self._languages[rows], strict=True))

    def title(self, id: int, language: Optional[str] = None) -> str:
        """
        The first title of an id, or the one in a language. Raises a `ConfigurationError` if there is no such
        id, or none of its titles is in that language.
        """
        titles = self.titles(id)
        for title, its_language in titles:
            if language in (None, its_language) or its_language is None or is_special(title):
                return title
        raise ConfigurationError(
            f"The entity {id} of {self.source} has no title in the language {language!r}; it is "
            f"{', '.join(shown(full_name(*pair)) for pair in titles[:4])}."
        )

    def count(self, id: int) -> int:
        """How often an entity is linked to in Wikipedia; 0 where the vocabulary does not say."""
        return self._counts[self._rows_of(id)][0]

    def entries(self) -> Iterator[Entry]:
        """All ids, ascending, with their titles, each with its language, and their counts."""
        for id, rows in groupby(range(len(self._ids)), key=self._ids.__getitem__):
            group = list(rows)
            yield id, [(self._titles[row], self._languages[row]) for row in group], self._counts[group[0]]

    def save(self, path: _Path) -> None:
        """
        Writes the format given by the suffix, atomically: `.json`, `.tsv` or `.jsonl`. `.jsonl` holds every
        vocabulary. `.tsv` holds one title an id, with its count, and no languages. `.json` drops the counts,
        and the languages of special entities.

        # Raises

        `ConfigurationError`
            The format cannot hold this vocabulary, or the file cannot be written.
        """
        path = Path(path).expanduser()
        _check_suffix(path)
        with (
            written_whole(path) as temporary,
            open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            if path.suffix == ".json":
                formats.write_json(self.entries(), file, path)
            elif path.suffix == ".tsv":
                formats.write_tsv(self.entries(), file, path)
            else:
                formats.write_json_lines(self.entries(), file)

    def _rows_of(self, id: int) -> slice:
        rows = slice(bisect_left(self._ids, id), bisect_right(self._ids, id))
        if rows.start == rows.stop:
            among = (
                f"; its ids go from {self._ids[0]} to {self._ids[-1]}" if self._ids else ", which is empty"
            )
            raise ConfigurationError(f"There is no entity with the id {id} in {self.source}{among}.")
        return rows

    def _named(self) -> Iterator[Tuple[int, str, Optional[str], int]]:
        """Rows by id, special entities once and without a language."""
        seen = set()
        for index, title, language, count in zip(
            self._ids, self._titles, self._languages, self._counts, strict=True
        ):
            if title not in self._specials:
                yield index, title, language, count
            elif title not in seen:
                seen.add(title)
                yield index, title, None, count


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise ConfigurationError(
            f"{path}: the suffix {path.suffix!r} tells no format of an entity vocabulary; expected .json, "
            ".tsv or .jsonl."
        )
