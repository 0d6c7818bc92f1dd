"""What the readers of all tasks share: sharding, `max_instances`, and the checks of a file."""

import itertools
from typing import Any, ClassVar, Dict, Generic, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import DatasetReader, Instance
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.data.sharding import shard_evenly
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.counts import FileCounts

Example = TypeVar("Example")
Item = TypeVar("Item")

MASK_ENTITY = 1
"""The id of `[MASK]` if the embedder's entities are `["[PAD]", "[MASK]"]`."""


class TaskReader(DatasetReader, Generic[Example, Item]):
    """
    Reads a file in two steps: `read_examples` yields the checked examples of the file, and `items` turns each
    example into one or more items (such as windows), each of which becomes an instance.

    Data workers share the examples, so that each tokenizes only its own. The processes of distributed
    training share the items, because all of them must have the same number of instances.

    A subclass implements `read_examples`, `examples_from_json`, `items`, `is_labeled` and `text_to_instance`,
    and `gold_labels` if it has labels.

    # Parameters

    tokenizer : `Tokenizer`
        Of type "luke", with the embedder's checkpoint.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    max_instances : `int`, optional (default = `None`)
        The maximum number of instances to read.

    # Raises

    `ConfigurationError`
        The tokenizer has another type.
    """

    example_name: ClassVar[str] = "examples"
    """What an example is called, in the plural."""

    record_keys: ClassVar[Tuple[Tuple[str, ...], ...]] = ()
    """
    The keys that tell the task's JSON records from those of other tasks, one tuple a format. The readers of
    other tasks use them to say whose data they were given.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        encoding: str = "utf-8",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        # max_instances is not passed on: AllenNLP would split it among the processes unevenly.
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
        self.counts: Dict[str, FileCounts] = {}
        """Of each file that was read to instances, or whose reading began."""

    def read_examples(self, file_path: str) -> Iterator[Example]:
        """The examples of a local file. Raises a `ConfigurationError` if it is malformed."""
        raise NotImplementedError

    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[Example]:
        """
        The examples of one input of the predictor: a record of the task's datasets, or raw text in this
        project's own format. `where` names it in the `ConfigurationError` raised if it is malformed.
        """
        raise NotImplementedError

    def items(self, example: Example) -> Sequence[Item]:
        """What `text_to_instance` takes, at least one item."""
        raise NotImplementedError

    def source(self, example: Example) -> object:
        """
        What is tokenized once for several examples, such as their passage, or a key of it. Successive
        examples with the same source go to the same data worker. By default the example itself.
        """
        return example

    def is_labeled(self, example: Example) -> bool:
        """Whether the gold labels are known."""
        raise NotImplementedError

    def gold_labels(self, example: Example) -> List[str]:
        """
        The gold labels of an example, one for each thing that is labeled; empty if there are none or they are
        unknown. By default it has none, as where the answer is a text.
        """
        return []

    def is_linked(self, item: Item) -> Optional[bool]:
        """Whether an entity linker found an entity in the item; `None`, as by default, if there is none."""
        return None

    def describe(self, example: Example) -> str:
        """The example's name in errors, such as `dev.json, record 3`; by default its attribute `where`."""
        return str(example.where)  # type: ignore[attr-defined]

    def labels_hint(self, example: Example) -> str:
        """What an error about the missing labels of this example says in addition."""
        return ""

    @overrides(check_signature=False)
    def text_to_instance(self, item: Item, labeled: bool = False) -> Instance:
        """The instance of one of `items`. `labeled` says whether it has labels and is scored."""
        raise NotImplementedError

    def num_targets(self, instance: Instance) -> int:
        """How many predictions of an instance have a loss, which the trainer weighs equally; by default 1."""
        return 1

    @overrides
    def _read(self, file_path: Any) -> Iterable[Instance]:
        items: Iterator[Tuple[Item, bool]] = itertools.islice(
            self.labeled_items(str(file_path)), self.max_items
        )
        if self._distributed_info is not None:
            # Within each data worker: its items are the same in all processes.
            items = shard_evenly(items, self._distributed_info.global_rank, self._distributed_info.world_size)
        if self._worker_info is not None and self.max_items is not None:
            items = itertools.islice(items, self._worker_info.id, None, self._worker_info.num_workers)
        counts = self.counts[str(file_path)] = FileCounts()
        for item, labeled in items:
            counts.instances += 1
            linked = self.is_linked(item)
            if linked is not None:
                counts.linked = (counts.linked or 0) + linked
            yield self.text_to_instance(item, labeled)

    def labeled_items(self, file_path: str) -> Iterator[Tuple[Item, bool]]:
        """
        What becomes an instance each, and whether it has labels. A data worker gets the items of its share of
        the examples, or all items if `max_instances` is set, which counts across all examples.
        """
        sources: Iterator[Any] = itertools.groupby(self.local_examples(file_path), key=self.source)
        if self._worker_info is not None and self.max_items is None:
            sources = itertools.islice(sources, self._worker_info.id, None, self._worker_info.num_workers)
        for _, examples in sources:
            for example in examples:
                labeled = self.is_labeled(example)
                if file_path in self.counts:
                    self.counts[file_path].add(self.gold_labels(example))
                for item in self.items(example):
                    yield item, labeled

    def any_examples(self, file_path: str) -> Iterator[Example]:
        """As `read_examples`, but also for a URL that AllenNLP can fetch."""
        return self.read_examples(str(cached_path(file_path)) if "://" in file_path else file_path)

    def local_examples(self, file_path: str) -> Iterator[Example]:
        """As `any_examples`, with a check that either all examples have labels or none."""
        first: Optional[Example] = None
        for example in self.any_examples(file_path):
            first = example if first is None else first
            if self.is_labeled(example) != self.is_labeled(first):
                with_, without = sorted((first, example), key=self.is_labeled, reverse=True)
                raise ConfigurationError(
                    f"{self.describe(without)}: is without labels, while {self.describe(with_)} has them; "
                    f"expected all of a file to have them, or none{self.labels_hint(without)}."
                )
            yield example

    def check_file(self, file_path: str, training: bool = False) -> None:
        """
        Raises the `ConfigurationError` that reading the file for training or evaluation would end with.
        `allennlp train` calls this before it starts. Of training data more is required than of evaluation
        data.
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
        """Raises a `ConfigurationError` if the example has no labels."""
        if not self.is_labeled(example):
            raise ConfigurationError(
                f"{self.describe(example)}: is without labels; training and evaluation need "
                f"them{self.labels_hint(example)}."
            )
