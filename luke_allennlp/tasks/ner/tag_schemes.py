"""
Tag schemes of NER files: their rules, which scheme a file uses, and the entities that tags stand for.

| scheme | tags of an entity of 1, 2, 3 words | if an entity directly follows one of its type |
|--------|------------------------------------|--------------------------------------------------|
| IOB1   | `I`, `I I`, `I I I`                | its first tag is `B`                             |
| IOB2   | `B`, `B I`, `B I I`                |                                                  |
| BIOES  | `S`, `B E`, `B I E`                | also written `M` for `I` and `W` for `S`         |
| BILOU  | `U`, `B L`, `B I L`                |                                                  |
| IO     | `I`, `I I`, `I I I`                | they cannot be distinguished                     |

In IO, types may also be written without `I-`.
"""

import logging
import re
from collections import Counter
from functools import lru_cache
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import listed
from luke_allennlp.tasks.ner.examples import LabeledSpan

logger = logging.getLogger(__name__)

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
_KNOWN_PREFIXES = "BIESMWLU"
# What a prefix does to an entity: begins one, is inside of one, ends one, or is a single one.
_ROLES = {"O": "O", "": "I", "B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_PREFIXED = re.compile(r"([A-Za-z])-(.*)", re.DOTALL)
_FAMILIES = {
    "": "a type without a prefix, as in IO",
    **dict.fromkeys("BI", "with a prefix"),
    **dict.fromkeys("ESMW", "as in BIOES"),
    **dict.fromkeys("LU", "as in BILOU"),
}

_MAX_FAULTS_PER_ENTITY = 1 / 1000  # of a scheme that some tags do not fit
_MIN_RATIO = 10  # how many times more faults every other scheme must have


def check_scheme(scheme: str) -> str:
    """
    The scheme's name as in `TAG_SCHEMES`, or "auto". Other common names (`BIO`, `IOBES`, `BMES`, ...) and
    lower case are understood.

    # Raises

    `ConfigurationError`
        There is no such scheme.
    """
    name = str(scheme).upper()
    name = _ALIASES.get(name, name)
    if name in TAG_SCHEMES:
        return name
    if name == "AUTO":
        return "auto"
    choices = ", ".join((*TAG_SCHEMES, "auto"))
    raise ConfigurationError(f"tag_scheme {scheme!r} is not known: choose one of {choices}.")


@lru_cache(maxsize=10_000)
def split_tag(tag: str) -> Tuple[str, str]:
    """
    Prefix and type: `("B", "PER")` for `B-PER`, `("O", "")` for `O`, and `("", "PER")` for `PER`, which has
    none of the known prefixes.
    """
    if tag == "O":
        return "O", ""
    match = _PREFIXED.fullmatch(tag)
    if match and match.group(1) in _KNOWN_PREFIXES:
        return match.group(1), match.group(2)
    return "", tag


def tag_problem(tag: str) -> Optional[str]:
    """What is wrong with a tag that is malformed in all schemes, or `None`."""
    if not tag:
        return "it is empty"
    if tag[1:] == "-" and tag[0].isalpha():
        return "no entity type follows the hyphen"
    return None


def tags_to_spans(tags: Sequence[str], scheme: str) -> List[LabeledSpan]:
    """
    The entities of a sentence, in order, read from its tags as conlleval does: a tag that cannot continue an
    entity begins one, and an entity ends where its type does, so that no tag is lost where tags break the
    rules of the scheme. All schemes are read alike, except that in IO an entity is a longest run of one type,
    whatever the prefixes.
    """
    spans: List[LabeledSpan] = []
    start, label, is_open = 0, "", False
    for index, tag in enumerate(tags):
        prefix, type_ = split_tag(tag)
        role = _ROLES[prefix]
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


@lru_cache(maxsize=100_000)
def _fault(previous: str, tag: str, scheme: str) -> Optional[str]:
    """
    What is wrong with a tag after another one, or `None` if the scheme allows it. `"O"` stands for the
    beginning and the end of a sentence.
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
        was_open = _ROLES[last_prefix] in ("B", "I")
        goes_on = _ROLES[prefix] in ("I", "E")
        faulty = was_open != goes_on or (was_open and not same_type)
    else:
        faulty = False
    if not faulty:
        return None
    if tag == "O":
        return f"{previous!r} as the last tag of an entity"
    return f"{tag!r} after no entity" if previous == "O" else f"{tag!r} after {previous!r}"


class TaggedSentence(NamedTuple):
    """
    # Parameters

    tags : `Sequence[str]`
    line : `int`, optional (default = `None`)
        The line of its first tag, if each tag has a line.
    where : `str`, optional (default = `""`)
        Its name in errors otherwise.
    """

    tags: Sequence[str]
    line: Optional[int] = None
    where: str = ""

    def place(self, position: int) -> str:
        """The name of a tag's place in errors: "line 7"."""
        return self.where if self.line is None else f"line {self.line + position}"


# How often a tag follows another one, `O` before the first and after the last.
_Pairs = Dict[Tuple[str, str], int]


class _ContradictionError(ConfigurationError):
    """The tags fit no scheme."""


def resolve_scheme(sentences: Sequence[TaggedSentence], scheme: str, source: str) -> str:
    """
    Detects the scheme of a file if it is not given. Logs the scheme, and the tags that break its rules.

    The detected scheme is one that all tags fit. If there is none, it is the one that nearly all fit: its
    faults are at most 1 in 1,000 entities, and at least ten times rarer than those of any other scheme. Files
    that have only `I-` tags are IO, with the same entities as IOB1. Files without entities are IOB2, and so
    are files in which the type changes within an entity, an error of annotation that published files have.

    # Parameters

    sentences : `Sequence[TaggedSentence]`
    scheme : `str`
        One of `TAG_SCHEMES`, or "auto".
    source : `str`
        The name of the file.

    # Returns

    `str`
        One of `TAG_SCHEMES`.

    # Raises

    `ConfigurationError`
        No scheme fits, which names two lines that contradict each other; or a tag is malformed.
    """
    pairs = _count_pairs(sentences)
    if scheme == "auto":
        scheme = _recognize(pairs, sentences, source)
        same = ", which gives the same entities as IOB1" if scheme == "IO" else ""
        logger.info("%s: the tag scheme is recognised as %s%s", source, scheme, same)
    else:
        logger.info("%s: the tag scheme is set to %s", source, scheme)
    faults: List[str] = []
    if any(_fault(previous, tag, scheme) for previous, tag in pairs):
        for sentence in sentences:
            for position, reason in find_faults(sentence.tags, scheme):
                faults.append(f"{sentence.place(position)} has {reason}")
    if faults:
        logger.warning(
            "%s: %d tags break the rules of %s and are read as conlleval reads them: %s",
            source,
            len(faults),
            scheme,
            listed(faults),
        )
    return scheme


def _recognize(pairs: _Pairs, sentences: Sequence[TaggedSentence], source: str) -> str:
    # Whether a tag fits depends on its neighbours alone, so the distinct pairs say all about a file.
    tags = list(dict.fromkeys(tag for _, tag in pairs if tag != "O"))
    if not tags:
        return "IOB2"
    places = _Places(sentences)
    _check_known(tags, places, source)
    try:
        return _flawless_scheme(pairs, tags, places, source)
    except _ContradictionError:
        winner = _clear_winner(pairs)
        if winner is None:
            raise
        return winner


def _pairs_of(tags: Sequence[str]) -> Iterator[Tuple[str, str]]:
    return zip(("O", *tags), (*tags, "O"), strict=True)


def _to_blame(position: int, tag: str) -> int:
    """Of a pair at this position with this second tag. An entity left open is the fault of its last tag."""
    return position - 1 if tag == "O" else position


def find_faults(tags: Sequence[str], scheme: str) -> Iterator[Tuple[int, str]]:
    """The positions of the tags that break the rules of a scheme, and what is wrong with each."""
    for position, (previous, tag) in enumerate(_pairs_of(tags)):
        reason = _fault(previous, tag, scheme)
        if reason is not None:
            yield _to_blame(position, tag), reason


def _count_pairs(sentences: Iterable[TaggedSentence]) -> _Pairs:
    pairs: Counter[Tuple[str, str]] = Counter()
    for sentence in sentences:
        pairs.update(_pairs_of(sentence.tags))
    return pairs


class _Places:
    """The first places of tags and pairs of tags in a file, which only errors need."""

    def __init__(self, sentences: Sequence[TaggedSentence]) -> None:
        self._sentences = sentences

    def of_tag(self, tag: str) -> str:
        found = next(sentence for sentence in self._sentences if tag in sentence.tags)
        return found.place(list(found.tags).index(tag))

    def of_pair(self, pair: Tuple[str, str]) -> str:
        return next(
            sentence.place(_to_blame(position, pair[1]))
            for sentence in self._sentences
            for position, found in enumerate(_pairs_of(sentence.tags))
            if found == pair
        )


def _flawless_scheme(pairs: _Pairs, tags: Sequence[str], places: _Places, source: str) -> str:
    _check_families(tags, places, source)
    prefixes = {split_tag(tag)[0] for tag in tags}
    if prefixes <= {"", "I"}:
        return "IO"
    if prefixes <= {"B", "I"}:
        bad_for_iob1 = _first_fault(pairs, places, "IOB1")
        bad_for_iob2 = _first_fault(pairs, places, "IOB2")
        if bad_for_iob1 is None or bad_for_iob2 is None:
            return "IOB1" if bad_for_iob1 is None else "IOB2"
        raise _contradiction(
            source,
            (bad_for_iob2[0], f"has {bad_for_iob2[1]} (an entity starts with I-, as in IOB1)"),
            (bad_for_iob1[0], f"has {bad_for_iob1[1]} (B- follows no entity of its type, as in IOB2)"),
        )
    scheme = "BILOU" if prefixes & {"L", "U"} else "BIOES"
    first_fault = _first_fault(pairs, places, scheme)
    if first_fault is None:
        return scheme
    sign = next(tag for tag in tags if split_tag(tag)[0] not in "BI")
    raise _contradiction(
        source,
        (places.of_tag(sign), f"has {sign!r}, as in {scheme}"),
        (first_fault[0], f"has {first_fault[1]}, not allowed in {scheme}"),
    )


def _clear_winner(pairs: _Pairs) -> Optional[str]:
    entities = sum(count for (previous, tag), count in pairs.items() if _opens(previous, tag))
    faults = Counter(
        {scheme: sum(pairs[pair] for pair, _ in _faults(pairs, scheme)) for scheme in TAG_SCHEMES}
    )
    uses: Counter[str] = Counter()
    types: Dict[bool, Set[str]] = {True: set(), False: set()}
    for (_, tag), count in pairs.items():
        prefix, type_ = split_tag(tag)
        if prefix != "O":
            uses[prefix] += count
            types[bool(prefix)].add(type_)
    bare, prefixed = types[False], types[True]
    # IO allows types with and without `I-`, but one file has one of the two.
    faults["IO"] += min(uses[""], uses["I"])
    if not bare:
        # Only a `B` tells these two apart: where it never follows an entity of its type, they are the same.
        del faults["IOB1" if faults["IO"] <= faults["IOB1"] else "IO"]
    winner = min(faults, key=lambda scheme: faults[scheme])
    if faults[winner] > _MAX_FAULTS_PER_ENTITY * entities:
        return None
    if any(faults[other] < _MIN_RATIO * faults[winner] for other in faults if other != winner):
        return None
    # What is written otherwise must be a type all the same, not a misprint that would become one.
    return winner if bare <= prefixed or prefixed <= bare else None


def _opens(previous: str, tag: str) -> bool:
    """Whether a tag begins an entity, as conlleval reads it."""
    prefix, type_ = split_tag(tag)
    last_prefix, last_type = split_tag(previous)
    goes_on = _ROLES[prefix] in ("I", "E") and _ROLES[last_prefix] in ("B", "I") and type_ == last_type
    return prefix != "O" and not goes_on


def _faults(pairs: _Pairs, scheme: str) -> Iterable[Tuple[Tuple[str, str], str]]:
    """The pairs that a scheme does not allow, and what is wrong with each."""
    for previous, tag in pairs:
        # A change of type within an entity is an error of annotation that published files of IOB2 have.
        if scheme == "IOB2" and previous != "O" and split_tag(tag)[0] == "I":
            continue
        reason = _fault(previous, tag, scheme)
        if reason is not None:
            yield (previous, tag), reason


def _first_fault(pairs: _Pairs, places: _Places, scheme: str) -> Optional[Tuple[str, str]]:
    return next(((places.of_pair(pair), reason) for pair, reason in _faults(pairs, scheme)), None)


def _check_known(tags: Sequence[str], places: _Places, source: str) -> None:
    """Raises an error if a tag has a prefix that no scheme has, or no type."""
    for tag in tags:
        if split_tag(tag)[0] == "" and (_PREFIXED.fullmatch(tag) or tag in _KNOWN_PREFIXES):
            found = "has no entity type" if tag in _KNOWN_PREFIXES else "has a prefix of no known scheme"
            raise ConfigurationError(
                f"{source}, {places.of_tag(tag)}: the tag {tag!r} {found}; expected O, or one of "
                f"{', '.join(_KNOWN_PREFIXES)} with a hyphen and a type. If it is the whole name of a type, "
                f"set `tag_scheme` to IO."
            )


def _check_families(tags: Sequence[str], places: _Places, source: str) -> None:
    """Raises an error if tags have prefixes that no one scheme has together."""
    signs: Dict[str, Tuple[str, str]] = {}
    for tag in tags:
        family = _FAMILIES[split_tag(tag)[0]]
        if family not in signs:
            signs[family] = (places.of_tag(tag), f"has {tag!r}, {family}")
    bare, bioes, bilou = (signs.get(_FAMILIES[prefix]) for prefix in ("", "E", "L"))
    if bare and len(signs) > 1:
        raise _contradiction(source, bare, next(sign for sign in signs.values() if sign is not bare))
    if bioes and bilou:
        raise _contradiction(source, bioes, bilou)


def _contradiction(source: str, one: Tuple[str, str], other: Tuple[str, str]) -> _ContradictionError:
    (place, what), (other_place, other_what) = one, other
    return _ContradictionError(
        f"{source}: the tags contradict each other: {place} {what}, but {other_place} {other_what}. "
        f"Correct the file, or set `tag_scheme` explicitly ({', '.join(TAG_SCHEMES)}) to have every tag read "
        f"as far as it goes."
    )
