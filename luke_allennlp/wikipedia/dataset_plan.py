"""The inputs and options of a dataset for pretraining."""

import dataclasses
import hashlib
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import file_sha256
from luke_allennlp.data.tokenizer_files import tokenizer_files
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary, read_entity_vocabulary
from luke_allennlp.wikipedia.jobs import pages_plan
from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from luke_allennlp.wikipedia.redirects import checked_pages
from luke_allennlp.wikipedia.sentences import SentenceSplitter
from luke_allennlp.wikipedia.sequences import RunningTextEncoder, SequenceOptions, check_special_entities

_VOCABULARY_SUFFIXES = (".json", ".jsonl", ".tsv")
_PACKAGES = ("luke-allennlp", "tokenizers", "pyarrow", "numpy")


@dataclasses.dataclass(frozen=True)
class DatasetPlan:
    """
    Directories of `allennlp wikipedia-extract`, and their languages, as the entity vocabulary calls them; a
    checkpoint (a directory or hub id) with the tokenizer, and another or a file with the vocabulary; the name
    of a `SentenceSplitter`; the seed of the order of the sequences, and of which pages are held out; the
    share of the pages that go to the split "validation" (at least one, unless it is 0 or only one page has
    sequences); and the number of shards of the split "train" (if `None`, as many as about `shard_sequences`
    each make).

    What it reads is kept: forked workers inherit it, other processes read it again.
    """

    pages: Tuple[Path, ...]
    languages: Tuple[str, ...]
    tokenizer: str
    entity_vocabulary: str
    splitter: str = "rule_based"
    options: SequenceOptions = SequenceOptions()
    seed: int = 0
    held_out: float = 0.0
    shards: Optional[int] = None
    shard_sequences: int = 16384

    def __getstate__(self) -> Dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @cached_property
    def wikis(self) -> List[ExtractedWikipedia]:
        """The extracted pages."""
        return [ExtractedWikipedia(directory) for directory in self.pages]

    @cached_property
    def encoder(self) -> RunningTextEncoder:
        return RunningTextEncoder(WordTokenizer(self.tokenizer))

    @cached_property
    def vocabulary(self) -> EntityVocabulary:
        path = Path(self.entity_vocabulary)
        if path.suffix in _VOCABULARY_SUFFIXES and not path.is_dir():
            return EntityVocabulary.from_file(path)  # so that the hub is not asked for a missing file
        return read_entity_vocabulary(self.entity_vocabulary)

    @cached_property
    def tasks(self) -> List[Tuple[int, int]]:
        """For each file of pages, the number of its directory, and its number there."""
        return [
            (number, shard) for number, wiki in enumerate(self.wikis) for shard in range(len(wiki.shards))
        ]

    def sentence_splitter(self, language: str) -> SentenceSplitter:
        """The sentence splitter for a language; a `ConfigurationError` if there is none of that name."""
        # A class path is accepted too: the class registers itself when it is imported.
        if self.splitter not in SentenceSplitter.list_available() and "." not in self.splitter:
            names = ", ".join(SentenceSplitter.list_available())
            raise ConfigurationError(f"--sentence-splitter is {self.splitter!r}; expected one of {names}.")
        return SentenceSplitter.by_name(self.splitter)(language)

    def check(self) -> None:
        """A `ConfigurationError` if something is missing, damaged, out of range, or does not fit the rest."""
        self.options.check()
        if not 0 <= self.held_out < 1:
            raise ConfigurationError(f"--held-out is {self.held_out}; expected a share from 0 to below 1.")
        for name, least in (("shards", 1), ("shard_sequences", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigurationError(f"--{name.replace('_', '-')} is {value}; expected {least} or more.")
        if len(self.languages) != len(self.pages):
            raise ConfigurationError(
                f"There are {len(self.languages)} languages for {len(self.pages)} directories of pages; "
                "expected one --language for each of them, in the same order."
            )
        check_special_entities(self.vocabulary)
        self.encoder  # noqa: B018
        source, known = self.vocabulary.source, self.vocabulary.languages
        if not known and len(set(self.languages)) > 1:
            raise ConfigurationError(
                f"{source}: does not say of which languages its titles are, but the pages are of "
                f"{', '.join(sorted(set(self.languages)))}; expected a vocabulary of all of these "
                "(`allennlp wikipedia-entity-vocab` with all of the pages)."
            )
        for directory, language in zip(self.pages, self.languages, strict=True):
            if known and language not in known:
                raise ConfigurationError(
                    f"{directory}: is of the language {language!r}, which {source} does not have; it has "
                    f"{', '.join(known)}. Give --language."
                )
            self.sentence_splitter(language)

    def versions(self) -> Dict[str, str]:
        """Versions of the packages that the dataset depends on, and of the sentence splitter's."""
        versions = {package: version(package) for package in _PACKAGES}
        return {**versions, **self.sentence_splitter(self.languages[0]).versions}

    def described_options(self) -> Dict[str, Any]:
        """All options that the dataset depends on, for its metadata."""
        return {
            **self.options._asdict(),
            "sentence_splitter": self.splitter,
            "languages": list(self.languages),
            "held_out": self.held_out,
            "seed": self.seed,
            "shards": self.shards,
            "shard_sequences": self.shard_sequences,
        }

    def described(self) -> Dict[str, Any]:
        """All that the dataset depends on, the content of the files included."""
        entries = hashlib.sha256()
        for entry in self.vocabulary.entries():
            entries.update(repr(entry).encode("utf-8", "backslashreplace"))
        return {
            "pages": [wiki["metadata"] for wiki in pages_plan(self.wikis)],
            "tokenizer": {path.name: file_sha256(path) for path in tokenizer_files(self.tokenizer)},
            "entity vocabulary": entries.hexdigest(),
            "options": self.described_options(),
            "packages": self.versions(),
        }


def dataset_plan(
    pages: Sequence[str], tokenizer: str, entity_vocabulary: str, languages: Sequence[str] = (), **others: Any
) -> DatasetPlan:
    """
    The plan of these directories of pages. Without languages, they are those of the pages; `others` are
    fields of `DatasetPlan`. A `ConfigurationError` if pages are missing or incomplete, or there are none.
    """
    wikis = [checked_pages(directory) for directory in pages]
    return DatasetPlan(
        tuple(wiki.path for wiki in wikis),
        tuple(languages) or tuple(wiki.language for wiki in wikis),
        _absolute(tokenizer),
        _absolute(entity_vocabulary),
        **others,
    )


def _absolute(path: str) -> str:
    expanded = Path(path).expanduser()
    return str(expanded.absolute()) if expanded.exists() else path
