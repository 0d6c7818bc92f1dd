"""From pages to a dataset for pretraining: sequences, shuffled, in shards."""

import json
import math
import os
import shutil
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import sync, write_json
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
from luke_allennlp.wikipedia.dataset_plan import (
    DatasetPlan,
    clear_caches,
    splitter_of,
    tokenizer_of,
    vocabulary_of,
)
from luke_allennlp.wikipedia.dataset_statistics import dataset_statistics
from luke_allennlp.wikipedia.executors import PLAN_FILE, Executor, Stage, begin, read_json
from luke_allennlp.wikipedia.jobs import is_done, run_stages, work_directory
from luke_allennlp.wikipedia.redirects import RedirectResolver, opened_resolver
from luke_allennlp.wikipedia.running_text import RunningTextEncoder
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

# Directories in the work directory.
_REDIRECTS, _SEQUENCES, _SHARDS, _DATASET, _OLD = "redirects", "sequences", "shards", "dataset", "old"
_HELD_OUT = "held_out.json"
_TRASH = ".work.done"


def build_dataset(plan: DatasetPlan, output: Path, executor: Executor, force: bool = False) -> bool:
    """
    Builds a dataset, or what is left of it to do. Until it is complete, it is in a work directory beside.
    Returns whether all is done; if not, jobs were submitted to Slurm.

    # Raises

    `ConfigurationError`
        The output exists and `force` is false, the job was begun with other options, the input is
        damaged, or no sequence comes out.
    """
    output = Path(os.path.abspath(output.expanduser()))
    work = work_directory(output)
    trash = output.with_name(output.name + _TRASH)
    shutil.rmtree(trash, ignore_errors=True)
    for directory in plan.pages:
        if output == directory or output in directory.parents or directory in output.parents:
            raise ConfigurationError(
                f"{output}: is, holds or is in {directory}, the pages; choose another directory."
            )
    for cached in (_encoder, opened_resolver):
        cached.cache_clear()
    clear_caches()
    plan.check()
    described, tasks = plan.described(), plan.tasks()
    # A job that was killed when its output was just in place is resumed all the same.
    if os.path.lexists(output) and not (work / PLAN_FILE).exists():
        if not force and _inputs(output) == described:
            return True
        _check_replaceable(output, force)
    if is_done(work, "dataset") and not os.path.lexists(output):
        # It was removed since, and its sequences are gone as well: all is repeated.
        os.rename(work, trash)
        shutil.rmtree(trash)
    output.parent.mkdir(parents=True, exist_ok=True)
    begin(work, described, force)

    stages = [
        Stage("redirects", partial(_resolve_redirects, plan, work), len(plan.pages)),
        Stage("sequences", partial(_make_sequences, plan, work, plan.held_out), len(tasks)),
    ]
    if plan.held_out:
        stages.append(Stage("held_out", partial(_hold_out_one, plan, work), 1))
    shards: Optional[Dict[str, int]] = None
    if plan.shards:
        # All stages are submitted to Slurm at once.
        shards = {TRAIN: plan.shards}
        if plan.held_out:
            shards[VALIDATION] = max(1, round(plan.shards * plan.held_out / (1 - plan.held_out)))
    else:
        is_ready = not _unfinished(work, len(tasks))
        if plan.held_out:
            is_ready = is_ready and (work / _HELD_OUT).exists()
        if not is_ready and not executor.run(stages, work / "stages"):
            return False
        if not (work / _SHARDS / "numbers.json").exists():
            write_json(work / _SHARDS / "numbers.json", _shard_numbers(plan, work))
        shards = read_json(work / _SHARDS / "numbers.json")
    stages += [
        Stage("shards", partial(_make_shard, plan, work, shards), sum(shards.values())),
        Stage("dataset", partial(_finish, plan, work, shards, output), 1),
    ]
    if not run_stages(stages, work, output, executor):
        return False
    # Renamed first, so that an interrupt leaves nothing that looks like an unfinished job.
    os.rename(work, trash)
    shutil.rmtree(trash)
    return True


def _inputs(output: Path) -> Any:
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
    if not is_empty and _inputs(output) is None:
        raise ConfigurationError(
            f"{output}: is not a dataset of `allennlp pretraining-dataset`, so it is not replaced; remove "
            "it or choose another directory."
        )


def _resolve_redirects(plan: DatasetPlan, work: Path, rank: int, tasks: int) -> None:
    """Collects the redirects of a wiki, for all processes."""
    RedirectResolver.build(plan.wikis()[rank], work / _REDIRECTS / str(rank), force=True)


def _make_sequences(
    plan: DatasetPlan, work: Path, held_out: float, rank: int, tasks: int
) -> Mapping[str, int]:
    """Makes the sequences of a file of pages, and notes which page would be the next to be held out."""
    number, shard = plan.tasks()[rank]
    wiki, language = plan.wikis()[number], plan.languages[number]
    builder = SequenceBuilder(
        _encoder(plan),
        vocabulary_of(plan),
        language,
        opened_resolver(work / _REDIRECTS / str(number)),
        splitter_of(plan, language),
        plan.options,
    )
    counts = builder.counts
    directory = work / _SEQUENCES
    directory.mkdir(exist_ok=True)
    keyed = KeyedSequences(directory, rank, tokenizer_of(plan).vocab_size)
    least = 1.0
    for page in wiki.pages(shard):
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
    # Its presence says that the task is done.
    content = {"counts": dict(sorted(counts.items())), "least_fraction": least}
    write_json(directory / f"{rank:05d}.json", content)
    return {"sequences": counts["sequences"], "words": counts["words"]}


def _hold_out_one(plan: DatasetPlan, work: Path, rank: int, tasks: int) -> None:
    """Where the share was too small to hold out any page, holds out the first that a larger one would."""
    _sequence_files(plan, work)
    results = _task_results(work)
    counts = _summed_counts(results)
    # Of a single page nothing would be left to train on.
    if not counts["pages_held_out"] and counts["pages_with_sequences"] > 1:
        least, first = min((result["least_fraction"], task) for task, result in enumerate(results))
        _make_sequences(plan, work, math.nextafter(least, 1), first, len(results))
        counts["pages_held_out"] = 1
    # Its presence says that it is done.
    write_json(work / _HELD_OUT, {"pages": counts["pages_held_out"]})


def _make_shard(
    plan: DatasetPlan, work: Path, shards: Dict[str, int], rank: int, tasks: int
) -> Mapping[str, int]:
    split, number = _shard_of(rank, shards)
    vocab_size = tokenizer_of(plan).vocab_size
    start, end = key_range(split, number, shards[split])
    sequences = gather(_sequence_files(plan, work), start, end, vocab_size)
    info = write_shard(work / _DATASET, f"{split}/{number:05d}.arrow", sequences, vocab_size)
    write_json(work / _SHARDS / f"{rank:05d}.json", info._asdict())
    return {"sequences": info.sequences}


def _finish(
    plan: DatasetPlan, work: Path, shards: Dict[str, int], output: Path, rank: int, tasks: int
) -> None:
    """Completes a dataset, and moves it to its place."""
    directory = work / _DATASET
    # The move is the last step: if the directory is gone, it is in its place.
    if directory.exists():
        _complete(plan, work, shards, directory)
        _put_in_place(directory, output, work / _OLD)
    shutil.rmtree(work / _SEQUENCES, ignore_errors=True)


def _complete(plan: DatasetPlan, work: Path, shards: Dict[str, int], directory: Path) -> None:
    splits: Dict[str, List[ShardInfo]] = {split: [] for split in shards}
    for rank in range(sum(shards.values())):
        info = ShardInfo(**read_json(work / _SHARDS / f"{rank:05d}.json"))
        splits[_shard_of(rank, shards)[0]].append(info)
    if not any(info.sequences for info in splits[TRAIN]):
        raise _no_sequences(plan, any(info.sequences for info in splits.get(VALIDATION, [])))
    _remove_others(directory, {info.file for infos in splits.values() for info in infos})

    (directory / TOKENIZER_DIRECTORY).mkdir()
    copy_tokenizer(plan.tokenizer, directory / TOKENIZER_DIRECTORY)
    vocabulary = vocabulary_of(plan)
    vocabulary.save(directory / ENTITY_VOCABULARY_FILE)
    statistics = dataset_statistics(directory, splits, vocabulary)
    wikis = plan.wikis()
    metadata = write_metadata(
        directory,
        splits,
        vocabulary,
        _tokenizer_class(plan),
        tokenizer_of(plan).vocab_size,
        plan.described_options(),
        dumps=[dump for wiki in wikis for dump in wiki.metadata.get("dumps", [])],
        versions=plan.versions(),
        counts=dict(sorted(_summed_counts(_task_results(work)).items())),
        plan=json.loads(json.dumps(plan.described())),
        extraction=[
            {"language": language, "counts": wiki.metadata.get("counts", {})}
            for wiki, language in zip(wikis, plan.languages, strict=True)
        ],
    )
    write_data_card(directory, metadata, statistics)


def _shard_numbers(plan: DatasetPlan, work: Path) -> Dict[str, int]:
    train, held_out = counts_by_split(_sequence_files(plan, work))
    if not train:
        raise _no_sequences(plan, held_out > 0)
    numbers = {TRAIN: train, VALIDATION: held_out} if held_out else {TRAIN: train}
    return {split: -(-number // plan.shard_sequences) for split, number in numbers.items()}


def _task_results(work: Path) -> List[Dict[str, Any]]:
    return [read_json(path) for path in sorted((work / _SEQUENCES).glob("*.json"))]


def _summed_counts(results: List[Dict[str, Any]]) -> "Counter[str]":
    counts: "Counter[str]" = Counter()
    for result in results:
        counts.update(result["counts"])
    return counts


def _no_sequences(plan: DatasetPlan, are_held_out: bool) -> ConfigurationError:
    if are_held_out:
        return ConfigurationError(
            f"--held-out is {plan.held_out}, which holds out every page of {', '.join(map(str, plan.pages))} "
            "that has sequences; give a smaller share, so that there is something to learn from."
        )
    return ConfigurationError(
        f"No sequence to learn from came out of {', '.join(map(str, plan.pages))}: no sentence of "
        f"{plan.options.min_sentence_length} to {plan.options.max_length - 2} tokens has a link to an "
        f"entity of {plan.entity_vocabulary}. See that the vocabulary is of these pages, or give "
        "--include-unk-entities or --include-sentences-without-entities."
    )


def _unfinished(work: Path, tasks: int) -> List[int]:
    """The tasks whose sequences are incomplete."""
    there = {path.stem for path in (work / _SEQUENCES).glob("*.json")}
    return [rank for rank in range(tasks) if f"{rank:05d}" not in there]


def _sequence_files(plan: DatasetPlan, work: Path) -> List[Path]:
    # Clusters may begin a stage after tasks of the one before have failed.
    missing = _unfinished(work, len(plan.tasks()))
    if missing:
        raise ConfigurationError(
            f"{work / _SEQUENCES}: lacks the output of task {missing[0]}"
            f"{f' and {len(missing) - 1} others' if len(missing) > 1 else ''}, which failed "
            f"({work / 'stages' / 'sequences'} has the logs); start the same command again to resume."
        )
    return sorted_files(work / _SEQUENCES)


def _shard_of(rank: int, shards: Mapping[str, int]) -> Tuple[str, int]:
    return (TRAIN, rank) if rank < shards[TRAIN] else (VALIDATION, rank - shards[TRAIN])


def _remove_others(directory: Path, files: "set[str]") -> None:
    """Removes the leftovers of an interrupted process."""
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(directory).as_posix() not in files:
            path.unlink()
    shutil.rmtree(directory / TOKENIZER_DIRECTORY, ignore_errors=True)


def _put_in_place(directory: Path, output: Path, old: Path) -> None:
    for path in directory.rglob("*"):
        sync(path)
    if os.path.lexists(output):
        shutil.rmtree(old, ignore_errors=True)
        os.rename(output, old)
    os.rename(directory, output)


def _tokenizer_class(plan: DatasetPlan) -> str:
    files = {path.name: path for path in tokenizer_files(plan.tokenizer)}
    config: Any = {}
    if "tokenizer_config.json" in files:
        config = read_json(files["tokenizer_config.json"])
    kind = "BertTokenizerFast" if tokenizer_of(plan).separators == 1 else "PreTrainedTokenizerFast"
    return config.get("tokenizer_class") or ("RobertaTokenizerFast" if "merges.txt" in files else kind)


@lru_cache(maxsize=1)
def _encoder(plan: DatasetPlan) -> RunningTextEncoder:
    return RunningTextEncoder(tokenizer_of(plan))
