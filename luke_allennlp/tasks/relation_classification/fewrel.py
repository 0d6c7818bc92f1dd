"""FewRel's JSON: relations, each with its instances."""

from typing import Any, Dict, Iterator, List

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, Span, check_text, get_list, get_objects, get_strings
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.relation_classification.examples import RelationExample, joined_tokens

_KEYS = {"tokens", "h", "t"}


def is_fewrel(record: Record) -> bool:
    """Whether an object is a whole file of FewRel."""
    values = list(record.values())
    return bool(values) and all(
        isinstance(value, list) and value and isinstance(value[0], dict) and value[0].keys() >= _KEYS
        for value in values
    )


def read_fewrel(record: Record, where: str) -> Iterator[RelationExample]:
    """
    The examples of `{relation: [{"tokens": [...], "h": [name, id, [[3, 4], ...]], "t": [...]}, ...]}`. `h`
    and `t` are head and tail, whose mentions are lists of the positions of their tokens; the first mention
    counts. Tokens are joined by spaces. The name need not be the mention's text, and is ignored.
    """
    index = 0
    for relation in record:
        for inner, instance in get_objects(record, relation, where):
            tokens = get_strings(instance, "tokens", inner)
            text, offsets = joined_tokens(tokens)
            check_text(text, "tokens", inner, "head and tail")
            head, tail = (_span(instance, key, offsets, inner) for key in ("h", "t"))
            yield RelationExample(inner, index, text, head, tail, relation)
            index += 1


def _span(instance: Dict[str, Any], key: str, offsets: List[Span], where: str) -> Span:
    value = get_list(instance, key, where)
    mentions = value[2] if len(value) == 3 else None
    first = mentions[0] if isinstance(mentions, list) and mentions else None
    if not isinstance(first, list) or not first or not all(type(position) is int for position in first):
        raise ConfigurationError(
            f"{where}: {key!r} is {shown(value)}; expected [name, id, [[positions of tokens], ...]]."
        )
    if not 0 <= min(first) <= max(first) < len(offsets):
        raise ConfigurationError(
            f"{where}: {key!r} has the positions {shown(first)}; expected 0 to {len(offsets) - 1}."
        )
    return offsets[min(first)][0], offsets[max(first)][1]
