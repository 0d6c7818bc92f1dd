"""A config for a task and one's own data."""

import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from luke_allennlp.common.files import written_whole
from luke_allennlp.experiments.checkpoint_profile import CheckpointProfile
from luke_allennlp.experiments.columns import find_columns
from luke_allennlp.experiments.config_text import config_text
from luke_allennlp.experiments.data_profile import DataProfile
from luke_allennlp.experiments.example_facts import span_lengths, unlimited
from luke_allennlp.experiments.profile_text import profile_text
from luke_allennlp.experiments.proposal import Knob, propose, span_limit
from luke_allennlp.experiments.tasks import library_config

_OTHER_SEGMENTERS: Tuple[Dict[str, str], ...] = (
    {"type": "spacy_rules", "language": "xx"},
    {"type": "whitespace"},
)


class NewConfig:
    """
    Reads data as training would, and writes a config that suits it.

    # Parameters

    task : `str`
        One of `tasks.TASKS`.
    files : `Dict[str, str]`
        The paths of "train" and, if there are any, "dev" and "test".
    model_name : `str`
        A checkpoint.
    reader_options : `Dict[str, Any]`
        Options of the reader that are not to be found by trying.

    # Raises

    `ConfigurationError`
        There is no such checkpoint, or something in the data cannot be trained on.
    """

    def __init__(
        self, task: str, files: Dict[str, str], model_name: str, reader_options: Dict[str, Any]
    ) -> None:
        self.task = task
        self.files = files
        try:
            self.checkpoint = CheckpointProfile.read(model_name)
        except ConfigurationError as error:
            raise ConfigurationError(f"--model: {error.message}") from None
        self.reader_options = dict(reader_options)
        self.notes: List[str] = []
        self.profiles: Dict[str, DataProfile] = {}

    def read(self) -> None:
        """Finds the reader's options, and reads the files."""
        path = self.files["train"]
        if self.task == "ner":
            encoding = self.reader_options.get("encoding", "utf-8")
            found = find_columns(path, encoding)
            if "tag_column" in found:
                column = found["tag_column"]
                self.notes.append(
                    f"{path}: the tags are those of column {column}. Later columns, such as that of nested "
                    "entities, are not read; the JSON forms can hold both."
                )
            self.reader_options = {**found, **self.reader_options}
        self._check_training_data(path)
        if self.task == "ner":
            self._try_ner_options(path)
        self.profiles["train"] = self._profile(path)
        for split in ("dev", "test"):
            if split in self.files:
                self._reader().check_file(self.files[split])
                self.profiles[split] = self._profile(self.files[split])

    def _check_training_data(self, path: str) -> None:
        """Raises the reader's error, unless another option of it helps, which is then set."""
        try:
            self._reader(training=True).check_file(path, training=True)
        except ConfigurationError as error:
            options: Dict[str, Any] = {}
            if self.task == "ner" and "tags contradict each other" in error.message:
                options = {"tag_scheme": "IOB2"}
            if self.task == "ner" and "starts and ends with words" in error.message:
                options = {"segmenter": _OTHER_SEGMENTERS[-1]}
            if self.task == "entity_typing" and "none of its" in error.message:
                options = {"types": None}
            if not options or options.keys() & self.reader_options.keys():
                raise
            self.reader_options.update(options)
            self._reader(training=True).check_file(path, training=True)
            self.notes.append(f"Read with {options}, since without: {error.message}")

    def _try_ner_options(self, path: str) -> None:
        """Sets the segmenter that divides texts as entities are, and the length of spans."""
        reader = self._reader()
        sentences = [example.sentence for example in reader.local_examples(path)]
        aligned, unaligned = (
            sum(len(getattr(sentence, name)) for sentence in sentences) for name in ("spans", "unaligned")
        )
        if unaligned and "segmenter" not in self.reader_options:
            given = self.reader_options
            for segmenter in _OTHER_SEGMENTERS:
                before, self.reader_options = self.reader_options, {**given, "segmenter": segmenter}
                tried = self._reader()
                found = [example.sentence for example in tried.local_examples(path)]
                number = sum(len(sentence.spans) for sentence in found)
                # One in a hundred is worth another division into words.
                if number > 1.01 * aligned:
                    aligned, sentences = number, found
                else:
                    self.reader_options = before
        lengths = [length for sentence in sentences for length in span_lengths(reader.tokenizer, sentence)]
        self.reader_options.setdefault("max_span_length", span_limit(lengths))

    def _reader(self, training: bool = False) -> Any:
        knobs: Dict[str, Any] = {
            "model_name": self.checkpoint.name,
            "train_data": "",
            "reader_options": self.reader_options,
        }
        if self.task == "reading_comprehension":
            knobs["use_entities"] = False
        config = library_config(self.task, knobs)["dataset_reader"]
        if "training" in config:
            config["training"] = training
        return DatasetReader.from_params(Params(unlimited(config)))

    def _profile(self, path: str) -> DataProfile:
        limit = min(self.checkpoint.window, self.reader_options.get("max_length", 512))
        return DataProfile.read(self._reader(), path, limit)

    def describe(self) -> str:
        """What the model and the data are."""
        names = {"train": "Training data", "dev": "Validation data", "test": "Test data"}
        texts = [f"Model: {self.checkpoint.describe()}", *self.notes]
        for split, profile in self.profiles.items():
            train = None if split == "train" else self.profiles["train"]
            texts.append(profile_text(profile, names[split], train))
        return "\n".join(texts)

    def knobs(self, output: Path, has_gpu: bool) -> List[Knob]:
        """Of the config at `output`."""
        knobs = [
            Knob("model_name", _path_in(self.checkpoint.name, output), self._about_model()),
            Knob("train_data", _path_in(self.files["train"], output)),
        ]
        for split, name in (("dev", "validation_data"), ("test", "test_data")):
            if split in self.files:
                knobs.append(Knob(name, _path_in(self.files[split], output)))
        proposed = propose(self.task, self.checkpoint, self.profiles["train"], self.reader_options, has_gpu)
        if "dev" not in self.files:
            proposed = [knob for knob in proposed if knob.name != "keep"]
            proposed.append(Knob("keep", "last", "without validation data no epoch is known to be better"))
        return knobs + proposed

    def _about_model(self) -> str:
        return f"{self.checkpoint.num_layers} layers of {self.checkpoint.hidden_size}"

    def write(self, output: Path, has_gpu: bool) -> Tuple[str, Dict[str, Any]]:
        """Writes the config, and returns its text and what it evaluates to."""
        title = f"By `allennlp new {self.task}`. Each line is a knob; the library below has all of them."
        text = config_text(self.task, self.knobs(output, has_gpu), title)
        with written_whole(output) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return text, Params.from_file(str(output)).as_dict(quiet=True)


def _path_in(path: str, output: Path) -> str:
    """
    A path as a config names it: as it was given if the config is in the working directory, which paths count
    from, otherwise absolute.
    """
    is_here = output.absolute().parent == Path.cwd()
    return path if is_here or not os.path.exists(path) else os.path.abspath(path)
