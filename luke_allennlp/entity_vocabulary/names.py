"""How entities are called: special ones, and those of multilingual vocabularies."""

import re
from typing import Iterable, Optional, Tuple

PAD, UNK, MASK, MASK2 = "[PAD]", "[UNK]", "[MASK]", "[MASK2]"

LANGUAGE = re.compile(r"[a-z][a-z0-9_-]{1,14}")
_PREFIXED = re.compile(rf"({LANGUAGE.pattern}):(.+)", re.DOTALL)


def is_special(title: str) -> bool:
    """Whether it stands for no page, as `[MASK]`: titles of Wikipedia have no square brackets."""
    return title.startswith("[") and title.endswith("]")


def full_name(title: str, language: Optional[str]) -> str:
    """What Hugging Face's form calls an entity: `en:Japan`; special ones are of no language."""
    return title if language is None or is_special(title) else f"{language}:{title}"


def split_name(name: str) -> Tuple[Optional[str], str]:
    """
    Undoes `full_name`.

    # Returns

    `Tuple[Optional[str], str]`
        The language, `None` if the name starts with none, and the title.
    """
    match = None if is_special(name) else _PREFIXED.fullmatch(name)
    return (match[1], match[2]) if match else (None, name)


def all_have_languages(names: Iterable[str]) -> bool:
    """
    Whether names are those of a multilingual vocabulary: all but special ones begin with a language's code
    and a colon. Lists of English titles never do, since titles begin with a capital.
    """
    return all(is_special(name) or _PREFIXED.fullmatch(name) for name in names)
