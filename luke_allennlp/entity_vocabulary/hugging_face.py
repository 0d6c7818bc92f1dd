"""Hugging Face's form: one JSON object, name -> id. Multilingual ones have names such as `en:Japan`."""

import codecs
import json
import re
from pathlib import Path
from typing import IO, Iterator, List, Mapping, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import BLOCK, no_cycle_search, read_blocks
from luke_allennlp.entity_vocabulary.names import (
    LANGUAGE,
    all_have_languages,
    full_name,
    is_special,
    split_name,
)
from luke_allennlp.entity_vocabulary.table import EntityTable, TableBuilder

_encode = json.JSONEncoder(ensure_ascii=False).encode
# Between two members. A quote without a backslash before it opens or closes a name. The first one here closes
# one: if it opened one, then the second would close it, with a colon after it.
_BETWEEN = re.compile(r'(?<!\\)"\s*:\s*-?[0-9]+(\s*,\s*)(?="\s*[^\s:])')
# Where to look for the last of them: at the end first, then in all that was not searched before.
_NEAR, _FAR = 1 << 12, BLOCK + 256


class _NotMultilingual(Exception):
    """Raised where names began with languages until this one."""


def read_hugging_face(path: Path, multilingual: Optional[bool] = None) -> EntityTable:
    """
    # Parameters

    path : `Path`
    multilingual : `bool`, optional (default = `None`)
        Whether names begin with a language's code and a colon. If `None`, they do if all of them look so, but
        special ones.

    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged.
    """
    if multilingual is None:
        try:
            return _read(path, multilingual=True, sure=False)
        except _NotMultilingual:
            multilingual = False
    return _read(path, multilingual, sure=True)


def _read(path: Path, multilingual: bool, sure: bool) -> EntityTable:
    builder = TableBuilder()
    with no_cycle_search():
        for block in _members(path):
            try:
                members = json.loads("{" + block + "}", object_pairs_hook=_as_is)
                if not members:
                    continue
                names, ids = zip(*members, strict=True)
                del members
                _add_names(builder, names, ids, multilingual, sure)
            except (ValueError, TypeError, RecursionError):
                raise _damage(path) from None
        if not builder.rows:
            raise _damage(path)
        return builder.finish(lambda row: f"{path}, entry {row + 1}")


def table_of_names(ids: Mapping[str, int], source: str, multilingual: Optional[bool]) -> EntityTable:
    """As `read_hugging_face`, of the object itself."""

    def build(multilingual: bool, sure: bool) -> EntityTable:
        builder = TableBuilder()
        if ids:
            _add_names(builder, tuple(ids), tuple(ids.values()), multilingual, sure)
        return builder.finish(lambda row: f"{source}, entry {row + 1}")

    try:
        if multilingual is None:
            try:
                return build(multilingual=True, sure=False)
            except _NotMultilingual:
                multilingual = False
        return build(multilingual, sure=True)
    except (ValueError, TypeError):
        raise ConfigurationError(f"{source} is damaged: expected titles with whole numbers.") from None


def _add_names(
    builder: TableBuilder, names: Tuple[str, ...], ids: Tuple[int, ...], multilingual: bool, sure: bool
) -> None:
    """
    # Raises

    `ValueError`
        An id is no whole number, or a name no text.
    `_NotMultilingual`
        A name does not begin with a language, and it is not sure that they all do.
    """
    if set(map(type, ids)) != {int} or set(map(type, names)) != {str}:
        raise ValueError("not titles with whole numbers")
    if multilingual:
        languages, titles = zip(*map(split_name, names), strict=True)
        # As `all_have_languages` has it.
        if (
            not sure
            and None in languages
            and not all(
                is_special(title)
                for language, title in zip(languages, titles, strict=True)
                if language is None
            )
        ):
            raise _NotMultilingual
        builder.add(titles, ids, languages=languages)
    else:
        builder.add(names, ids)


def _as_is(members: List[Tuple[str, object]]) -> List[Tuple[str, object]]:
    return members


def _members(path: Path) -> Iterator[str]:
    """Cuts the object's inside between members, into blocks that are JSON if the whole is."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    rest = ""
    begun = False
    try:
        for data in read_blocks(path):
            rest += decode(data)
            if not begun:
                rest = rest.removeprefix("\ufeff").lstrip()
                if not rest:
                    continue
                if not rest.startswith("{"):
                    raise _damage(path)
                rest, begun = rest[1:], True
            cut = _last_cut(rest)
            if cut is not None:
                yield rest[: cut.start(1)]
                rest = rest[cut.end(1) :]
        rest += decode(b"", final=True)
    except UnicodeDecodeError:
        raise _damage(path) from None
    rest = rest.rstrip()
    if not begun or not rest.endswith("}"):
        raise _damage(path)
    yield rest[:-1]


def _last_cut(text: str) -> Optional["re.Match[str]"]:
    for size in (_NEAR, _FAR):
        cuts = list(_BETWEEN.finditer(text, max(0, len(text) - size)))
        if cuts:
            return cuts[-1]
    return None


def _damage(path: Path) -> ConfigurationError:
    """Takes all of the file at once, to say what is wrong with it."""
    data = path.read_bytes()
    try:
        members = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_Members)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return ConfigurationError(
            f"{path}, line {line}: the byte 0x{data[error.start]:02x} at {error.start:,} of the file is not "
            "UTF-8; the vocabulary is damaged, fetch it again."
        )
    except RecursionError:
        return ConfigurationError(f"{path}: is nested too deeply to be an entity vocabulary.")
    except ValueError as error:
        found = "is empty" if not data.strip() else f"is not JSON ({error})"
        return ConfigurationError(f"{path} {found}; the vocabulary is damaged, fetch it again.")
    expected = "expected titles with whole numbers"
    if not isinstance(members, _Members):
        kind = type(members).__name__
        return ConfigurationError(f"{path} holds a JSON {kind}; expected an object, {expected[9:]}.")
    for name, index in members:
        if type(index) is not int or not -(1 << 63) <= index < 1 << 63:
            value = dict(index) if isinstance(index, _Members) else index
            return ConfigurationError(f"{path} is damaged: {expected}, found {shown(name)}: {shown(value)}.")
        if not name or not _is_text(name):
            return ConfigurationError(f"{path} is damaged: {expected}, found {shown(name)}: {index}.")
    found = "it is damaged" if members else "it holds no entities"
    return ConfigurationError(f"{path}: {found}; {expected}.")


class _Members(List[Tuple[str, object]]):
    """An object's members, told from a list."""


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_hugging_face(table: EntityTable, file: IO[str], path: Path) -> None:
    """
    Counts have no place in it, and neither have the languages of special entities.

    # Raises

    `ConfigurationError`
        The form cannot tell which titles have languages.
    """
    _check_names(table, path)
    special = set()
    separator = "{\n"
    for row in range(len(table)):
        title = table.title(row)
        if is_special(title):
            if title in special:
                continue
            special.add(title)
        name = full_name(title, table.language(row))
        file.write(f"{separator}  {_encode(name)}: {table.ids[row]}")
        separator = ",\n"
    file.write("\n}\n")


def _check_names(table: EntityTable, path: Path) -> None:
    advice = "Save it as .jsonl."
    special = set(table.special_rows())
    others = [row for row in range(len(table)) if row not in special]
    languages = {table.language(row) for row in others}
    if languages <= {None}:
        if others and all_have_languages(table.title(row) for row in others):
            raise ConfigurationError(
                f"{path}: json cannot hold this vocabulary: {shown(table.title(others[0]))} and all others "
                f"would be read as titles with a language. {advice}"
            )
        return
    for row in others:
        language = table.language(row)
        if language is None or not LANGUAGE.fullmatch(language):
            raise ConfigurationError(
                f"{path}: json cannot hold this vocabulary: the title {shown(table.title(row))} has the "
                f"language {language!r}; expected one such as 'en' for every title, or none for all. {advice}"
            )
