"""The description of a wiki in the head of its dump."""

import re
from typing import Any, Dict, Mapping, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

# MediaWiki's own names; they hold on every wiki, whatever its language.
CANONICAL_NAMESPACES: Mapping[int, str] = dict(
    enumerate(
        "Media,Special,,Talk,User,User talk,Project,Project talk,File,File talk,MediaWiki,MediaWiki talk,"
        "Template,Template talk,Help,Help talk,Category,Category talk".split(","),
        start=-2,
    )
)

FIRST_LETTER = "first-letter"
_ENTITIES = re.compile("<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING = re.compile(r"""\s*\ufeff?<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)""")
# Redirects and namespaces are marked since this version of the export format, of 2012.
_OLDEST = (0, 6)
_HEAD = re.compile(
    r"[\s\ufeff]*(?:<\?xml[^>]*\?>)?(?:\s|<!--.*?-->)*"
    r"(?P<root><mediawiki(?=[\s/>])[^>]*?)/?>\s*(?P<site><siteinfo>.*?</siteinfo>)?",
    re.DOTALL,
)
_WIKIMEDIA_HOST = re.compile(
    r"([a-z][a-z-]*)\.(?:m\.)?"
    r"(?:wikipedia|wiktionary|wikinews|wikibooks|wikiquote|wikisource|wikiversity|wikivoyage)\.org"
)


class SiteInfo(NamedTuple):
    """
    The code of the wiki's language, as links from other wikis name it ("en", "simple", "zh-yue": for the
    wikis of Wikimedia the first part of the host's name, otherwise what the dump declares); such as "enwiki"
    (empty in dumps older than 2014), its name, and the address of the main page; "first-letter" if titles
    begin with a capital, or "case-sensitive"; the local name of each namespace by its number (that of
    articles, 0, is empty); and the case of those namespaces in which it differs.
    """

    language: str
    dbname: str
    sitename: str
    base: str
    case: str
    namespaces: Dict[int, str]
    cases: Dict[int, str]

    def has_capitals(self, namespace: int) -> bool:
        """Whether titles in this namespace begin with a capital letter."""
        return self.cases.get(namespace, self.case) == FIRST_LETTER

    def to_dict(self) -> Dict[str, Any]:
        """A dictionary for JSON, of which `from_dict` restores the object."""
        namespaces, cases = (
            {str(number): value for number, value in sorted(values.items())}
            for values in (self.namespaces, self.cases)
        )
        return {**self._asdict(), "namespaces": namespaces, "cases": cases}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "SiteInfo":
        namespaces, cases = (
            {int(number): value for number, value in fields[name].items()} for name in ("namespaces", "cases")
        )
        return cls(**{**fields, "namespaces": namespaces, "cases": cases})

    @classmethod
    def from_header(cls, header: str) -> "SiteInfo":
        """
        Reads the beginning of a dump, up to its first page. Some tools omit the siteinfo: then only the
        language is known, and the namespaces are MediaWiki's own. A `ValueError` if this is not the header of
        a dump in UTF-8 in the export format 0.6 or later, or it declares entities.
        """
        if _ENTITIES.search(header):
            raise ValueError("it declares a document type, which no dump of MediaWiki has")
        encoding = _ENCODING.match(header)
        if "\0" in header[:100] or encoding and encoding[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            found = f"declares the encoding {encoding[1]!r}" if encoding else "is not UTF-8"
            raise ValueError(f"it {found}; convert it to UTF-8, with `iconv` for example")
        match = _HEAD.match(header)
        if match is None:
            raise ValueError("it does not begin with <mediawiki>")
        if match["site"] is None and "<siteinfo" in header:
            raise ValueError("its siteinfo has no end")
        try:
            root = ElementTree.fromstring(f"{match['root']}>{match['site'] or ''}</mediawiki>")
        except ElementTree.ParseError as error:
            raise ValueError(f"its head is no XML: {error}") from None
        version = re.fullmatch(r"([0-9]+)\.([0-9]+)", root.get("version", ""))
        if version and (int(version[1]), int(version[2])) < _OLDEST:
            raise ValueError(
                f"its export format is {version[0]}, of before 2012, which does not mark redirects; expected "
                "0.6 or later"
            )
        declared = root.get("{http://www.w3.org/XML/1998/namespace}lang", "en")
        site = next((child for child in root if _name(child) == "siteinfo"), None)
        fields: Dict[str, str] = {}
        namespaces: Dict[int, str] = {}
        cases: Dict[int, str] = {}
        for element in site.iter() if site is not None else ():
            if _name(element) == "namespace":
                try:
                    number = int(element.get("key", ""))
                except ValueError:
                    continue
                namespaces[number] = (element.text or "").strip().replace("_", " ")
                cases[number] = element.get("case", "")
            else:
                fields[_name(element)] = (element.text or "").strip()
        base = fields.get("base", "")
        case = fields.get("case", FIRST_LETTER)
        host = _WIKIMEDIA_HOST.fullmatch(urlsplit(base).hostname or "")
        return cls(
            language=host[1] if host and host[1] != "www" else declared,
            dbname=fields.get("dbname", ""),
            sitename=fields.get("sitename", ""),
            base=base,
            case=case,
            namespaces=namespaces or dict(CANONICAL_NAMESPACES),
            cases={number: own for number, own in cases.items() if own and own != case},
        )


def _name(element: ElementTree.Element) -> str:
    # The names of a dump's elements are in a namespace that its version is part of.
    return element.tag.rpartition("}")[2]
