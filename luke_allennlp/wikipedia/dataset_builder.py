"""From pages to a dataset for pretraining: sequences, shuffled, in shards."""

import json
import math
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import remove_temporaries, sync, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer, tokenizer_files
from luke_allennlp.pretraining.dataset import (
    ENTITY_VOCABULARY_FILE,
    METADATA_FILE,
    TOKENIZER_DIRECTORY,
    ShardInfo,
    write_metadata,
    write_shard,
)
from luke_allennlp.wikipedia.data_card import write_data_card
from luke_allennlp.wikipedia.dataset_plan import DatasetPlan
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import PLAN_FILE, begin, is_done, read_json, run_stages, work_directory
from luke_allennlp.wikipedia.redirects import opened_resolver, titles_of, titles_stage
from luke_allennlp.wikipedia.sequences import SequenceBuilder
from luke_allennlp.wikipedia.shuffling import (
    TRAIN,
    VALIDATION,
    KeyedSequences,
    counts_by_split,
    gather,
    key_range,
    random_fraction,
    random_key,
    sorted_files,
)


def build_dataset(plan: DatasetPlan, output: Path, executor: Executor, force: bool = False) -> bool:
    """
    Builds a dataset, or what is left of it to do. Until it is complete, it is in a work directory beside.
    Returns whether all is done; if not, jobs were submitted to Slurm. A `ConfigurationError` if the output
    exists and `force` is false, the job was begun with other options, the input is damaged, or no sequence
    comes out.
    """
    output = Path(os.path.abspath(output.expanduser()))
    work = work_directory(output)
    trash = output.with_name(f"{output.name}.work.done")
    shutil.rmtree(trash, ignore_errors=True)
    for directory in plan.pages:
        if output == directory or output in directory.parents or directory in output.parents:
            raise ConfigurationError(
                f"{output}: is, holds or is in {directory}, the pages; choose another directory."
            )
    opened_resolver.cache_clear()  # another job's may have the same path
    plan.check()
    described = plan.described()
    # A job that was killed when its output was just in place is resumed all the same.
    if os.path.lexists(output) and not (work / PLAN_FILE).exists():
        if not force and _plan_of(output) == described:
            return True
        _check_replaceable(output, force)
    if is_done(work, "dataset") and not os.path.lexists(output):
        # It was removed since, and its sequences are gone as well: all is repeated.
        os.rename(work, trash)
        shutil.rmtree(trash)
    output.parent.mkdir(parents=True, exist_ok=True)
    begin(work, described, force)

    job = _Job(plan, output, work)
    stages = job.sequence_stages()
    numbers = job.planned_shards()
    if numbers is None:
        # How many there are is known when the sequences are; otherwise all is submitted to Slurm at once.
        if not job.has_sequences() and not executor.run(stages, work / "stages"):
            return False
        numbers = job.shards_by_sequences()
    job = job._replace(shards=numbers)
    stages += [
        Stage("shards", job.make_shard, sum(numbers.values())),
        Stage("dataset", job.finish, 1),
    ]
    if not run_stages(stages, work, output, executor):
        return False
    # Renamed first, so that an interrupt leaves nothing that looks like an unfinished job.
    os.rename(work, trash)
    shutil.rmtree(trash)
    return True


def _plan_of(output: Path) -> Any:
    """The plan of the dataset of the existing output, if it is a dataset."""
    try:
        return read_json(output / METADATA_FILE).get("plan")
    except (OSError, ValueError, AttributeError):
        return None


def _check_replaceable(output: Path, force: bool) -> None:
    if not force:
        raise ConfigurationError(
            f"{output}: already exists, and was not made with the same input and options; choose another "
            "directory, or give --force."
        )
    is_empty = output.is_dir() and not any(output.iterdir())
    if not is_empty and _plan_of(output) is None:
        raise ConfigurationError(
            f"{output}: is not a dataset of `allennlp pretraining-dataset`, so it is not replaced; remove "
            "it or choose another directory."
        )


class _Job(NamedTuple):
    """The stages' tasks, and the files that they leave to each other. `shards` are the numbers by split."""

    plan: DatasetPlan
    output: Path
    work: Path
    shards: Mapping[str, int] = {}

    @property
    def sequences(self) -> Path:
        """The directory of sequences; that of a task's counts says that it is done."""
        return self.work / "sequences"

    def sequence_stages(self) -> List[Stage]:
        stages = [
            titles_stage(self.plan.wikis, self.work),
            Stage("sequences", self.make_sequences, len(self.plan.tasks)),
        ]
        return [*stages, Stage("held_out", self.hold_out_one, 1)] if self.plan.held_out else stages

    def make_sequences(self, task: int) -> Mapping[str, int]:
        return self._make_sequences(task, self.plan.held_out)

    def _make_sequences(self, task: int, held_out: float) -> Mapping[str, int]:
        """Of a file of pages; notes as well which page would be the next to be held out."""
        plan = self.plan
        number, shard = plan.tasks[task]
        language = plan.languages[number]
        builder = SequenceBuilder(
            plan.encoder,
            plan.vocabulary,
            language,
            opened_resolver(titles_of(self.work, number)),
            plan.sentence_splitter(language),
            plan.options,
        )
        counts = builder.counts
        self.sequences.mkdir(exist_ok=True)
        keyed = KeyedSequences(self.sequences, task, plan.encoder.tokenizer.vocab_size)
        least = 1.0
        for page in plan.wikis[number].pages(shard):
            fraction = random_fraction("held out", plan.seed, language, page.page_id)
            is_held_out = fraction < held_out
            before = counts["sequences"]
            for index, sequence in enumerate(builder.sequences(page)):
                keyed.add(random_key(is_held_out, plan.seed, language, page.page_id, index), sequence)
            if counts["sequences"] > before:
                counts["pages_with_sequences"] += 1
                counts["pages_held_out"] += is_held_out
                least = min(least, fraction)
        keyed.flush()
        content = {"counts": dict(sorted(counts.items())), "least_fraction": least}
        write_json(self.sequences / f"{task:05d}.json", content)
        return {"sequences": counts["sequences"], "words": counts["words"]}

    @property
    def held_out_file(self) -> Path:
        return self.work / "held_out.json"

    def hold_out_one(self, task: int) -> None:
        """Where the share was too small to hold out any page, holds out the first that a larger one would."""
        self.check_sequences()
        results = self.results()
        counts = _summed(results)
        # Of a single page nothing would be left to train on.
        if not counts["pages_held_out"] and counts["pages_with_sequences"] > 1:
            least, first = min((result["least_fraction"], task) for task, result in enumerate(results))
            self._make_sequences(first, math.nextafter(least, 1))
            counts["pages_held_out"] = 1
        write_json(self.held_out_file, {"pages": counts["pages_held_out"]})

    def results(self) -> List[Dict[str, Any]]:
        return [read_json(path) for path in sorted(self.sequences.glob("*.json"))]

    def unfinished(self) -> List[int]:
        """The tasks whose sequences are incomplete."""
        there = {path.stem for path in self.sequences.glob("*.json")}
        return [task for task in range(len(self.plan.tasks)) if f"{task:05d}" not in there]

    def has_sequences(self) -> bool:
        return not self.unfinished() and (not self.plan.held_out or self.held_out_file.exists())

    def check_sequences(self) -> None:
        # Clusters may begin a stage after tasks of the one before have failed.
        missing = self.unfinished()
        if missing:
            raise ConfigurationError(
                f"{self.sequences}: lacks the output of task {missing[0]}"
                f"{f' and {len(missing) - 1} others' if len(missing) > 1 else ''}, which failed "
                f"({self.work / 'stages' / 'sequences'} has the logs); start the same command again to "
                "resume."
            )

    def planned_shards(self) -> Optional[Dict[str, int]]:
        """How many shards of each split `--shards` makes."""
        shards, held_out = self.plan.shards, self.plan.held_out
        if not shards:
            return None
        return {
            TRAIN: shards,
            **({VALIDATION: max(1, round(shards * held_out / (1 - held_out)))} if held_out else {}),
        }

    def shards_by_sequences(self) -> Dict[str, int]:
        path = self.work / "shards" / "numbers.json"
        if not path.exists():
            self.check_sequences()
            train, held_out = counts_by_split(sorted_files(self.sequences))
            if not train:
                raise self.no_sequences(held_out > 0)
            numbers = {TRAIN: train, VALIDATION: held_out} if held_out else {TRAIN: train}
            size = self.plan.shard_sequences
            write_json(path, {split: -(-number // size) for split, number in numbers.items()})
        return read_json(path)

    def no_sequences(self, are_held_out: bool) -> ConfigurationError:
        plan = self.plan
        pages = ", ".join(map(str, plan.pages))
        if are_held_out:
            return ConfigurationError(
                f"--held-out is {plan.held_out}, which holds out every page of {pages} that has sequences; "
                "give a smaller share, so that there is something to learn from."
            )
        return ConfigurationError(
            f"No sequence to learn from came out of {pages}: no sentence of "
            f"{plan.options.min_sentence_length} to {plan.options.max_length - 2} tokens has a link to an "
            f"entity of {plan.entity_vocabulary}. See that the vocabulary is of these pages, or give "
            "--include-unk-entities or --include-sentences-without-entities."
        )

    def shard(self, task: int) -> Tuple[str, int]:
        """The split of the shard that a task makes, and its number there."""
        train = self.shards[TRAIN]
        return (TRAIN, task) if task < train else (VALIDATION, task - train)

    @property
    def dataset(self) -> Path:
        """The directory of the dataset until it is complete."""
        return self.work / "dataset"

    def make_shard(self, task: int) -> Mapping[str, int]:
        self.check_sequences()
        split, number = self.shard(task)
        vocab_size = self.plan.encoder.tokenizer.vocab_size
        start, end = key_range(split, number, self.shards[split])
        sequences = gather(sorted_files(self.sequences), start, end, vocab_size)
        info = write_shard(self.dataset, f"{split}/{number:05d}.arrow", sequences, vocab_size)
        write_json(self.work / "shards" / f"{task:05d}.json", info._asdict())
        return {"sequences": info.sequences}

    def finish(self, task: int) -> None:
        """Completes the dataset, and moves it to its place."""
        # The move is the last step: if the directory is gone, it is in its place.
        if self.dataset.exists():
            self.complete()
            for path in self.dataset.rglob("*"):
                sync(path)
            if os.path.lexists(self.output):
                shutil.rmtree(self.work / "old", ignore_errors=True)
                os.rename(self.output, self.work / "old")
            os.rename(self.dataset, self.output)
        shutil.rmtree(self.sequences, ignore_errors=True)

    def complete(self) -> None:
        plan, directory = self.plan, self.dataset
        splits: Dict[str, List[ShardInfo]] = {split: [] for split in self.shards}
        for task in range(sum(self.shards.values())):
            info = ShardInfo(**read_json(self.work / "shards" / f"{task:05d}.json"))
            splits[self.shard(task)[0]].append(info)
        if not any(info.sequences for info in splits[TRAIN]):
            raise self.no_sequences(any(info.sequences for info in splits.get(VALIDATION, [])))
        # What an interrupted attempt left.
        for path in (directory, *(directory / split for split in splits)):
            remove_temporaries(path)
        (directory / TOKENIZER_DIRECTORY).mkdir(exist_ok=True)
        copy_tokenizer(plan.tokenizer, directory / TOKENIZER_DIRECTORY)
        plan.vocabulary.save(directory / ENTITY_VOCABULARY_FILE)
        metadata = write_metadata(
            directory,
            splits,
            plan.vocabulary,
            _tokenizer_class(plan),
            plan.encoder.tokenizer.vocab_size,
            plan.described_options(),
            dumps=[dump for wiki in plan.wikis for dump in wiki.metadata.get("dumps", [])],
            versions=plan.versions(),
            counts=dict(sorted(_summed(self.results()).items())),
            plan=json.loads(json.dumps(plan.described())),
            extraction=[
                {"language": language, "counts": wiki.metadata.get("counts", {})}
                for wiki, language in zip(plan.wikis, plan.languages, strict=True)
            ],
        )
        write_data_card(directory, metadata, splits, plan.vocabulary)


def _summed(results: List[Dict[str, Any]]) -> "Counter[str]":
    counts: "Counter[str]" = Counter()
    for result in results:
        counts.update(result["counts"])
    return counts


def _tokenizer_class(plan: DatasetPlan) -> str:
    files = {path.name: path for path in tokenizer_files(plan.tokenizer)}
    config: Any = {}
    if "tokenizer_config.json" in files:
        config = read_json(files["tokenizer_config.json"])
    is_bert = plan.encoder.tokenizer.separators == 1
    kind = "BertTokenizerFast" if is_bert else "PreTrainedTokenizerFast"
    return config.get("tokenizer_class") or ("RobertaTokenizerFast" if "merges.txt" in files else kind)
