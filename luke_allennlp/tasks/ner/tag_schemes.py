"""Tag schemes (IOB1, IOB2, BIOES, BILOU, IO): which one a file has, and which entities its tags encode."""

import logging
import re
from collections import Counter
from functools import lru_cache
from itertools import chain
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

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
    "AUTO": "auto",
}
_PREFIXES = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIESMW", "BILOU": "BILU", "IO": ("", "I")}
_KNOWN_PREFIXES = "BIESMWLU"
# B begins an entity, I is inside one, E ends one, S is a single-word entity.
_ROLES = {"O": "O", "": "I", "B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_PREFIXED = re.compile(r"([A-Za-z])-(.*)", re.DOTALL)
_FAMILIES = {
    "": "a type without a prefix, as in IO",
    **dict.fromkeys("BI", "with a prefix"),
    **dict.fromkeys("ESMW", "as in BIOES"),
    **dict.fromkeys("LU", "as in BILOU"),
}

_MAX_FAULTS_PER_ENTITY = 1 / 1000  # of a scheme that some tags violate
_MIN_RATIO = 10  # how many times more faults every other scheme must have


def check_scheme(scheme: str) -> str:
    """
    The scheme's name as in `TAG_SCHEMES`, or "auto". Accepts aliases (`BIO`, `IOBES`, `BMES`, ...) and lower
    case.
    """
    name = str(scheme).upper()
    name = _ALIASES.get(name, name)
    if name not in (*TAG_SCHEMES, "auto"):
        choices = ", ".join((*TAG_SCHEMES, "auto"))
        raise ConfigurationError(f"tag_scheme {scheme!r} is not known: choose one of {choices}.")
    return name


@lru_cache(maxsize=10_000)
def split_tag(tag: str) -> Tuple[str, str]:
    """
    Prefix and type: `("B", "PER")` for `B-PER`, `("O", "")` for `O`, and `("", "PER")` for `PER`, which has
    no known prefix.
    """
    if tag == "O":
        return "O", ""
    match = _PREFIXED.fullmatch(tag)
    if match and match.group(1) in _KNOWN_PREFIXES:
        return match.group(1), match.group(2)
    return "", tag


def tag_problem(tag: str) -> Optional[str]:
    """What is wrong with a tag that is malformed in every scheme, or `None`."""
    if not tag:
        return "it is empty"
    if tag[1:] == "-" and tag[0].isalpha():
        return "no entity type follows the hyphen"
    return None


def tags_to_spans(tags: Sequence[str], scheme: str) -> List[LabeledSpan]:
    """
    Decodes the entities of a sentence as conlleval does: a tag that cannot continue an entity begins one, and
    an entity ends where its type does, so no tag is lost where tags violate the scheme. All schemes are
    decoded alike, except that an entity in IO is a maximal run of one type, whatever the prefixes.
    """
    spans: List[LabeledSpan] = []
    start = 0
    for index, (previous, tag) in enumerate(_pairs_of(tags)):
        if not _continues(previous, tag, scheme == "IO"):
            if previous != "O":
                spans.append(LabeledSpan(start, index, split_tag(previous)[1]))
            start = index
    return spans


def _pairs_of(tags: Sequence[str]) -> Iterator[Tuple[str, str]]:
    """Each tag and its predecessor. `"O"` stands for the beginning and the end of a sentence."""
    return zip(("O", *tags), (*tags, "O"), strict=True)


@lru_cache(maxsize=100_000)
def _continues(previous: str, tag: str, is_io: bool = False) -> bool:
    """Whether a tag continues the entity of its predecessor."""
    last_prefix, last_type = split_tag(previous)
    prefix, type_ = split_tag(tag)
    if type_ != last_type or "O" in (prefix, last_prefix):
        return False
    return is_io or (_ROLES[prefix] in "IE" and _ROLES[last_prefix] in "BI")


@lru_cache(maxsize=100_000)
def _fault(previous: str, tag: str, scheme: str) -> Optional[str]:
    """What is wrong with a tag after its predecessor, or `None` if the scheme allows it."""
    prefix, type_ = split_tag(tag)
    last_prefix, last_type = split_tag(previous)
    same_type = type_ == last_type and "O" not in (prefix, last_prefix)
    if prefix not in ("O", *_PREFIXES[scheme]):
        return repr(tag)
    if scheme == "IOB1":
        is_faulty = prefix == "B" and not same_type
    elif scheme == "IOB2":
        is_faulty = prefix == "I" and not same_type
    elif scheme == "IO":
        is_faulty = False
    else:
        must_continue = _ROLES[last_prefix] in "BI" or _ROLES[prefix] in "IE"
        is_faulty = must_continue and not _continues(previous, tag)
    if not is_faulty:
        return None
    if tag == "O":
        return f"{previous!r} as the last tag of an entity"
    return f"{tag!r} after no entity" if previous == "O" else f"{tag!r} after {previous!r}"


def find_faults(tags: Sequence[str], scheme: str) -> Iterator[Tuple[int, str]]:
    """The positions of the tags that violate a scheme, and what is wrong with each."""
    for index, (previous, tag) in enumerate(_pairs_of(tags)):
        reason = _fault(previous, tag, scheme)
        if reason is not None:
            yield index - (tag == "O"), reason  # an unfinished entity is the fault of its last tag


class TaggedSentence(NamedTuple):
    """Tags, and where they are: the line of the first if each has a line, or the name of their record."""

    tags: Sequence[str]
    where: Union[int, str]

    def place(self, position: int) -> str:
        """The name of a tag's place in errors: "line 7"."""
        return self.where if isinstance(self.where, str) else f"line {self.where + position}"


def resolve_scheme(sentences: Sequence[TaggedSentence], scheme: str, source: str) -> str:
    """
    Detects the scheme of a file if it is not given. Logs the scheme, and the tags that violate it.

    The detected scheme is one that all tags fit. If there is none, it is the one that nearly all fit: it has
    at most one fault in 1,000 entities, and every other scheme has at least ten times as many. Files with
    `I-` tags only are IO, which gives the same entities as IOB1. Files without entities are IOB2, and so are
    files in which the type changes within an entity, an annotation error that published files have.

    # Raises

    `ConfigurationError`
        No scheme fits (the error names two lines that contradict each other), or a tag has an unknown prefix.
    """
    detector = _Detector(sentences, source)
    if scheme == "auto":
        scheme = detector.scheme()
        same = ", which gives the same entities as IOB1" if scheme == "IO" else ""
        logger.info("%s: the tag scheme is recognised as %s%s", source, scheme, same)
    else:
        logger.info("%s: the tag scheme is set to %s", source, scheme)
    if any(_fault(previous, tag, scheme) for previous, tag in detector.pairs):
        faults = [
            f"{sentence.place(position)} has {reason}"
            for sentence in sentences
            for position, reason in find_faults(sentence.tags, scheme)
        ]
        logger.warning(
            "%s: %d tags break the rules of %s and are read as conlleval reads them: %s",
            source,
            len(faults),
            scheme,
            listed(faults),
        )
    return scheme


class _ContradictionError(ConfigurationError):
    """The tags fit no scheme."""


class _Detector:
    """
    Finds the scheme of a file by its distinct pairs of tags: whether a tag fits depends on its predecessor
    alone.
    """

    def __init__(self, sentences: Sequence[TaggedSentence], source: str) -> None:
        self.pairs = Counter(chain.from_iterable(_pairs_of(sentence.tags) for sentence in sentences))
        self._tags = list(dict.fromkeys(tag for _, tag in self.pairs if tag != "O"))
        self._sentences = sentences
        self._source = source

    def scheme(self) -> str:
        if not self._tags:
            return "IOB2"
        self._check_prefixes()
        try:
            return self._flawless_scheme()
        except _ContradictionError:
            winner = self._clear_winner()
            if winner is None:
                raise
            return winner

    def _check_prefixes(self) -> None:
        for tag in self._tags:
            if split_tag(tag)[0] == "" and (_PREFIXED.fullmatch(tag) or tag in _KNOWN_PREFIXES):
                problem = "no entity type" if tag in _KNOWN_PREFIXES else "a prefix of no known scheme"
                raise ConfigurationError(
                    f"{self._source}, {self._place_of_tag(tag)}: the tag {tag!r} has {problem}; expected O, "
                    f"or one of {', '.join(_KNOWN_PREFIXES)} with a hyphen and a type. If it is the whole "
                    f"name of a type, set `tag_scheme` to IO."
                )

    def _flawless_scheme(self) -> str:
        self._check_families()
        prefixes = {split_tag(tag)[0] for tag in self._tags}
        if prefixes <= {"", "I"}:
            return "IO"
        if prefixes <= {"B", "I"}:
            bad_for_iob1, bad_for_iob2 = self._first_fault("IOB1"), self._first_fault("IOB2")
            if bad_for_iob1 is None or bad_for_iob2 is None:
                return "IOB1" if bad_for_iob1 is None else "IOB2"
            raise self._contradiction(
                f"{bad_for_iob2} (an entity starts with I-, as in IOB1)",
                f"{bad_for_iob1} (B- follows no entity of its type, as in IOB2)",
            )
        scheme = "BILOU" if prefixes & {"L", "U"} else "BIOES"
        first_fault = self._first_fault(scheme)
        if first_fault is None:
            return scheme
        sign = next(tag for tag in self._tags if split_tag(tag)[0] not in "BI")
        raise self._contradiction(
            f"{self._place_of_tag(sign)} has {sign!r}, as in {scheme}",
            f"{first_fault}, not allowed in {scheme}",
        )

    def _check_families(self) -> None:
        """Raises an error if tags have prefixes that no scheme combines."""
        signs: Dict[str, str] = {}
        for tag in self._tags:
            family = _FAMILIES[split_tag(tag)[0]]
            if family not in signs:
                signs[family] = f"{self._place_of_tag(tag)} has {tag!r}, {family}"
        bare, bioes, bilou = (signs.get(_FAMILIES[prefix]) for prefix in ("", "E", "L"))
        if bare and len(signs) > 1:
            raise self._contradiction(bare, next(sign for sign in signs.values() if sign != bare))
        if bioes and bilou:
            raise self._contradiction(bioes, bilou)

    def _clear_winner(self) -> Optional[str]:
        faults = {scheme: sum(self.pairs[pair] for pair, _ in self._faults(scheme)) for scheme in TAG_SCHEMES}
        entities = 0
        uses: Counter[str] = Counter()
        types: Dict[bool, Set[str]] = {True: set(), False: set()}
        for (previous, tag), count in self.pairs.items():
            prefix, type_ = split_tag(tag)
            if prefix != "O":
                entities += 0 if _continues(previous, tag) else count
                uses[prefix] += count
                types[bool(prefix)].add(type_)
        bare, prefixed = types[False], types[True]
        # IO allows types with and without `I-`, but one file has one of the two.
        faults["IO"] += min(uses[""], uses["I"])
        if not bare:
            # Only a `B` after an entity of its type tells these two apart.
            del faults["IOB1" if faults["IO"] <= faults["IOB1"] else "IO"]
        winner = min(faults, key=lambda scheme: faults[scheme])
        if faults[winner] > _MAX_FAULTS_PER_ENTITY * entities:
            return None
        if any(faults[other] < _MIN_RATIO * faults[winner] for other in faults if other != winner):
            return None
        # A tag of the rarer spelling must still be a known type: a misprint would become a type of its own.
        return winner if bare <= prefixed or prefixed <= bare else None

    def _faults(self, scheme: str) -> Iterator[Tuple[Tuple[str, str], str]]:
        """The pairs that a scheme does not allow, and what is wrong with each."""
        for previous, tag in self.pairs:
            # A change of type within an entity is an annotation error that published files of IOB2 have.
            if scheme == "IOB2" and previous != "O" and split_tag(tag)[0] == "I":
                continue
            reason = _fault(previous, tag, scheme)
            if reason is not None:
                yield (previous, tag), reason

    def _first_fault(self, scheme: str) -> Optional[str]:
        """The first fault and its place."""
        for pair, reason in self._faults(scheme):
            for sentence in self._sentences:
                for index, found in enumerate(_pairs_of(sentence.tags)):
                    if found == pair:
                        return f"{sentence.place(index - (pair[1] == 'O'))} has {reason}"
        return None

    def _place_of_tag(self, tag: str) -> str:
        found = next(sentence for sentence in self._sentences if tag in sentence.tags)
        return found.place(list(found.tags).index(tag))

    def _contradiction(self, one: str, other: str) -> _ContradictionError:
        return _ContradictionError(
            f"{self._source}: the tags contradict each other: {one}, but {other}. Correct the file, or set "
            f"`tag_scheme` ({', '.join(TAG_SCHEMES)}) to decode every tag as far as possible."
        )
