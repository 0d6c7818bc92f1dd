"""What the readers of all tasks share: which instances a process reads, and what is checked before."""

import itertools
import logging
from typing import Any, ClassVar, Dict, Generic, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import DatasetReader, Instance
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.data.sharding import shard_evenly
from luke_allennlp.data.word_tokenizer import WordTokenizer

logger = logging.getLogger(__name__)

Example = TypeVar("Example")
Item = TypeVar("Item")
T = TypeVar("T")

MASK_ENTITY = 1
"""
The id of `[MASK]` where the embedder keeps the rows `[PAD]` and `[MASK]`, in this order, as all tasks do but
extractive QA.
"""


class TaskReader(DatasetReader, Generic[Example, Item]):
    """
    Reads a file in two steps: `read_examples` gives what the file says, checked; `items` makes of an example
    what becomes an instance each, one or several windows.

    Data workers share the examples, so that each makes the items of its own alone; the processes of
    distributed training share the items, as they must all have the same number of instances.

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the embedder's checkpoint.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    max_instances : `int`, optional (default = `None`)
        Reads no more than this many.

    # Raises

    `ConfigurationError`
        The tokenizer is another one.
    """

    labels_hint: ClassVar[str] = ""
    """What an error about missing labels says of how the task's files give them."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        encoding: str = "utf-8",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        # max_instances is not handed on: AllenNLP would cut each process to a share of it, and the shares
        # differ in size.
        super().__init__(
            manual_distributed_sharding=True,
            manual_multiprocess_sharding=True,
            serialization_dir=serialization_dir,
        )
        if not isinstance(tokenizer, WordTokenizer):
            raise ConfigurationError(
                f"The tokenizer is a {type(tokenizer).__name__}; expected one of type 'luke'."
            )
        self.tokenizer: WordTokenizer = tokenizer
        self.encoding = encoding
        self.max_items = max_instances

    def read_examples(self, file_path: str) -> Iterator[Example]:
        """
        # Parameters

        file_path : `str`
            A local file.

        # Returns

        `Iterator[Example]`

        # Raises

        `ConfigurationError`
            The file or a record of it is not as expected.
        """
        raise NotImplementedError

    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Example]:
        """
        # Parameters

        record : `Dict[str, Any]`
            A record of the task's datasets, or raw text in this project's own form.
        where : `str`
            What to call it in an error.

        # Returns

        `List[Example]`
            One, or one a question.

        # Raises

        `ConfigurationError`
        """
        raise NotImplementedError

    def items(self, example: Example) -> Sequence[Item]:
        """
        # Parameters

        example : `Example`

        # Returns

        `Sequence[Item]`
            What `text_to_instance` takes, at least one.
        """
        raise NotImplementedError

    def source(self, example: Example) -> object:
        """
        # Parameters

        example : `Example`

        # Returns

        `object`
            What takes the work of tokenising: successive examples of one source go to the same data worker.
        """
        return example

    def is_labeled(self, example: Example) -> bool:
        """
        # Parameters

        example : `Example`

        # Returns

        `bool`
            Whether the file says what is right.
        """
        raise NotImplementedError

    def describe(self, example: Example) -> str:
        """What to call the example in an error: `dev.json, record 3`."""
        raise NotImplementedError

    @overrides(check_signature=False)
    def text_to_instance(self, item: Item, labeled: bool = False) -> Instance:
        """
        # Parameters

        item : `Item`
            One of `items`.
        labeled : `bool`, optional (default = `False`)
            Whether the instance has labels and is scored.

        # Returns

        `Instance`
        """
        raise NotImplementedError

    @overrides
    def _read(self, file_path: Any) -> Iterable[Instance]:
        items: Iterator[Tuple[Item, bool]] = itertools.islice(
            self.labeled_items(str(file_path)), self.max_items
        )
        if self._distributed_info is not None:
            # Worker by worker, if there are any: each deals out the same items in all of the processes.
            items = shard_evenly(items, self._distributed_info.global_rank, self._distributed_info.world_size)
        if self._worker_info is not None and self.max_items is not None:
            items = itertools.islice(items, self._worker_info.id, None, self._worker_info.num_workers)
        for item, labeled in items:
            yield self.text_to_instance(item, labeled)

    def worker_share(self, parts: Iterable[T]) -> Iterator[T]:
        """
        # Parameters

        parts : `Iterable[T]`
            Of a file.

        # Returns

        `Iterator[T]`
            Those whose items this data worker makes; all of them where there are no workers, and where
            `max_instances` is set, which counts the items of all parts.
        """
        if self._worker_info is None or self.max_items is not None:
            return iter(parts)
        return itertools.islice(parts, self._worker_info.id, None, self._worker_info.num_workers)

    def local_examples(self, file_path: str) -> Iterator[Example]:
        """
        As `read_examples`, also for a URL that AllenNLP can fetch; all examples have labels, or none.

        # Raises

        `ConfigurationError`
            Some have and some have not.
        """
        path = str(cached_path(file_path)) if "://" in file_path else file_path
        first: Optional[Example] = None
        for example in self.read_examples(path):
            first = example if first is None else first
            if self.is_labeled(example) != self.is_labeled(first):
                with_, without = sorted((first, example), key=self.is_labeled, reverse=True)
                raise ConfigurationError(
                    f"{self.describe(without)}: is without labels, while {self.describe(with_)} has them; "
                    f"expected all of a file to have them, or none{self.labels_hint}."
                )
            yield example

    def check_file(self, file_path: str, training: bool = False) -> None:
        """
        Raises the `ConfigurationError` that reading the file for training or evaluation would end with:
        `allennlp train` asks for it before it begins.

        # Parameters

        file_path : `str`
        training : `bool`, optional (default = `False`)
            Whether a model is to be trained on it, which asks more of a file than evaluation does.
        """
        example = None
        for example in self.local_examples(file_path):
            self.check_labels(example)
        if example is None:
            raise ConfigurationError(
                f"{file_path}: no example of it is left; expected one or more. See what the reader's options "
                "leave out."
            )

    def check_labels(self, example: Example) -> None:
        """
        # Raises

        `ConfigurationError`
            The example has no labels.
        """
        if not self.is_labeled(example):
            raise ConfigurationError(
                f"{self.describe(example)}: is without labels; training and evaluation need "
                f"them{self.labels_hint}."
            )

    def labeled_items(self, file_path: str) -> Iterator[Tuple[Item, bool]]:
        """
        # Parameters

        file_path : `str`

        # Returns

        `Iterator[Tuple[Item, bool]]`
            What becomes an instance each, and whether it has labels; in a data worker, of its share of the
            examples.
        """
        sources = itertools.groupby(self.local_examples(file_path), key=self.source)
        for _, examples in self.worker_share(sources):
            for example in examples:
                labeled = self.is_labeled(example)
                for item in self.items(example):
                    yield item, labeled
