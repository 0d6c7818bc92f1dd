"""Hugging Face's format: one JSON object, name -> id. Multilingual ones have names such as `en:Japan`."""

import json
from pathlib import Path
from typing import IO, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import Entry, Row, is_text, open_text
from luke_allennlp.entity_vocabulary.names import (
    all_have_languages,
    full_name,
    is_language,
    is_special,
    split_name,
)

_EXPECTED = "expected titles with whole numbers"


class _DuplicateError(Exception):
    """A name stands twice in the file."""


def read_hugging_face(path: Path, multilingual: Optional[bool] = None) -> Iterator[Row]:
    """
    # Parameters

    multilingual : `bool`, optional (default = `None`)
        Whether names begin with a language's code and a colon. If `None`, they do if all but special ones
        look so.

    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged.
    """
    with open_text(path) as file:
        text = file.read()
    try:
        names: Any = json.loads(text, object_pairs_hook=_unique)
    except _DuplicateError as error:
        raise ConfigurationError(f"{path}, {error}; expected every title once.") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deeply to be an entity vocabulary.") from None
    except ValueError as error:
        found = f"is not JSON ({error})" if text.strip() else "is empty"
        raise ConfigurationError(f"{path} {found}; the vocabulary is damaged, fetch it again.") from None
    if not isinstance(names, dict):
        kind = type(names).__name__
        raise ConfigurationError(f"{path} holds a JSON {kind}; expected an object, {_EXPECTED[9:]}.")
    if not names:
        raise ConfigurationError(f"{path}: it holds no entities; {_EXPECTED}.")
    return rows_of_names(names, str(path), multilingual)


def _unique(members: List[Tuple[str, object]]) -> Dict[str, object]:
    names = dict(members)
    if len(names) < len(members):
        seen: Dict[str, object] = {}
        for number, (name, index) in enumerate(members, start=1):
            if name in seen:
                raise _DuplicateError(
                    f"entry {number}: the title {shown(name)} is there twice, with the ids {seen[name]} and "
                    f"{index}"
                )
            seen[name] = index
    return names


def rows_of_names(names: Mapping[str, int], source: str, multilingual: Optional[bool]) -> Iterator[Row]:
    """Parameters and errors as `read_hugging_face`, for the object itself."""
    for name, index in names.items():
        is_id = type(index) is int and -(1 << 63) <= index < 1 << 63
        if not is_id or not isinstance(name, str) or not name or not is_text(name):
            raise ConfigurationError(
                f"{source} is damaged: {_EXPECTED}, found {shown(name)}: {shown(index)}."
            )
    if multilingual is None:
        multilingual = all_have_languages(names)
    for number, (name, index) in enumerate(names.items(), start=1):
        language, title = split_name(name) if multilingual else (None, name)
        yield number, index, title, language, 0


def write_hugging_face(entries: Iterable[Entry], file: IO[str], path: Path) -> None:
    """
    Omits counts, and the languages of special entities.

    # Raises

    `ConfigurationError`
        Only some titles have languages, or titles without one look as if they had.
    """
    names: Dict[str, int] = {}
    examples: Dict[Optional[str], str] = {}  # by language
    for index, titles, _ in entries:
        for title, language in titles:
            names[full_name(title, language)] = index
            if not is_special(title):
                examples.setdefault(language, title)
    problem = f"{path}: json cannot hold this vocabulary:"
    advice = "Save it as .jsonl."
    if set(examples) == {None} and all_have_languages(names):
        raise ConfigurationError(
            f"{problem} {shown(examples[None])} and all others would be read as titles with a language. "
            f"{advice}"
        )
    for language, title in examples.items():
        if set(examples) != {None} and (language is None or not is_language(language)):
            raise ConfigurationError(
                f"{problem} the title {shown(title)} has the language {language!r}; expected one such as "
                f"'en' for every title, or none for all. {advice}"
            )
    json.dump(names, file, indent=2, ensure_ascii=False)
    file.write("\n")
