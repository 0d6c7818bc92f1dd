"""What differs from language to language in the texts of wikis; the tables are in `languages.json`."""

import json
import re
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterable, Optional, Pattern

_TABLES: Dict[str, Dict[str, Any]] = json.loads(
    Path(__file__).with_name("languages.json").read_text(encoding="utf-8")
)


def _set(table: str, key: str) -> FrozenSet[str]:
    return frozenset(_TABLES[table][key])


# Abbreviations, for the rule-based sentence splitter.
LANGUAGES_WITH_ORDINALS = _set("abbreviations", "ordinals")
"""Languages that write ordinals with a full stop: "am 3. Oktober"."""
ABBREVIATIONS = _set("abbreviations", "anywhere")
"""
Abbreviations that are mostly followed by a name or a word of the same sentence. Those that may well end one,
such as "etc." and "Inc.", are not here: where the sentence continues, a small letter usually follows.
"""
ABBREVIATIONS_BEFORE_NUMBER = _set("abbreviations", "before_number")
"""Abbreviations only before a number: "No. 5", but "He said no."."""

# Prefixes of titles that dumps do not list. Each of them is taken on the wikis of Wikimedia, so that no
# article's title begins with one of them and a colon.
LANGUAGE_CODES = _set("prefixes", "languages")
"""Codes of all Wikipedias, closed ones too, and aliases: `nb` of `no`, `nan` of `zh-min-nan`."""
PREFIXES = LANGUAGE_CODES | _set("prefixes", "interwiki")
"""These, and names of other wikis and sites that Wikimedia's wikis have prefixes for."""
FILE_NAMES = _set("prefixes", "file")
"""
The namespace of files in other languages: texts are copied from wiki to wiki, and some dumps have another
wiki's siteinfo. Only words that begin no title: not Romanian's, for "Imagine: John Lennon".
"""
CATEGORY_NAMES = _set("prefixes", "category")
"""The same of categories."""
NAMESPACE_ALIASES: Dict[str, Dict[str, int]] = _TABLES["prefixes"]["namespaces"]
"""By wiki: short names of namespaces, those of users by gender, and those from before 2009."""

# Templates of disambiguation pages, in lower case, as each wiki lists them in MediaWiki:Disambiguationspage.
_TEMPLATES = _set("disambiguation", "templates")
# What stands in parentheses at the end of a title.
_SUFFIXES = _set("disambiguation", "suffixes")
# `__DISAMBIG__` of the extension Disambiguator.
_MAGIC_WORDS = _set("disambiguation", "magic_words")


def is_disambiguation(title: str, templates: Iterable[str], magic_words: Iterable[str]) -> bool:
    """Whether a page with this title, these templates and these magic words (without underscores) is one."""
    if title.endswith(")") and title[title.rfind("(") + 1 : -1].lower() in _SUFFIXES:
        return True
    if any(word.lower() in _MAGIC_WORDS for word in magic_words):
        return True
    names = [" ".join(name.lower().replace("_", " ").split()) for name in templates]
    # English has many of these: "school disambiguation", "human name disambiguation".
    return any(name in _TEMPLATES or name.endswith(" disambiguation") for name in names)


# MediaWiki's `$linkTrail` (languages/messages/Messages*.php): what a character class must hold beside a to z.
_LETTERS: Dict[str, str] = _TABLES["link_trails"]["letters"]
# Text runs on without spaces: nothing is taken.
_WITHOUT_TRAILS = _set("link_trails", "none")


def link_trail(language: str) -> Optional[Pattern[str]]:
    """
    The part of the text after a link that MediaWiki adds to it: `[[bus]]es` shows "buses". The pattern
    matches at the start of the text; `None` if nothing belongs to a link in that language.
    """
    if language in _WITHOUT_TRAILS:
        return None
    return re.compile(f"[a-z{_LETTERS.get(language, '')}]+")
