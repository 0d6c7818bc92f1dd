"""
Converts the databases of the original release (`enwiki_*.pkl`), which are joblib's pickles, into directories
of this package. Only dictionaries, lists, strings, numbers and the bytes of tries are read from a pickle.

A trie is taken as it is: a library written in C++ looks into it, and one that was tampered with may end the
process. Do not convert files from somebody whom you would not trust with that.
"""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zlib
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

import marisa_trie
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.linking.link_database import LINK_FORMAT, LinkDatabase
from luke_allennlp.linking.mapped_directory import Format, check_target
from luke_allennlp.linking.mention_database import MENTION_FORMAT, MentionDatabase, NameRecord
from luke_allennlp.linking.redirects import REDIRECTS_FORMAT, Redirects

PathLike = Union[str, Path]

_LIMIT = 16 << 30
# Real files are compressed to a tenth at most; one that unpacks to much more is not what it says.
_SMALL, _RATIO = 64 << 20, 100
# Classes of how names were split and lower-cased, which lie beside the tries and are not needed.
_IGNORED_PACKAGES = set(
    "examples luke pytorch_pretrained_bert pytorch_transformers transformers wikipedia2vec".split()
)
_IGNORED = {
    *((module, name) for module in ("builtins", "__builtin__") for name in ("frozenset", "object", "set")),
    *((module, "_reconstructor") for module in ("copyreg", "copy_reg")),
}
# Names of tries, and the formats of their records.
_MENTION_TRIES = (("title_trie", None), ("data_trie", "<IIII"))
_LINK_TRIES = (("title_trie", None), ("mention_trie", None), ("data_trie", "<IIf"))
_TOO_LARGE = "asks for more memory than such a file takes"


def redirects_from_release(source: PathLike, output: PathLike, force: bool = False) -> Redirects:
    """
    Converts a file such as `enwiki_20181220_redirects.pkl`: a dictionary of titles and where they lead. Each
    is one step, and is kept as it is. An output that is there is replaced with `force`. A
    `ConfigurationError` if the file is missing, damaged or another, or the output is there already.
    """
    content = _read(source, output, REDIRECTS_FORMAT, force)
    for title, target in content.items():
        if type(target) is not str:
            raise ConfigurationError(
                f"{source}: {shown(title)} leads to a {type(target).__name__}; expected titles that lead to "
                "titles, as in enwiki_20181220_redirects.pkl."
            )
    return Redirects.build(content.items(), str(output), force)


def mentions_from_release(source: PathLike, output: PathLike, force: bool = False) -> MentionDatabase:
    """As `redirects_from_release`, for a mention database such as `enwiki_20160305_mention_lp0.0.pkl`."""
    content = _read(source, output, MENTION_FORMAT, force)
    with _damage(source):
        titles, records = (_trie(source, content, *expected) for expected in _MENTION_TRIES)

        def names() -> Iterator[NameRecord]:
            for name, group in groupby(records.iteritems(), key=lambda item: item[0]):
                rows = [row for _, row in group]
                if len({row[2:] for row in rows}) > 1:
                    raise ValueError(f"the records of {name!r} have different counts")
                mentions = [(titles.restore_key(title), count) for title, count, _, _ in rows]
                mentions.sort(key=lambda mention: (-mention[1], mention[0]))
                yield name, rows[0][2], rows[0][3], mentions

        return MentionDatabase.build(names(), output, force)


def links_from_release(source: PathLike, output: PathLike, force: bool = False) -> LinkDatabase:
    """
    As `redirects_from_release`, for a link database such as `enwiki_20160305.pkl`. In it the links of a page
    have no order, and none comes twice.
    """
    content = _read(source, output, LINK_FORMAT, force)
    with _damage(source):
        titles, anchors, records = (_trie(source, content, *expected) for expected in _LINK_TRIES)

        def links(title: str) -> Iterator[Tuple[str, str, float]]:
            for anchor, target, probability in records.get(title, []):
                yield anchors.restore_key(anchor), titles.restore_key(target), probability

        pages = ((title, list(links(title))) for title in titles.iterkeys())
        return LinkDatabase.build(pages, str(output), force)


@contextmanager
def _damage(source: PathLike) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, RuntimeError, struct.error) as error:
        raise ConfigurationError(
            f"{source}: is damaged ({type(error).__name__}: {error}); fetch it again."
        ) from None


def _trie(source: PathLike, content: Dict[str, Any], name: str, format_: Any) -> Any:
    stored = content.get(name)
    if not isinstance(stored, StoredTrie) or stored.format != format_:
        found = f"one with {stored.format!r}" if isinstance(stored, StoredTrie) else "none"
        records = f" of records {format_!r}" if format_ else ""
        raise ConfigurationError(f"{source}: expected a trie{records} as {name!r}, found {found}.")
    if not isinstance(stored.state, bytes) or not stored.state.startswith(b"We love Marisa.\0"):
        raise ValueError("a trie does not begin as tries do")
    trie = marisa_trie.RecordTrie(format_) if format_ else marisa_trie.Trie()
    return trie.frombytes(stored.state)


def _read(source: PathLike, output: PathLike, format_: Format, force: bool) -> Dict[str, Any]:
    check_target(Path(output), format_, force)
    return read_release_pickle(Path(source))


class Stored:
    """An object in a pickle, whose class is not imported: what it was made of, and its state."""

    state: Any = None

    def __new__(cls, *arguments: Any) -> "Stored":
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __init__(self, *arguments: Any) -> None:
        self.arguments: Tuple[Any, ...]

    def __setstate__(self, state: Any) -> None:
        self.state = state


class StoredTrie(Stored):
    """A `marisa_trie.Trie`, or a `RecordTrie`, which has a format."""

    @property
    def format(self) -> Any:
        """Of its records; `None` if it has none."""
        (found,) = self.arguments or (None,)
        return found.decode("ascii") if isinstance(found, bytes) else found


def read_release_pickle(path: Path) -> Dict[str, Any]:
    """
    The dictionary in a file that joblib wrote, uncompressed or compressed by zlib, gzip, bzip2, lzma or xz;
    tries are `StoredTrie`. A `ConfigurationError` if it cannot be read, is damaged, or holds something else.
    """
    expected = "expected a file of LUKE's original release, enwiki_*.pkl"
    try:
        limit = min(_LIMIT, max(_SMALL, path.stat().st_size * _RATIO))
        with _opened(path, limit) as file:
            content = _Unpickler(_Limited(file, limit)).load()
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file; {expected}.") from None
    except pickle.UnpicklingError as error:
        raise ConfigurationError(f"{path}: {error}; {expected}.") from None
    except (MemoryError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigurationError(f"{path}: cannot be read ({error or type(error).__name__}).") from None
    except Exception as error:  # a damaged pickle may raise nearly anything
        name = type(error).__name__
        raise ConfigurationError(f"{path}: is damaged ({name}: {error}); {expected}.") from None
    if type(content) is not dict or not all(type(key) is str for key in content):
        raise ConfigurationError(f"{path}: holds no dictionary with strings as keys; {expected}.")
    return content


_OPENERS: Dict[bytes, Any] = {
    pickle.PROTO: open,
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00": lzma.open,
}


def _opened(path: Path, limit: int) -> Any:
    with path.open("rb") as file:
        start = file.read(6)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return opener(path, "rb")
    if start[:1] != b"\x78":
        raise pickle.UnpicklingError("is no pickle, and none that zlib, gzip, bzip2, lzma or xz compressed")
    inflater = zlib.decompressobj()  # of which Python has no file class
    content = inflater.decompress(path.read_bytes(), limit)
    if inflater.unconsumed_tail:
        raise pickle.UnpicklingError(_TOO_LARGE)
    if not inflater.eof:
        raise EOFError("it ends too early")
    return io.BytesIO(content)


class _Limited:
    """Pickles, and compressed files, may ask for as much memory as they like."""

    def __init__(self, file: Any, limit: int) -> None:
        self._file, self._left = file, limit

    def read(self, size: int) -> Any:
        self._left -= size
        if self._left < 0:
            raise pickle.UnpicklingError(_TOO_LARGE)
        return self._file.read(size)

    def readline(self) -> Any:
        return self._file.readline(1 << 20)


class _Memo(List[Any]):
    """Objects by number; a dictionary of millions would take more memory than the objects."""

    def __setitem__(self, number: Any, value: Any) -> None:
        if number == len(self):
            self.append(value)
        else:
            super().__setitem__(number, value)


# That of C takes as much memory as a pickle tells it to.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):
    """
    The classes that it finds are the only things it can call, and these keep what they are given. Tuples
    become lists: those of tuples of tuples take forever to hash.
    """

    def __init__(self, file: _Limited) -> None:
        super().__init__(file)
        self.memo = _Memo()

    def find_class(self, module: str, name: str) -> Any:
        if module == "marisa_trie" and name in ("Trie", "RecordTrie"):
            return StoredTrie
        if (module, name) in _IGNORED or module.split(".")[0] in _IGNORED_PACKAGES:
            return Stored
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is refused, as it can be harmful")

    def _load_last(self, count: int) -> None:
        self.stack[-count:] = [self.stack[-count:]]

    dispatch = dict(_PythonUnpickler.dispatch)
    del dispatch[pickle.BYTEARRAY8[0]]  # takes memory before it reads
    dispatch[pickle.TUPLE[0]] = _PythonUnpickler.load_list
    dispatch[pickle.EMPTY_TUPLE[0]] = _PythonUnpickler.load_empty_list
    dispatch[pickle.TUPLE1[0]] = lambda self: self._load_last(1)
    dispatch[pickle.TUPLE2[0]] = lambda self: self._load_last(2)
    dispatch[pickle.TUPLE3[0]] = lambda self: self._load_last(3)
