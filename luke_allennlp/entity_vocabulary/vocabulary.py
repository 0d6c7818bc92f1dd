"""Entities by name."""

import difflib
from bisect import bisect_left, bisect_right
from itertools import groupby, islice, zip_longest
from os import PathLike
from pathlib import Path
from sys import intern
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import ENTITY_VOCABULARY_FILES, cache_hint, find_file
from luke_allennlp.common.files import written_whole
from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import Entry, Row, entry_problem, no_garbage_collection
from luke_allennlp.entity_vocabulary.hugging_face import (
    read_hugging_face,
    rows_of_names,
    write_hugging_face,
)
from luke_allennlp.entity_vocabulary.json_lines import read_json_lines, write_json_lines
from luke_allennlp.entity_vocabulary.names import full_name, is_special
from luke_allennlp.entity_vocabulary.tsv import read_tsv, write_tsv

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
_WRITERS = {".json": write_hugging_face, ".tsv": write_tsv, ".jsonl": write_json_lines}
_COMPARED_FOR_SUGGESTIONS = 4000

_Path = Union[str, "PathLike[str]"]


class EntityVocabulary:
    """
    The rows of an entity table by the titles of their entities. The special entities too are looked up by
    name: their ids differ from release to release.

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
        Whether names begin with a language's code and a colon. If `None`, they do if all of them look so (two
        to fifteen small letters, digits, `-` and `_`, then the colon), but special ones.
    redirects : `Mapping[str, str]`, optional (default = `None`)
        Where a name is not there, the name to look up in its place.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        source: str = "the entity vocabulary",
        multilingual: Optional[bool] = None,
        redirects: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.source = source
        self.redirects = redirects
        self._fill(rows_of_names(ids, source, multilingual), f"{source}, entry")

    @classmethod
    def from_file(
        cls,
        path: _Path,
        multilingual: Optional[bool] = None,
        redirects: Optional[Mapping[str, str]] = None,
        source: Optional[str] = None,
    ) -> "EntityVocabulary":
        """
        Reads a vocabulary in the form that its suffix tells: `.json` is Hugging Face's object of names and
        ids, `.tsv` has a title and a count in each line, and `.jsonl` has the titles with their languages
        and the count of one id in each line.

        # Parameters

        multilingual : `bool`, optional (default = `None`)
            As above, for `.json` alone.
        redirects : `Mapping[str, str]`, optional (default = `None`)
            As above.
        source : `str`, optional (default = `None`)
            What to call it in messages, in place of its path.

        # Raises

        `ConfigurationError`
            There is no such file, or it is damaged; the message names the line.
        """
        path = Path(path).expanduser()
        _check_suffix(path)
        vocabulary = cls({}, source or f"the entity vocabulary {str(path)!r}", redirects=redirects)
        with no_garbage_collection():
            if path.suffix == ".json":
                vocabulary._fill(read_hugging_face(path, multilingual), f"{path}, entry")
            else:
                read = read_tsv if path.suffix == ".tsv" else read_json_lines
                vocabulary._fill(read(path), f"{path}, line")
        return vocabulary

    @classmethod
    def from_checkpoint(
        cls,
        model_name: str,
        multilingual: Optional[bool] = None,
        redirects: Optional[Mapping[str, str]] = None,
    ) -> "EntityVocabulary":
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
                source = f"the entity vocabulary of {model_name!r}"
                return cls.from_file(path, multilingual, redirects, source)
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
            A title is there twice, or something is of a wrong kind.
        """
        vocabulary = cls({}, source)
        vocabulary._fill(_rows_of_entries(entries, source), f"{source}, entry")
        return vocabulary

    def _fill(self, rows: Iterable[Row], where: str) -> None:
        # By language, then title; and columns with a row for each of these pairs, ordered by id.
        self._by_language: Dict[Optional[str], Dict[str, int]] = {None: {}}
        self._titles: List[str] = []
        self._languages: List[Optional[str]] = []
        self._ids: List[int] = []
        self._counts: List[int] = []
        self._specials: Dict[str, int] = {}
        self._repeated_specials = 0  # one name in several languages
        add_title, add_language = self._titles.append, self._languages.append
        add_id, add_count = self._ids.append, self._counts.append
        for number, index, title, language, count in rows:
            if language is not None:
                language = intern(language)
            if language not in self._by_language:
                self._by_language[language] = {}
            ids = self._by_language[language]
            if title in ids:
                tagged = "" if language is None else f" ({language})"
                raise ConfigurationError(
                    f"{where} {number}: the title {shown(title)}{tagged} is there twice, with the ids "
                    f"{ids[title]} and {index}; expected every title once."
                )
            ids[title] = index
            if title[0] == "[" and is_special(title):
                if title in self._specials:
                    self._repeated_specials += 1
                if self._specials.setdefault(title, index) != index:
                    raise ConfigurationError(
                        f"{where} {number}: the special entity {shown(title)} has the id {index} here, and "
                        f"{self._specials[title]} elsewhere; expected one id, whatever the language."
                    )
            add_title(title)
            add_language(language)
            add_id(index)
            add_count(count)
        if self._ids != sorted(self._ids):
            order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
            self._titles = [self._titles[row] for row in order]
            self._languages = [self._languages[row] for row in order]
            self._ids = [self._ids[row] for row in order]
            self._counts = [self._counts[row] for row in order]

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
        """Whether there is a count other than 0."""
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
        if len(self) != len(other):
            return False
        return all(a == b for a, b in zip_longest(self._named(), other._named()))

    __hash__ = None  # type: ignore[assignment]  # as of all that compares by content

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.source}, {len(self)} names>"

    def get(self, title: str, language: Optional[str] = None, default: Optional[int] = None) -> Optional[int]:
        """
        # Parameters

        language : `str`, optional (default = `None`)
            Special entities, and titles whose language the vocabulary does not say, are found for any. If
            `None`, `title` is a name, as for `[]`.

        # Returns

        `Optional[int]`
            The id, or `default` if there is no such entity.
        """
        index = self._find(title, language)
        if index is None and self.redirects is not None:
            name = title if language is None or not self.languages else full_name(title, language)
            target = self.redirects.get(name)
            if target is not None:
                index = self._find(target, None)
        return default if index is None else index

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
        variants += [spaced.lower(), spaced.capitalize()]
        if ":" in title:
            variants.append(title.split(":", 1)[1])
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
        """
        The titles of an id, each with its language.

        # Raises

        `ConfigurationError`
            There is no such id.
        """
        rows = self._rows_of(id)
        return list(zip(self._titles[rows], self._languages[rows], strict=True))

    def title(self, id: int, language: Optional[str] = None) -> str:
        """
        The first title of an id, or the one in a language.

        # Raises

        `ConfigurationError`
            There is no such id, or it has no title in that language.
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
        """
        How often an entity is linked to in Wikipedia; 0 where the vocabulary does not say.

        # Raises

        `ConfigurationError`
            There is no such id.
        """
        return self._counts[self._rows_of(id)][0]

    def entries(self) -> Iterator[Entry]:
        """All ids, ascending, with their titles, each with its language, and their counts."""
        for id, rows in groupby(range(len(self._ids)), key=self._ids.__getitem__):
            group = list(rows)
            yield id, [(self._titles[row], self._languages[row]) for row in group], self._counts[group[0]]

    def save(self, path: _Path) -> None:
        """
        Writes the form that the suffix tells: `.json`, `.tsv` or `.jsonl`. What was there is replaced once
        all is written. `.jsonl` holds every vocabulary. `.tsv` holds one title an id, with its count, and no
        languages. `.json` drops the counts, and the languages of special entities.

        # Raises

        `ConfigurationError`
            The form cannot hold this vocabulary, or the file cannot be written.
        """
        path = Path(path).expanduser()
        _check_suffix(path)
        with written_whole(path) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                _WRITERS[path.suffix](self.entries(), file, path)

    def _find(self, title: str, language: Optional[str]) -> Optional[int]:
        without = self._by_language[None]
        if len(self._by_language) == 1:
            return without.get(title)
        index = self._by_language.get(language, {}).get(title, self._specials.get(title))
        if index is None and language is None and ":" in title:
            language, title = title.split(":", 1)
            return self._by_language.get(language, {}).get(title)
        return without.get(title) if index is None else index

    def _rows_of(self, id: int) -> slice:
        rows = slice(bisect_left(self._ids, id), bisect_right(self._ids, id))
        if rows.start == rows.stop:
            among = (
                f"; its ids go from {self._ids[0]} to {self._ids[-1]}" if self._ids else ", which is empty"
            )
            raise ConfigurationError(f"There is no entity with the id {id} in {self.source}{among}.")
        return rows

    def _named(self) -> Iterator[Tuple[int, str, Optional[str], int]]:
        seen = set()
        for index, title, language, count in zip(
            self._ids, self._titles, self._languages, self._counts, strict=True
        ):
            if title in self._specials:
                if title in seen:
                    continue
                seen.add(title)
                language = None
            yield index, title, language, count


def _rows_of_entries(entries: Iterable[Entry], source: str) -> Iterator[Row]:
    for number, (index, titles, count) in enumerate(entries, start=1):
        problem = entry_problem(index, titles, count)
        if problem is not None:
            raise ConfigurationError(f"{source}: {problem}.")
        for title, language in titles:
            yield number, index, title, language, count


def _check_suffix(path: Path) -> None:
    if path.suffix not in _WRITERS:
        raise ConfigurationError(
            f"{path}: the suffix {path.suffix!r} tells no form of an entity vocabulary; expected .json, "
            ".tsv or .jsonl."
        )
