"""
Tag schemes of NER files: what they allow, and entities from tags and tags from entities.

| scheme | tags of an entity of 1, 2, 3 words | where an entity directly follows one of its type |
|--------|------------------------------------|--------------------------------------------------|
| IOB1   | `I`, `I I`, `I I I`                | its first tag is `B`                             |
| IOB2   | `B`, `B I`, `B I I`                |                                                  |
| BIOES  | `S`, `B E`, `B I E`                | also written `M` for `I` and `W` for `S`         |
| BILOU  | `U`, `B L`, `B I L`                |                                                  |
| IO     | `I`, `I I`, `I I I`                | the two cannot be told apart                     |

In files of the scheme IO, types may also stand alone, without `I-`.
"""

import re
from functools import lru_cache
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.tasks.ner.examples import LabeledSpan

TAG_SCHEMES = ("IOB1", "IOB2", "BIOES", "BILOU", "IO")

_ALIASES = {
    "IOB": "IOB1",
    "BIO": "IOB2",
    "IOBES": "BIOES",
    "BMES": "BIOES",
    "BMEWO": "BIOES",
    "BIOUL": "BILOU",
}
_PREFIXES = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIESMW", "BILOU": "BILU", "IO": "I"}
KNOWN_PREFIXES = "BIESMWLU"
_FIRST_MIDDLE_LAST_SINGLE = {
    "IOB1": ("I", "I", "I", "I"),
    "IOB2": ("B", "I", "I", "B"),
    "BIOES": ("B", "I", "E", "S"),
    "BILOU": ("B", "I", "L", "U"),
    "IO": ("I", "I", "I", "I"),
}
# What each prefix does to an entity: begin one, go on with one, end one, be one on its own.
ROLES = {"O": "O", "": "I", "B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
PREFIXED = re.compile(r"([A-Za-z])-(.*)", re.DOTALL)


class Fault(NamedTuple):
    """
    A tag which a scheme does not allow where it stands.

    # Parameters

    position : `int`
        Index of the tag in its sentence.
    reason : `str`
        The tag and its neighbour.
    """

    position: int
    reason: str


def check_scheme(scheme: str, allow_auto: bool = False) -> str:
    """
    # Returns

    `str`
        The scheme's name as in `TAG_SCHEMES`: other usual names (`BIO`, `IOBES`, `BMES`, ...) and lower case
        are understood. `auto` is accepted where `allow_auto` says so.

    # Raises

    `ConfigurationError`
        If there is no such scheme.
    """
    name = str(scheme).upper()
    name = _ALIASES.get(name, name)
    if name in TAG_SCHEMES:
        return name
    if allow_auto and name == "AUTO":
        return "auto"
    choices = [*TAG_SCHEMES, "auto"] if allow_auto else TAG_SCHEMES
    raise ConfigurationError(f"tag_scheme {scheme!r} is not known: choose one of {', '.join(choices)}.")


@lru_cache(maxsize=10_000)
def split_tag(tag: str) -> Tuple[str, str]:
    """
    # Returns

    `Tuple[str, str]`
        Prefix and type: `("B", "PER")` for `B-PER`, `("O", "")` for `O`, and an empty prefix for a tag
        without one of the known prefixes: `("", "PER")` for `PER`.
    """
    if tag == "O":
        return "O", ""
    match = PREFIXED.fullmatch(tag)
    if match and match.group(1) in KNOWN_PREFIXES:
        return match.group(1), match.group(2)
    return "", tag


def tag_problem(tag: str) -> Optional[str]:
    """
    # Returns

    `Optional[str]`
        What is wrong with a tag that is no tag in any scheme, `None` for a tag.
    """
    if not tag:
        return "it is empty"
    if tag[1:] == "-" and tag[0].isalpha():
        return "no entity type follows the hyphen"
    return None


def find_faults(tags: Sequence[str], scheme: str) -> Iterator[Fault]:
    """
    Finds the tags of a sentence that are not where the scheme allows them.

    # Parameters

    tags : `Sequence[str]`
    scheme : `str`
        One of `TAG_SCHEMES`.

    # Returns

    `Iterator[Fault]`
    """
    previous = "O"
    for index, tag in enumerate(tags):
        reason = fault(previous, tag, scheme)
        if reason is not None:
            yield Fault(index - 1 if tag == "O" else index, reason)
        previous = tag
    reason = fault(previous, "O", scheme)
    if reason is not None:
        yield Fault(len(tags) - 1, reason)


def tags_to_spans(tags: Sequence[str], scheme: str) -> List[LabeledSpan]:
    """
    Reads the entities of a sentence off its tags, as conlleval does: where tags break the rules of the scheme
    nothing is lost, since a tag that can go on with no entity opens one, and an entity ends where its type
    does. So all schemes are read alike, since no tag that is allowed in two of them means two things; but in
    IO an entity is all that has one type, whatever the prefixes.

    # Parameters

    tags : `Sequence[str]`
    scheme : `str`
        One of `TAG_SCHEMES`.

    # Returns

    `List[LabeledSpan]`
        In order, without overlap.
    """
    spans: List[LabeledSpan] = []
    start, label, is_open = 0, "", False
    for index, tag in enumerate(tags):
        prefix, type_ = split_tag(tag)
        role = ROLES[prefix]
        if scheme == "IO" and role != "O":
            role = "I"
        goes_on = is_open and role in ("I", "E") and type_ == label
        if not goes_on:
            if is_open:
                spans.append(LabeledSpan(start, index, label))
            start, label, is_open = index, type_, role != "O"
        if role in ("E", "S"):
            spans.append(LabeledSpan(start, index + 1, label))
            is_open = False
    if is_open:
        spans.append(LabeledSpan(start, len(tags), label))
    return spans


def spans_to_tags(spans: Iterable[LabeledSpan], length: int, scheme: str) -> List[str]:
    """
    Writes the tags of a sentence.

    # Parameters

    spans : `Iterable[LabeledSpan]`
        Entities that do not overlap, in any order.
    length : `int`
        Number of words of the sentence.
    scheme : `str`
        One of `TAG_SCHEMES`.

    # Returns

    `List[str]`
        One tag a word.

    # Raises

    `ValueError`
        If entities overlap or leave the sentence: tags cannot say so.
    """
    tags = ["O"] * length
    first, middle, last, single = _FIRST_MIDDLE_LAST_SINGLE[scheme]
    previous = LabeledSpan(0, 0, "")
    for span in sorted(spans):
        if not previous.end <= span.start < span.end <= length:
            raise ValueError(
                f"{span} overlaps with {previous}, is empty, or leaves a sentence of {length} words."
            )
        tags[span.start : span.end] = [f"{middle}-{span.label}"] * (span.end - span.start)
        tags[span.start] = f"{first}-{span.label}"
        tags[span.end - 1] = f"{last}-{span.label}"
        if span.end - span.start == 1:
            tags[span.start] = f"{single}-{span.label}"
        if scheme == "IOB1" and previous.end == span.start and previous.label == span.label:
            tags[span.start] = f"B-{span.label}"
        previous = span
    return tags


@lru_cache(maxsize=100_000)
def fault(previous: str, tag: str, scheme: str) -> Optional[str]:
    """
    # Returns

    `Optional[str]`
        What is wrong with a tag after another one, `"O"` before the first and after the last; `None` if the
        scheme allows it.
    """
    prefix, type_ = split_tag(tag)
    last_prefix, last_type = split_tag(previous)
    same_type = type_ == last_type and "O" not in (prefix, last_prefix)
    if prefix not in ("O", *_PREFIXES[scheme]) and not (scheme == "IO" and prefix == ""):
        return f"{tag!r}"
    if scheme == "IOB1":
        faulty = prefix == "B" and not same_type
    elif scheme == "IOB2":
        faulty = prefix == "I" and not same_type
    elif scheme in ("BIOES", "BILOU"):
        was_open = ROLES[last_prefix] in ("B", "I")
        goes_on = ROLES[prefix] in ("I", "E")
        faulty = was_open != goes_on or (was_open and not same_type)
    else:
        faulty = False
    if not faulty:
        return None
    if tag == "O":
        return f"{previous!r} as the last tag of an entity"
    return f"{tag!r} after no entity" if previous == "O" else f"{tag!r} after {previous!r}"
