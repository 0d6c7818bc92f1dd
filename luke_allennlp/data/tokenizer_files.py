"""Loading a checkpoint's tokenizer from its files."""

import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional

from allennlp.common.checks import ConfigurationError
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend

from luke_allennlp.checkpoints.model_files import TOKENIZER_FILES, find_file, read_json
from luke_allennlp.checkpoints.original_release import is_roberta, original_config, tokenizer_sources
from luke_allennlp.common.files import write_json
from luke_allennlp.common.text_lines import shown

# Names of the special tokens in the vocabularies of RoBERTa and XLM-R, and in those of BERT.
SPECIAL_TOKENS = (
    {"start": "<s>", "end": "</s>", "pad": "<pad>", "unknown": "<unk>", "mask": "<mask>"},
    {"start": "[CLS]", "end": "[SEP]", "pad": "[PAD]", "unknown": "[UNK]", "mask": "[MASK]"},
)


def load_backend(model_name: str) -> Backend:
    """The tokenizer of a directory, tarball or hub id, configured as its files say."""
    original = original_config(model_name)
    if original is not None:
        return _backend_of_original(model_name, original["bert_model_name"])
    backend = _backend_of(model_name)
    if backend is None:
        raise ConfigurationError(
            f"The model {model_name!r} has no tokenizer that can be read: expected tokenizer.json, "
            "vocab.json with merges.txt, or vocab.txt. (Convert a SentencePiece file by saving the fast "
            "tokenizer with transformers.)"
        )
    return backend


def tokenizer_files(model_name: str) -> List[Path]:
    """All files of the tokenizer of a directory, tarball or hub id, used here or in `transformers`."""
    original = original_config(model_name)
    sources = [model_name]
    if original is not None:
        sources += tokenizer_sources(model_name, original["bert_model_name"])
    for source in sources:
        found = [path for name in TOKENIZER_FILES if (path := find_file(source, name)) is not None]
        names = {path.name for path in found}
        # Those that `_backend_of` can read.
        if names & {"tokenizer.json", "vocab.txt"} or names >= {"vocab.json", "merges.txt"}:
            return found
    return []


def added_tokens(model_name: str) -> Dict[str, int]:
    """The ids in `added_tokens.json`; empty if there is no such file."""
    path = find_file(model_name, "added_tokens.json")
    if path is None:
        return {}
    tokens = read_json(model_name, "added_tokens.json")
    for token, token_id in tokens.items():
        if not isinstance(token_id, int) or isinstance(token_id, bool) or token_id < 0:
            raise ConfigurationError(
                f"{path} is damaged: the id of {token!r} is {shown(token_id)}; expected a whole number."
            )
    return tokens


def word_table_size(model_name: str, backend: Backend) -> int:
    """Rows of a checkpoint's word embeddings, as its config says, or its tokenizer if there is no config."""
    original = original_config(model_name)
    if original is None and find_file(model_name, "config.json") is None:
        return backend.get_vocab_size(with_added_tokens=True)
    config = read_json(model_name, "config.json") if original is None else original
    size = config.get("vocab_size")
    if not isinstance(size, int):
        raise ConfigurationError(
            f"The config of {model_name!r} has 'vocab_size' = {size!r}; expected a whole number."
        )
    return size


def _backend_of_original(model_name: str, bert_model_name: str) -> Backend:
    """The original release contains no tokenizer, but one may have been added."""
    is_cased = bert_model_name.endswith("-cased")
    backend = _backend_of(model_name, is_cased)
    reason = ""
    try:
        for source in tokenizer_sources(model_name, bert_model_name):
            if backend is None:
                backend = _backend_of(source, is_cased)
    except ConfigurationError as error:
        backend, reason = None, f" {error.message}"
    if backend is None:
        files = "vocab.json and merges.txt" if is_roberta(bert_model_name) else "vocab.txt"
        is_tarball = Path(model_name).expanduser().is_file()
        at = f"a directory {bert_model_name!r} beside it" if is_tarball else "its directory"
        raise ConfigurationError(
            f"The model {model_name!r} of the original release contains no tokenizer, and that of "
            f"{bert_model_name!r}, its backbone, cannot be loaded: put {files} into {at}.{reason}"
        )
    return backend


def _backend_of(model_name: str, is_cased: bool = False) -> Optional[Backend]:
    path = find_file(model_name, "tokenizer.json")
    if path is not None:
        return _read(Backend.from_file, path)
    vocabulary, merges = find_file(model_name, "vocab.json"), find_file(model_name, "merges.txt")
    if vocabulary is not None and merges is not None:
        return _byte_level_bpe(vocabulary, merges)
    vocabulary = find_file(model_name, "vocab.txt")
    if vocabulary is not None:
        return _word_piece(model_name, vocabulary, is_cased)
    return None


def _byte_level_bpe(vocabulary: Path, merges: Path) -> Backend:
    backend = Backend(
        _read(lambda path: models.BPE.from_file(path, str(merges), unk_token="<unk>"), vocabulary)
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    _add_special_tokens(backend)
    return backend


def _word_piece(model_name: str, vocabulary: Path, is_cased: bool) -> Backend:
    config: Dict[str, Any] = {}
    if find_file(model_name, "tokenizer_config.json") is not None:
        config = read_json(model_name, "tokenizer_config.json")
    backend = Backend(_read(lambda path: models.WordPiece.from_file(path, unk_token="[UNK]"), vocabulary))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=config.get("do_lower_case", not is_cased),
        strip_accents=config.get("strip_accents"),
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    _add_special_tokens(backend)
    return backend


def _read(reader: Any, path: Path) -> Any:
    try:
        return reader(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise ConfigurationError(f"{path} is damaged, no tokenizer can be read from it ({error}).") from None


def _add_special_tokens(backend: Backend) -> None:
    vocabulary = backend.get_vocab()
    for names in SPECIAL_TOKENS:
        present = [name for name in names.values() if name in vocabulary]
        # Whitespace on both sides is stripped, as it was when the released weights were trained.
        backend.add_special_tokens(
            [AddedToken(name, lstrip=True, rstrip=True, normalized=False, special=True) for name in present]
        )


def copy_tokenizer(model_name: str, target: Path) -> None:
    """Copies a checkpoint's tokenizer files, so that they are read there as they are here."""
    files = tokenizer_files(model_name)
    for file in files:
        shutil.copyfile(file, target / file.name)
    original = original_config(model_name)
    names = {file.name for file in files}
    if original is not None and names.isdisjoint({"tokenizer.json", "merges.txt", "tokenizer_config.json"}):
        # Of an original release, only the name of its backbone says whether it is cased.
        is_cased = original["bert_model_name"].endswith("-cased")
        write_json(target / "tokenizer_config.json", {"do_lower_case": not is_cased})
