"""How entities are named: special ones, and those of multilingual vocabularies."""

import functools
import re
from typing import Iterable, Optional, Tuple

PAD, UNK, MASK, MASK2 = "[PAD]", "[UNK]", "[MASK]", "[MASK2]"

_LANGUAGE = re.compile(r"[a-z][a-z0-9_-]{1,14}")


def is_special(title: str) -> bool:
    """Whether an entity has no page, such as `[MASK]`: titles in Wikipedia have no square brackets."""
    return title.startswith("[") and title.endswith("]")


def full_name(title: str, language: Optional[str]) -> str:
    """The name in Hugging Face's format: `en:Japan`; special entities have no language."""
    return title if language is None or is_special(title) else f"{language}:{title}"


def split_name(name: str) -> Tuple[Optional[str], str]:
    """The inverse of `full_name`: the language, `None` if the name does not begin with one, and the title."""
    language, colon, title = name.partition(":")
    if colon and title and is_language(language):
        return language, title
    return None, name


@functools.lru_cache(maxsize=1000)
def is_language(code: str) -> bool:
    """Whether it can be the code of a language in front of a title."""
    return _LANGUAGE.fullmatch(code) is not None


def all_have_languages(names: Iterable[str]) -> bool:
    """
    Whether names are those of a multilingual vocabulary: all but special ones begin with a language's code
    and a colon. English titles never do, since titles begin with a capital letter.
    """
    return all(split_name(name)[0] is not None or is_special(name) for name in names)
