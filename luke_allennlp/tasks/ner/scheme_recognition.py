"""Which tag scheme a file uses."""

import logging
from collections import Counter
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import LISTED, listed
from luke_allennlp.tasks.ner.tag_schemes import (
    KNOWN_PREFIXES,
    PREFIXED,
    ROLES,
    TAG_SCHEMES,
    fault,
    find_faults,
    split_tag,
)

logger = logging.getLogger(__name__)

MAX_FAULTS_PER_ENTITY = 1 / 1000
"""What a scheme that wins by the weight of evidence may have."""

MIN_RATIO = 10
"""How many times more faults every other scheme must have than the one that wins."""

_FAMILIES = {
    "": "a type without a prefix, as in IO",
    **dict.fromkeys("BI", "with a prefix"),
    **dict.fromkeys("ESMW", "as in BIOES"),
    **dict.fromkeys("LU", "as in BILOU"),
}


class TaggedSentence(NamedTuple):
    """
    # Parameters

    tags : `Sequence[str]`
    place : `Callable[[int], str]`
        What to call the place of a tag in the file, by its position: "line 7".
    """

    tags: Sequence[str]
    place: Callable[[int], str]


# How often a tag follows another one, `O` before the first and after the last.
_Pairs = Dict[Tuple[str, str], int]


class _ContradictionError(ConfigurationError):
    """The tags fit no scheme."""


def resolve_scheme(sentences: Sequence[TaggedSentence], scheme: str, source: str) -> str:
    """
    Finds the scheme of a file, if it is not given, and logs which it is and the tags that break its rules.

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
        As of `recognise_scheme`.
    """
    pairs = _count_pairs(sentences)
    if scheme == "auto":
        scheme = _recognise(pairs, sentences, source)
        same = ", whose entities are those of IOB1" if scheme == "IO" else ""
        logger.info("%s: the tag scheme is recognised as %s%s", source, scheme, same)
    else:
        logger.info("%s: the tag scheme is set to %s", source, scheme)
    faults: List[Tuple[str, str]] = []
    if any(fault(previous, tag, scheme) for previous, tag in pairs):
        for sentence in sentences:
            for position, reason in find_faults(sentence.tags, scheme):
                faults.append((sentence.place(position), reason))
    if faults:
        logger.warning(
            "%s: %d tags break the rules of %s and are read as conlleval reads them: %s",
            source,
            len(faults),
            scheme,
            listed([f"{place} has {reason}" for place, reason in faults[:LISTED]], len(faults)),
        )
    return scheme


def recognise_scheme(sentences: Sequence[TaggedSentence], source: str) -> str:
    """
    Finds the scheme that all tags of a file fit, or where they fit none, the one that nearly all fit: its
    faults are at most 1 in 1,000 entities, and at least ten times rarer than under any other scheme.

    # Parameters

    sentences : `Sequence[TaggedSentence]`
    source : `str`
        The name of the file, for the error.

    # Returns

    `str`
        One of `TAG_SCHEMES`. Files that have only `I-` tags are IO, though IOB1 would give the same entities;
        files without any entity are IOB2. A file is IOB2 also if the type changes within some of its
        entities, an error of annotation that is found in published files; `find_faults` tells where.

    # Raises

    `ConfigurationError`
        No scheme wins: it names lines that contradict each other. Or a tag is none in any scheme.
    """
    return _recognise(_count_pairs(sentences), sentences, source)


def _recognise(pairs: _Pairs, sentences: Sequence[TaggedSentence], source: str) -> str:
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


def _count_pairs(sentences: Iterable[TaggedSentence]) -> _Pairs:
    pairs: Counter[Tuple[str, str]] = Counter()
    for tags, _ in sentences:
        pairs.update(zip(("O", *tags), (*tags, "O"), strict=True))
    return pairs


class _Places:
    """Where tags and pairs of tags stand first in a file: looked for only where an error says so."""

    def __init__(self, sentences: Sequence[TaggedSentence]) -> None:
        self._sentences = sentences

    def of_tag(self, tag: str) -> str:
        return next(place(list(tags).index(tag)) for tags, place in self._sentences if tag in tags)

    def of_pair(self, pair: Tuple[str, str]) -> str:
        for tags, place in self._sentences:
            for position, found in enumerate(zip(("O", *tags), (*tags, "O"), strict=True)):
                if found == pair:
                    # An entity left open is the fault of its last tag, not of the `O` after it.
                    return place(position - 1 if pair[1] == "O" else position)
        raise ValueError(f"{pair} is no pair of these sentences.")


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
    if faults[winner] > MAX_FAULTS_PER_ENTITY * entities:
        return None
    if any(faults[other] < MIN_RATIO * faults[winner] for other in faults if other != winner):
        return None
    # What is written otherwise must be a type all the same, not a misprint that would become one.
    return winner if bare <= prefixed or prefixed <= bare else None


def _opens(previous: str, tag: str) -> bool:
    """Whether a tag begins an entity, as conlleval reads it."""
    prefix, type_ = split_tag(tag)
    last_prefix, last_type = split_tag(previous)
    goes_on = ROLES[prefix] in ("I", "E") and ROLES[last_prefix] in ("B", "I") and type_ == last_type
    return prefix != "O" and not goes_on


def _faults(pairs: _Pairs, scheme: str) -> Iterable[Tuple[Tuple[str, str], str]]:
    """The pairs that a scheme does not allow, and what is wrong with each."""
    for previous, tag in pairs:
        # A change of type within an entity is an error of annotation that published files of IOB2 have.
        if scheme == "IOB2" and previous != "O" and split_tag(tag)[0] == "I":
            continue
        reason = fault(previous, tag, scheme)
        if reason is not None:
            yield (previous, tag), reason


def _first_fault(pairs: _Pairs, places: _Places, scheme: str) -> Optional[Tuple[str, str]]:
    return next(((places.of_pair(pair), reason) for pair, reason in _faults(pairs, scheme)), None)


def _check_known(tags: Sequence[str], places: _Places, source: str) -> None:
    """Raises an error if a tag has a prefix that no scheme has, or no type."""
    for tag in tags:
        if split_tag(tag)[0] == "" and (PREFIXED.fullmatch(tag) or tag in KNOWN_PREFIXES):
            found = "has no entity type" if tag in KNOWN_PREFIXES else "has a prefix of no known scheme"
            raise ConfigurationError(
                f"{source}, {places.of_tag(tag)}: the tag {tag!r} {found}; expected O, or one of "
                f"{', '.join(KNOWN_PREFIXES)} with a hyphen and a type. If it is the whole name of a type, "
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
