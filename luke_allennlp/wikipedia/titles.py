"""Where links lead, by MediaWiki's rules for titles."""

import html.entities
import re
import unicodedata
from functools import lru_cache
from typing import Dict, NamedTuple, Optional, Tuple
from urllib.parse import unquote

from luke_allennlp.wikipedia.languages import (
    CATEGORY_NAMES,
    FILE_NAMES,
    LANGUAGE_CODES,
    NAMESPACE_ALIASES,
    PREFIXES,
)
from luke_allennlp.wikipedia.siteinfo import CANONICAL_NAMESPACES, SiteInfo

ARTICLE = "article"
NAMESPACE = "namespace"
INTERLANGUAGE = "interlanguage"
INTERWIKI = "interwiki"
FRAGMENT = "fragment"
INVALID = "invalid"

_TALK = 1
_FILE = 6
_TEMPLATE = 10
_CATEGORY = 14
_CACHED = 1 << 16
_LONGEST = 255
# Most titles have this form, and are normalised already.
_PLAIN = re.compile(r"[A-Z][A-Za-z0-9'(),-]*(?: [A-Za-z0-9'(),-]+)*")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,9})|#[xX]([0-9A-Fa-f]{1,8})|([A-Za-z0-9]+));")
_PROTOCOL = re.compile(
    r" *(?:bitcoin:|ftps?://|geo:|git://|gopher://|https?://|ircs?://|magnet:|mailto:|mms://|news:|nntp://|redis://|"
    r"s?ftp://|sips?:|sms:|ssh://|svn://|tel:|telnet://|urn:|worldwind://|xmpp:|//)",
    re.IGNORECASE,
)
# Marks of the writing's direction: they are invisible.
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e]+")
_SPACES = re.compile("[ _\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_ILLEGAL = re.compile(
    r"[\x00-\x1f#<>\[\]{|}\x7f\ufffd]|%[0-9A-Fa-f]{2}|&(?:(?:[A-Za-z0-9]|[^\x00-\x7f])+|#[0-9]+|#[xX][0-9A-Fa-f]+);|~~~|"
    # Parts of a path that mean another path.
    r"^\.{1,2}(?:/|$)|/\.{1,2}(?:/|$)"
)


class ResolvedTitle(NamedTuple):
    """
    # Parameters

    kind : `str`
        "article": a page of namespace 0. "namespace": a page of another. "interlanguage": the same article in
        another language. "interwiki": a page of another wiki. "fragment": a section of the page where the
        link is. "invalid": no link at all; MediaWiki shows the brackets.
    title : `str`
        As the dump writes it, with the local name of its namespace; with the prefix in lower case for other
        wikis; empty for "fragment"; the target itself for "invalid". `fragment` is what follows `#`.
    is_shown : `bool`
        Whether the page shows the link where it is. It does not for categories, images and other languages,
        unless there is a colon before them. (It shows the image, of course.)
    """

    kind: str
    namespace: int
    title: str
    fragment: Optional[str]
    is_shown: bool


class TitleRules:
    """The rules for titles of one wiki."""

    def __init__(self, site: SiteInfo) -> None:
        self.site = site
        self._numbers = _namespace_numbers(site)
        self._names = {**CANONICAL_NAMESPACES, **site.namespaces}
        # There, the capital of "i" is not "I".
        self._dotted = site.language in ("tr", "az", "kaa")
        self._cached = lru_cache(_CACHED)(self._resolve)

    def __reduce__(self) -> Tuple[type, Tuple[SiteInfo]]:
        return TitleRules, (self.site,)

    def resolve(self, target: str) -> ResolvedTitle:
        """Resolves a link's target: what is between `[[` and `]]` or `|` in wikitext."""
        return self._cached(target)

    def template_name(self, name: str) -> Optional[str]:
        """
        The name, without its namespace, of a template `{{name|`; `None` if it is the page of another
        namespace.
        """
        name = name.strip()
        if ":" not in name:
            return name
        resolved = self.resolve(name)
        if resolved.namespace == _TEMPLATE:
            return resolved.title.partition(":")[2]
        # What looks like a prefix, and is none, is a part of the name.
        return resolved.title if resolved.kind == ARTICLE and not name.startswith(":") else None

    def _resolve(self, target: str) -> ResolvedTitle:
        if _PLAIN.fullmatch(target) and len(target) <= _LONGEST:
            return ResolvedTitle(ARTICLE, 0, target, None, True)
        text = target
        if "%" in text:
            text = unquote(text)
        invalid = ResolvedTitle(INVALID, 0, target, None, True)
        if _PROTOCOL.match(text):
            return invalid
        if "&" in text:
            text = unicodedata.normalize("NFC", _REFERENCE.sub(_character, text))
        if not text.isascii():
            text = _MARKS.sub("", text)
        text = _SPACES.sub(" ", text).strip(" ")
        has_colon = text.startswith(":")
        if has_colon:
            # A second one means the namespace of articles.
            text = text[1:].lstrip(" ").removeprefix(":").lstrip(" ")
        namespace = 0
        is_local = False
        while ":" in text:
            prefix, _, rest = text.partition(":")
            prefix, rest = prefix.rstrip(" ").lower(), rest.lstrip(" ")
            if prefix in self._numbers:
                namespace = self._numbers[prefix]
                if namespace == _TALK and self._has_prefix(rest):
                    return invalid
                text = rest
            elif prefix == self.site.language and not is_local:
                is_local = True
                text = rest
                continue
            elif prefix in PREFIXES:
                return self._elsewhere(prefix, rest, has_colon) or invalid
            break
        text, _, fragment = text.partition("#")
        text = text.rstrip(" ")
        section = fragment or None
        if not text:
            return ResolvedTitle(FRAGMENT, 0, "", section, True) if section and not namespace else invalid
        if text.startswith(":") or _ILLEGAL.search(text) or len(text.encode("utf-8", "replace")) > _LONGEST:
            return invalid
        if self.site.has_capitals(namespace):
            text = self._capitalize(text)
        if namespace == 0:
            return ResolvedTitle(ARTICLE, 0, text, section, True)
        is_shown = has_colon or is_local or namespace not in (_FILE, _CATEGORY)
        return ResolvedTitle(NAMESPACE, namespace, f"{self._names[namespace]}:{text}", section, is_shown)

    def _has_prefix(self, text: str) -> bool:
        prefix, colon, _ = text.partition(":")
        prefix = prefix.rstrip(" ").lower()
        return bool(colon) and (prefix in self._numbers or prefix in PREFIXES)

    @staticmethod
    def _elsewhere(prefix: str, text: str, has_colon: bool) -> Optional[ResolvedTitle]:
        text, _, fragment = text.partition("#")
        text = text.rstrip(" ")
        if _ILLEGAL.search(text) or len(text.encode("utf-8", "replace")) > _LONGEST:
            return None
        is_shown = has_colon or prefix not in LANGUAGE_CODES
        kind = INTERWIKI if is_shown else INTERLANGUAGE
        return ResolvedTitle(kind, 0, f"{prefix}:{text}", fragment or None, is_shown)

    def _capitalize(self, text: str) -> str:
        first = text[0]
        if first == "i" and self._dotted:
            return "\u0130" + text[1:]
        upper = first.upper()
        # MediaWiki leaves letters whose capital is several, and Georgian, whose capitals are not used.
        if len(upper) != 1 or "\u10d0" <= first <= "\u10ff":
            return text
        return upper + text[1:]


def _namespace_numbers(site: SiteInfo) -> Dict[str, int]:
    """The numbers of the wiki's namespaces by their names in lower case."""
    numbers = {**dict.fromkeys(FILE_NAMES, _FILE), **dict.fromkeys(CATEGORY_NAMES, _CATEGORY)}
    known = {**CANONICAL_NAMESPACES, **site.namespaces}
    aliases = NAMESPACE_ALIASES.get(site.language, {})
    numbers.update({name.lower(): number for name, number in aliases.items() if number in known})
    # MediaWiki's own names, those of before 2009 and the wiki's.
    for names in (CANONICAL_NAMESPACES, {6: "image", 7: "image talk"}, site.namespaces):
        numbers.update({name.lower(): number for number, name in names.items() if name})
    return numbers


def _character(reference: "re.Match[str]") -> str:
    decimal, hexadecimal, name = reference.groups()
    if name:
        return html.entities.html5.get(f"{name};", reference[0])
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
