"""
Reads the files that joblib wrote for the original release (`enwiki_*.pkl`), which are pickles: no object of
theirs is made but dictionaries, strings, numbers, and the bytes of tries.
"""

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Union

import marisa_trie
from allennlp.common.checks import ConfigurationError

_LIMIT = 16 << 30
# A small file that is a huge one compressed is not what it says. Real ones are a tenth at the least.
_SMALL, _RATIO = 64 << 20, 100
_BLOCK = 1 << 20
_MAGIC = b"We love Marisa.\0"

# What the release has beside tries: how names were split and written in lower case. Nothing of it is needed.
_IGNORED_MODULES = (
    "examples",
    "luke",
    "pytorch_pretrained_bert",
    "pytorch_transformers",
    "transformers",
    "wikipedia2vec",
)
_IGNORED = {
    (module, name) for module in ("builtins", "__builtin__") for name in ("frozenset", "object", "set")
} | {(module, "_reconstructor") for module in ("copyreg", "copy_reg")}

# All that plain data, classes and their states take.
_OPCODES = (
    pickle.PROTO + pickle.FRAME + pickle.STOP + pickle.MARK + pickle.POP + pickle.POP_MARK + pickle.NONE
    + pickle.NEWTRUE + pickle.NEWFALSE + pickle.BININT + pickle.BININT1 + pickle.BININT2 + pickle.LONG1
    + pickle.BINFLOAT + pickle.BINUNICODE + pickle.SHORT_BINUNICODE + pickle.BINUNICODE8 + pickle.BINBYTES
    + pickle.SHORT_BINBYTES + pickle.BINBYTES8 + pickle.EMPTY_DICT + pickle.EMPTY_LIST + pickle.EMPTY_TUPLE
    + pickle.EMPTY_SET + pickle.TUPLE + pickle.TUPLE1 + pickle.TUPLE2 + pickle.TUPLE3 + pickle.APPEND
    + pickle.APPENDS + pickle.BINPUT + pickle.LONG_BINPUT + pickle.MEMOIZE + pickle.BINGET
    + pickle.LONG_BINGET + pickle.GLOBAL + pickle.STACK_GLOBAL
)  # fmt: skip


class StoredTrie:
    """
    A trie as it lies in the file.

    # Parameters

    format : `Union[str, bytes]`, optional (default = `""`)
        Of its records; "" if it has none.
    """

    def __init__(self, format: Union[str, bytes] = "") -> None:
        self.format = format.decode("ascii") if isinstance(format, bytes) else format
        self.content = b""

    def open(self) -> Any:
        """
        # Returns

        `Union[marisa_trie.Trie, marisa_trie.RecordTrie]`

        # Raises

        `ValueError`, `RuntimeError`
            It is damaged.
        """
        if not self.content.startswith(_MAGIC):
            raise ValueError("a trie does not begin as tries do")
        trie = marisa_trie.RecordTrie(self.format) if self.format else marisa_trie.Trie()
        return trie.frombytes(self.content)


class _PlainTrie(StoredTrie):
    def __init__(self) -> None:
        super().__init__()


class _Ignored:
    """Stands for an object whose class is never imported."""

    def __init__(self, *args: Any) -> None:
        pass

    def __new__(cls, *args: Any) -> "_Ignored":
        return super().__new__(cls)


_TRIES = {("marisa_trie", "Trie"): _PlainTrie, ("marisa_trie", "RecordTrie"): StoredTrie}


def read_release_pickle(path: Path) -> Dict[str, Any]:
    """
    # Parameters

    path : `Path`
        Of a file that joblib wrote, as it is or compressed by zlib, gzip, bzip2, lzma or xz.

    # Returns

    `Dict[str, Any]`
        The dictionary in it; tries are `StoredTrie`.

    # Raises

    `ConfigurationError`
        It cannot be read, is damaged, or holds something else.
    """
    expected = "expected a file of LUKE's original release, enwiki_*.pkl"
    try:
        with path.open("rb") as file:
            content = _Unpickler(_Window(_decompressed(file, path), path.stat().st_size)).load()
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file; {expected}.") from None
    except pickle.UnpicklingError as error:
        raise ConfigurationError(f"{path}: {error}; {expected}.") from None
    except MemoryError:
        raise ConfigurationError(f"{path}: takes more memory than there is.") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deeply; {expected}.") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigurationError(f"{path}: cannot be read ({error or 'it ends too early'}).") from None
    # A damaged pickle may raise nearly anything.
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError) as error:
        raise ConfigurationError(
            f"{path}: is damaged ({type(error).__name__}: {error}); {expected}."
        ) from None
    if type(content) is not dict:
        raise ConfigurationError(f"{path}: holds a {type(content).__name__}, no dictionary; {expected}.")
    return content


class _Inflated(io.RawIOBase):
    """What zlib compressed, which no file class of Python reads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflater.eof:
            waiting = self._inflater.unconsumed_tail or self._file.read(_BLOCK)
            if not waiting:
                raise EOFError("it ends too early")
            data = self._inflater.decompress(waiting, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0


def _decompressed(file: BinaryIO, path: Path) -> BinaryIO:
    start = file.read(6)
    file.seek(0)
    if start[:1] == pickle.PROTO:
        return file
    opened: Dict[bytes, Callable[[BinaryIO], Any]] = {
        b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
        b"BZh": bz2.BZ2File,
        b"\xfd7zXZ\x00": lzma.LZMAFile,
        b"\x5d\x00": lzma.LZMAFile,
        b"\x78": _Inflated,
    }
    for magic, open_ in opened.items():
        if start.startswith(magic):
            return io.BufferedReader(open_(file), _BLOCK)
    raise pickle.UnpicklingError("is no pickle, and none that zlib, gzip, bzip2, lzma or xz compressed")


class _Window:
    """
    Reads no more than such a file may have: pickles, and compressed files, may ask for as much as they like.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = min(_LIMIT, max(_SMALL, size * _RATIO))

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise pickle.UnpicklingError("asks for more memory than such a file takes")
        if size <= _BLOCK:
            return self._file.read(size)
        # Memory is taken as the content comes, and not as it is announced.
        pieces = io.BytesIO()
        while size > 0 and (piece := self._file.read(min(size, _BLOCK))):
            size -= len(piece)
            pieces.write(piece)
        return pieces.getvalue()

    def readline(self) -> bytes:
        return self._file.readline(_BLOCK)


class _Memo(List[Any]):
    """Objects by number, as they come; a dictionary of millions would take more than the objects."""

    def __setitem__(self, number: Any, value: Any) -> None:
        if number == len(self):
            self.append(value)
        else:
            super().__setitem__(number, value)


class _Dispatch(Dict[int, Callable[[Any], None]]):
    def __missing__(self, opcode: int) -> Any:
        raise pickle.UnpicklingError(f"has the opcode {bytes([opcode])!r}, which plain data does not need")


# The one that is written in Python: that of C takes as much memory as a pickle tells it to. Its types say
# nothing of the stack.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):
    def __init__(self, file: _Window) -> None:
        super().__init__(file)
        self.memo = _Memo()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _TRIES:
            return _TRIES[module, name]
        if (module, name) in _IGNORED or module.split(".")[0] in _IGNORED_MODULES:
            return _Ignored
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is refused, as it can be harmful")

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        class_ = self.stack[-1]
        if class_ not in (_PlainTrie, StoredTrie, _Ignored) or type(arguments) is not tuple:
            raise pickle.UnpicklingError(f"calls a {type(class_).__name__}, which is refused")
        self.stack[-1] = class_(*arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if isinstance(made, StoredTrie) and type(state) is bytes:
            made.content = state
        elif not isinstance(made, _Ignored):
            raise pickle.UnpicklingError(f"sets the state of a {type(made).__name__}, which is refused")

    # Keys are strings: what takes long to hash, such as tuples of tuples, is none of this.
    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def _set(self, items: List[Any]) -> None:
        content = self.stack[-1]
        if type(content) is not dict or len(items) % 2 or not all(type(key) is str for key in items[::2]):
            raise pickle.UnpicklingError("has a dictionary whose keys are no strings")
        content.update(zip(items[::2], items[1::2], strict=True))

    def load_additems(self) -> None:
        self._strings(self.pop_mark())

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        self._strings(items)
        self.stack.append(_Ignored())

    def _strings(self, items: List[Any]) -> None:
        if not all(type(item) is str for item in items):
            raise pickle.UnpicklingError("has a set of what is no string")

    dispatch = _Dispatch({code: _PythonUnpickler.dispatch[code] for code in _OPCODES})
    dispatch.update(
        {
            pickle.REDUCE[0]: load_reduce,
            pickle.NEWOBJ[0]: load_reduce,
            pickle.BUILD[0]: load_build,
            pickle.SETITEM[0]: load_setitem,
            pickle.SETITEMS[0]: load_setitems,
            pickle.ADDITEMS[0]: load_additems,
            pickle.FROZENSET[0]: load_frozenset,
        }
    )
