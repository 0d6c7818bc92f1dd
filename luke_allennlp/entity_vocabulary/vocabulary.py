"""Entities by name."""

import difflib
from bisect import bisect_left
from itertools import islice, zip_longest
from os import PathLike
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.model_files import ENTITY_VOCABULARY_FILES, cache_hint, find_file
from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import written_whole
from luke_allennlp.entity_vocabulary.hugging_face import read_hugging_face, table_of_names, write_hugging_face
from luke_allennlp.entity_vocabulary.json_lines import check_entry, read_json_lines, write_json_lines
from luke_allennlp.entity_vocabulary.names import full_name, is_special
from luke_allennlp.entity_vocabulary.table import EntityTable, TableBuilder
from luke_allennlp.entity_vocabulary.tsv import read_tsv, write_tsv

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
# In the order in which they are looked for. Of the last two the original takes the first as well.
_WRITERS = {".json": write_hugging_face, ".tsv": write_tsv, ".jsonl": write_json_lines}
_COMPARED_FOR_SUGGESTIONS = 4000
_ENTRIES_AT_ONCE = 10_000

# An id, its titles with their languages, its count.
_Entry = Tuple[int, Sequence[Tuple[str, Optional[str]]], int]
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
        self._set_table(table_of_names(ids, source, multilingual))

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

        path : `Union[str, PathLike]`
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
        if path.suffix == ".json":
            table = read_hugging_face(path, multilingual)
        else:
            table = read_tsv(path) if path.suffix == ".tsv" else read_json_lines(path)
        return cls._of_table(table, source or f"the entity vocabulary {str(path)!r}", redirects)

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
    def from_entries(cls, entries: Iterable[_Entry], source: str = "the entries") -> "EntityVocabulary":
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
        builder = TableBuilder()
        iterator = iter(entries)
        while block := list(islice(iterator, _ENTRIES_AT_ONCE)):
            for entry in block:
                check_entry(entry[0], entry[1], entry[2], source)
            rows = [(title, id, count, language) for id, pairs, count in block for title, language in pairs]
            titles, ids, counts, languages = zip(*rows, strict=True)
            builder.add(titles, ids, counts, languages)
        return cls._of_table(builder.finish(lambda row: f"{source}, title {row + 1}"), source)

    @classmethod
    def _of_table(
        cls, table: EntityTable, source: str, redirects: Optional[Mapping[str, str]] = None
    ) -> "EntityVocabulary":
        vocabulary = cls.__new__(cls)
        vocabulary.source = source
        vocabulary.redirects = redirects
        vocabulary._set_table(table)
        return vocabulary

    def _set_table(self, table: EntityTable) -> None:
        self._table = table
        self._specials: Dict[str, int] = {}
        # Those beyond the first of a special entity that is there once for each language: one name.
        self._repeated: Set[int] = set()
        for row in table.special_rows():
            title = table.title(row)
            if title in self._specials:
                self._repeated.add(row)
            self._specials[title] = table.ids[row]

    @property
    def specials(self) -> Dict[str, int]:
        """The special entities' ids by name."""
        return dict(self._specials)

    @property
    def languages(self) -> List[str]:
        """The languages of the titles, sorted; none if the vocabulary does not say."""
        return sorted(language for language in self._table.languages if language is not None)

    @property
    def has_counts(self) -> bool:
        """Whether there is a count other than 0."""
        return self._table.counts is not None

    @property
    def num_ids(self) -> int:
        """How many different ids there are."""
        return sum(1 for _ in self._groups())

    @property
    def table_size(self) -> int:
        """How many rows an entity table needs: one more than the highest id."""
        return self._table.ids[-1] + 1 if len(self._table) else 0

    def __len__(self) -> int:
        return len(self._table) - len(self._repeated)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._row(name, None) is not None

    def __iter__(self) -> Iterator[str]:
        table = self._table
        for row in range(len(table)):
            if row not in self._repeated:
                yield full_name(table.title(row), table.language(row))

    def __getitem__(self, name: str) -> int:
        row = self._row(name, None)
        if row is None:
            raise ConfigurationError(self.describe_unknown(name))
        return self._table.ids[row]

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

        title : `str`
        language : `str`, optional (default = `None`)
            Special entities, and titles whose language the vocabulary does not say, are found for any. If
            `None`, `title` is a name, as for `[]`.
        default : `int`, optional (default = `None`)

        # Returns

        `Optional[int]`
            The id, or `default` if there is no such entity.
        """
        row = self._row(title, language)
        return default if row is None else self._table.ids[row]

    def rows(self, titles: Sequence[str]) -> Sequence[int]:
        """The rows of several entities, by name, in that order."""
        return [self[title] for title in titles]

    def search(self, title: str) -> List[Tuple[int, Optional[str]]]:
        """The ids of all entities of a title, in whatever language, and the languages."""
        return [(self._table.ids[row], self._table.language(row)) for row in self._table.find(title)]

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
        return [(self._table.title(row), self._table.language(row)) for row in self._rows_of(id)]

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
        return self._table.count(self._rows_of(id)[0])

    def entries(self) -> Iterator[_Entry]:
        """All ids, ascending, with their titles, each with its language, and their counts."""
        table = self._table
        for rows in self._groups():
            pairs = [(table.title(row), table.language(row)) for row in rows]
            yield table.ids[rows[0]], pairs, table.count(rows[0])

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
        with written_whole(path) as file:
            _WRITERS[path.suffix](self._table, file, path)

    def _row(self, title: str, language: Optional[str]) -> Optional[int]:
        row = self._row_without_redirects(title, language)
        if row is None and self.redirects is not None:
            name = title if language is None or not self.languages else full_name(title, language)
            target = self.redirects.get(name)
            if target is not None:
                row = self._row_without_redirects(target, None)
        return row

    def _row_without_redirects(self, title: str, language: Optional[str]) -> Optional[int]:
        table = self._table
        rows = table.find(title)
        if table.codes is None:
            return rows[0] if rows else None
        for row in rows:
            if table.language(row) == language:
                return row
        if rows and is_special(title):
            return rows[0]
        if language is None and ":" in title:
            language, inner = title.split(":", 1)
            return next((row for row in table.find(inner) if table.language(row) == language), None)
        return None if language is None else next((row for row in rows if table.codes[row] == 0), None)

    def _rows_of(self, id: int) -> range:
        ids = self._table.ids
        start = bisect_left(ids, id)
        end = start
        while end < len(ids) and ids[end] == id:
            end += 1
        if start == end:
            among = f"; its ids go from {ids[0]} to {ids[-1]}" if ids else ", which is empty"
            raise ConfigurationError(f"There is no entity with the id {id} in {self.source}{among}.")
        return range(start, end)

    def _groups(self) -> Iterator[range]:
        ids, start = self._table.ids, 0
        for row in range(1, len(ids) + 1):
            if row == len(ids) or ids[row] != ids[start]:
                yield range(start, row)
                start = row

    def _named(self) -> Iterator[Tuple[int, str, Optional[str], int]]:
        table = self._table
        for row in range(len(table)):
            if row not in self._repeated:
                title = table.title(row)
                language = None if is_special(title) else table.language(row)
                yield table.ids[row], title, language, table.count(row)


def _check_suffix(path: Path) -> None:
    if path.suffix not in _WRITERS:
        raise ConfigurationError(
            f"{path}: the suffix {path.suffix!r} tells no form of an entity vocabulary; expected .json, "
            ".tsv or .jsonl."
        )
