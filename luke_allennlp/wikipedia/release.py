"""
Converts the databases of the original release, which are joblib's pickles, into directories of this package.

A trie in them is taken as it is: a library written in C++ looks into it, and damage that was made on purpose
may end the process. Do not convert files from somebody whom you would not trust with that.
"""

import struct
from itertools import groupby
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.linking.link_database import LINK_FORMAT, LinkDatabase
from luke_allennlp.linking.mapped_directory import Format, check_target
from luke_allennlp.linking.mention_database import MENTION_FORMAT, MentionDatabase, NameRecord
from luke_allennlp.linking.redirects import REDIRECTS_FORMAT, Redirects
from luke_allennlp.wikipedia.release_pickle import StoredTrie, read_release_pickle

_DAMAGES = (KeyError, ValueError, RuntimeError, struct.error, UnicodeDecodeError)


def redirects_from_release(
    source: Union[str, Path], output: Union[str, Path], force: bool = False
) -> Redirects:
    """
    # Parameters

    source : `Union[str, Path]`
        Such as `enwiki_20181220_redirects.pkl`: a dictionary of titles and where they lead. Each is one step,
        and is kept as it is.
    output : `Union[str, Path]`
        The directory to make.
    force : `bool`, optional (default = `False`)
        Whether to replace redirects that are there.

    # Returns

    `Redirects`

    # Raises

    `ConfigurationError`
        The file is missing, damaged or another, or the output is there already.
    """
    content = _read(source, output, REDIRECTS_FORMAT, force)
    for title, target in content.items():
        if type(target) is not str:
            raise ConfigurationError(
                f"{source}: {shown(title)} leads to a {type(target).__name__}; expected titles that lead to "
                "titles, as in enwiki_20181220_redirects.pkl."
            )
    return Redirects.build(content.items(), str(output), force)


def mentions_from_release(
    source: Union[str, Path], output: Union[str, Path], force: bool = False
) -> MentionDatabase:
    """
    As `redirects_from_release`, of a mention database such as `enwiki_20160305_mention_lp0.0.pkl`.
    """
    content = _read(source, output, MENTION_FORMAT, force)
    titles, records = _tries(source, content, ("title_trie", ""), ("data_trie", "<IIII"))

    def names() -> Iterator[NameRecord]:
        for name, group in groupby(records.iteritems(), key=lambda item: item[0]):
            rows = [row for _, row in group]
            if len({row[2:] for row in rows}) > 1:
                raise ValueError(f"the records of {name!r} have different counts")
            mentions = [(titles.restore_key(title), count) for title, count, _, _ in rows]
            mentions.sort(key=lambda mention: (-mention[1], mention[0]))
            yield name, rows[0][2], rows[0][3], mentions

    try:
        return MentionDatabase.build(names(), output, force)
    except _DAMAGES as error:
        raise _damaged(source, error) from None


def links_from_release(
    source: Union[str, Path], output: Union[str, Path], force: bool = False
) -> LinkDatabase:
    """
    As `redirects_from_release`, of a link database such as `enwiki_20160305.pkl`. In it the links of a page
    have no order, and none comes twice.
    """
    content = _read(source, output, LINK_FORMAT, force)
    titles, anchors, records = _tries(
        source, content, ("title_trie", ""), ("mention_trie", ""), ("data_trie", "<IIf")
    )

    def pages() -> Iterator[Tuple[str, List[Tuple[str, str, float]]]]:
        for title in titles.iterkeys():
            rows = records.get(title, [])
            yield (
                title,
                [
                    (anchors.restore_key(anchor), titles.restore_key(target), probability)
                    for anchor, target, probability in rows
                ],
            )

    try:
        return LinkDatabase.build(pages(), str(output), force)
    except _DAMAGES as error:
        raise _damaged(source, error) from None


def _read(source: Union[str, Path], output: Union[str, Path], format_: Format, force: bool) -> Dict[str, Any]:
    check_target(Path(output), format_, force)
    return read_release_pickle(Path(source))


def _tries(source: Union[str, Path], content: Dict[str, Any], *expected: Tuple[str, str]) -> List[Any]:
    tries = []
    for name, format_ in expected:
        trie = content.get(name)
        if not isinstance(trie, StoredTrie) or trie.format != format_:
            found = f"one with {trie.format!r}" if isinstance(trie, StoredTrie) else "none"
            records = f" of records {format_!r}" if format_ else ""
            raise ConfigurationError(f"{source}: expected a trie{records} as {name!r}, found {found}.")
        try:
            tries.append(trie.open())
        except _DAMAGES as error:
            raise _damaged(source, error) from None
    return tries


def _damaged(source: Union[str, Path], error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{source}: is damaged ({type(error).__name__}: {error}); fetch it again.")
