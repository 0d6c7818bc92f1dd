"""Runs that are killed and go on, and runs of several processes."""

from edits.edit import Edit

CHECKPOINTS = [
    Edit(
        name="full-disk",
        file="allennlp/common/file_utils.py",
        old="def hardlink_or_copy(",
        new="""\
@contextmanager
def written_whole(path: Union[PathLike, str]) -> Iterator[str]:
    \"\"\"
    A temporary path beside `path`, to which the file is moved at the end. If it cannot be written, nothing
    is left of it, and the `OSError` names `path`.
    \"\"\"
    temporary = f"{path}.tmp"
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.remove(temporary)
        # Of an error while writing torch makes a `RuntimeError`.
        reason = error.__context__ if isinstance(error, RuntimeError) else error
        if isinstance(reason, OSError) and reason.errno is not None:
            raise OSError(reason.errno, reason.strerror, str(path)) from error
        raise


def hardlink_or_copy(""",
        reason="A full disk left files half-written, and was torch's matter, `unexpected pos 704 vs 598`.",
    ),
    Edit(
        name="full-disk",
        file="allennlp/common/file_utils.py",
        old="from contextlib import contextmanager\n",
        new="from contextlib import contextmanager, suppress\n",
        reason="For the edit above.",
    ),
    Edit(
        name="full-disk",
        file="allennlp/models/archival.py",
        old='    with tarfile.open(archive_file, "w:gz") as archive:\n',
        new="    with written_whole(archive_file) as temporary, "
        'tarfile.open(temporary, "w:gz") as archive:\n',
        reason="A full disk, or a kill, left a part of an archive.",
    ),
    Edit(
        name="full-disk",
        file="allennlp/models/archival.py",
        old="from allennlp.common.file_utils import cached_path\n",
        new="from allennlp.common.file_utils import cached_path, written_whole\n",
        reason="For the edit above.",
    ),
]

RECOVER = [
    Edit(
        name="recover-elsewhere",
        file="allennlp/training/util.py",
        old="""\
        flat_params = params.as_flat_dict()
        flat_loaded = loaded_params.as_flat_dict()
""",
        new="""\
        may_differ = tuple(
            key
            for may in may_differ_on_recover
            for key in may(params, loaded_params, serialization_dir)
        )
        flat_params, flat_loaded = (
            {
                key: value
                for key, value in config.as_flat_dict().items()
                if not any(key == other or key.startswith(f"{other}.") for other in may_differ)
            }
            for config in (params, loaded_params)
        )
""",
        reason="A run that was ended on one cluster node could not go on on another, nor on other GPUs.",
    ),
    Edit(
        name="recover-elsewhere",
        file="allennlp/training/util.py",
        old="def create_serialization_dir(\n",
        new="""\
may_differ_on_recover: List[
    Callable[[Params, Params, Union[str, PathLike]], Iterable[str]]
] = []
\"\"\"
Called with the parameters of a run that is to be recovered, those that it has had so far, and its directory.
They return keys, with dots, that need not be as they were, nor what is below them, and raise
`ConfigurationError` where a change is not possible. Packages append theirs when they are imported.
\"\"\"


def create_serialization_dir(
""",
        reason="A trainer whose checkpoints do not depend on where it runs says so here.",
    ),
    Edit(
        name="recover-elsewhere",
        file="allennlp/training/util.py",
        old="from typing import Any, Dict, Iterable,",
        new="from typing import Any, Callable, Dict, Iterable,",
        reason="For the lines above.",
    ),
    Edit(
        name="recover-elsewhere",
        file="allennlp/training/util.py",
        old='f"{flat_params[key]} != {flat_loaded[key]}"',
        new='f"{flat_params.get(key)} != {flat_loaded.get(key)}"',
        reason="A key that is new was a KeyError instead of the message.",
    ),
]

# What `load_archive` does with them is among the edits of `trust`.
ARCHIVE_CHECKS = [
    Edit(
        name="archive-checks",
        file="allennlp/models/archival.py",
        old="def load_archive(\n",
        new="""\
archive_checks: List[Any] = []
\"\"\"
Called by `load_archive` with the parameters of an archive, overrides included, and the directory into which
it is unpacked, when its model and readers are made. A check raises `ConfigurationError`. Packages append
theirs when they are imported.
\"\"\"


def load_archive(
""",
        reason="A model and a reader that do not belong together can be loaded, and give nonsense.",
    ),
]

LOCKS = [
    Edit(
        name="one-run-at-a-time",
        file="allennlp/commands/train.py",
        old="def train_model(\n",
        new="@one_run_at_a_time\ndef train_model(\n",
        reason="Two runs in one directory overwrote each other's checkpoints.",
    ),
    Edit(
        name="one-run-at-a-time",
        file="allennlp/commands/train.py",
        old="from allennlp.training import util as training_util\n",
        new="from allennlp.training import util as training_util\n"
        "from allennlp.training.run_lock import directory_contents, locked_directory, one_run_at_a_time\n",
        reason="For the edit above, and for those that remove the directory of a run that did not start.",
    ),
    Edit(
        name="one-run-at-a-time",
        file="allennlp/commands/find_learning_rate.py",
        old="def find_learning_rate_model(\n",
        new="@one_run_at_a_time\ndef find_learning_rate_model(\n",
        reason="With --force it would remove what a training is writing.",
    ),
    Edit(
        name="one-run-at-a-time",
        file="allennlp/commands/find_learning_rate.py",
        old="from allennlp.training.util import create_serialization_dir, data_loaders_from_params\n",
        new="from allennlp.training.run_lock import one_run_at_a_time\n"
        "from allennlp.training.util import create_serialization_dir, data_loaders_from_params\n",
        reason="For the edit above.",
    ),
    Edit(
        name="one-run-at-a-time",
        file="allennlp/training/util.py",
        old="""\
        shutil.rmtree(serialization_dir)

    if os.path.exists(serialization_dir) and os.listdir(serialization_dir):
""",
        new="""\
        for name in directory_contents(serialization_dir):
            path = os.path.join(serialization_dir, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)

    if os.path.exists(serialization_dir) and directory_contents(serialization_dir):
""",
        reason="The file of the lock, which is held by then, stays; a directory that has no other is empty.",
    ),
    Edit(
        name="one-run-at-a-time",
        file="allennlp/training/util.py",
        old="from allennlp.nn import util as nn_util\n",
        new="from allennlp.nn import util as nn_util\n"
        "from allennlp.training.run_lock import directory_contents\n",
        reason="For the edit above.",
    ),
]

DISTRIBUTED = [
    Edit(
        name="distributed-shutdown",
        file="allennlp/commands/train.py",
        old="""\
    if primary:
        train_loop.finish(metrics)

    if not distributed:
""",
        new="""\
    if primary:
        train_loop.finish(metrics)

    if distributed:
        dist.destroy_process_group()

    if not distributed:
""",
        reason="torch warns where a process group is left to the end of the process, and may hang there.",
    ),
    Edit(
        name="distributed-test-data",
        file="allennlp/commands/train.py",
        old="""\
        mp.spawn(
            _train_worker,
            args=(
                params.duplicate(),
""",
        new="""\
        # Each worker would see its own part of the test data, and only one of them would be asked for it.
        evaluate_on_test = params.pop("evaluate_on_test", False) and "test_data_path" in params

        mp.spawn(
            _train_worker,
            args=(
                params.duplicate(),
""",
        reason=(
            "With evaluate_on_test, a distributed run crashed or hung at its end: one worker alone "
            "evaluated, with metrics that wait for the others."
        ),
    ),
    Edit(
        name="distributed-test-data",
        file="allennlp/commands/train.py",
        old="""\
        archive_model(serialization_dir, include_in_archive=include_in_archive)
    else:
        return None
""",
        new="""\
        archive_model(serialization_dir, include_in_archive=include_in_archive)
    else:
        return None

    if distributed_params is not None and evaluate_on_test and node_rank == 0:
        _evaluate_on_test(params.duplicate(), serialization_dir, int(device_ids[0]))
""",
        reason=(
            "The main process evaluates the archived model on all of the test data when the workers are done."
        ),
    ),
    Edit(
        name="distributed-test-data",
        file="allennlp/commands/train.py",
        old="def _train_worker(\n",
        new="""\
def _evaluate(
    model: Model, data_loader: DataLoader, cuda_device: Union[int, torch.device], weight_key: str
) -> Dict[str, Any]:
    \"\"\"
    As `allennlp evaluate` does without an option.
    \"\"\"
    from allennlp.evaluation import Evaluator

    evaluator = Evaluator.by_name(Evaluator.default_implementation)(cuda_device=cuda_device)
    return evaluator(model, data_loader, weight_key)


def _evaluate_on_test(
    params: Params, serialization_dir: Union[str, PathLike], cuda_device: int
) -> None:
    \"\"\"
    Evaluates the archived model on the test data and adds the result to `metrics.json`, as
    [`TrainModel.finish`](#finish) does in a single process.
    \"\"\"
    logger.info("The model will be evaluated using the best epoch weights.")
    archive = load_archive(
        os.path.join(serialization_dir, "model.tar.gz"), cuda_device=cuda_device, trusted=True
    )
    loader_params = params.get("validation_data_loader", None) or params.get("data_loader")
    data_loader = DataLoader.from_params(
        loader_params,
        reader=archive.validation_dataset_reader,
        data_path=params.get("test_data_path"),
    )
    data_loader.index_with(archive.model.vocab)
    test_metrics = _evaluate(
        archive.model, data_loader, cuda_device, params.get("batch_weight_key", "")
    )
    metrics_path = os.path.join(serialization_dir, "metrics.json")
    with open(metrics_path) as metrics_file:
        metrics = json.load(metrics_file)
    metrics.update({"test_" + key: value for key, value in test_metrics.items()})
    common_util.dump_metrics(metrics_path, metrics, log=True)


def _train_worker(
""",
        reason="For the edit above.",
    ),
    Edit(
        name="test-data-as-evaluate",
        file="allennlp/commands/train.py",
        old="""\
            test_metrics = training_util.evaluate(
                self.model,
                self.evaluation_data_loader,
                cuda_device=self.trainer.cuda_device,
                batch_weight_key=self.batch_weight_key,
            )
""",
        new="""\
            test_metrics = _evaluate(
                self.model,
                self.evaluation_data_loader,
                self.trainer.cuda_device,
                self.batch_weight_key,
            )
""",
        reason="`train` and `evaluate` give the same loss for the same test data, whatever the evaluator.",
    ),
    Edit(
        name="distributed-test-data",
        file="allennlp/commands/train.py",
        old="from allennlp.models.archival import archive_model, CONFIG_NAME, verify_include_in_archive\n",
        new="from allennlp.models.archival import archive_model, CONFIG_NAME, load_archive\n"
        "from allennlp.models.archival import verify_include_in_archive\n",
        reason="For the edit above.",
    ),
    Edit(
        name="distributed-test-data",
        file="allennlp/commands/train.py",
        old="import argparse\nimport logging\nimport os\n",
        new="import argparse\nimport json\nimport logging\nimport os\nimport re\n",
        reason="For the edit above.",
    ),
    Edit(
        name="distributed-noise",
        file="allennlp/commands/train.py",
        old='        params["trainer"]["local_rank"] = process_rank\n',
        new="",
        reason="The trainer is given its rank when it is constructed; twice gave a warning in every worker.",
    ),
    Edit(
        name="distributed-noise",
        file="allennlp/training/gradient_descent_trainer.py",
        old="""\
                logger.warning(
                    f"Worker {torch.distributed.get_rank()} completed its entire epoch (validation)."
""",
        new="""\
                logger.info(
                    f"Worker {torch.distributed.get_rank()} completed its entire epoch (validation)."
""",
        reason="Nothing to warn of.",
    ),
    Edit(
        name="distributed-errors",
        file="allennlp/commands/train.py",
        old="        mp.spawn(\n            _train_worker,\n",
        new="        _spawn(\n            _train_worker,\n",
        reason="A mistake in the configuration that a worker finds is said as clearly as in one process.",
    ),
    Edit(
        name="distributed-errors",
        file="allennlp/commands/train.py",
        old="def _train_worker(\n",
        new="""\
def _spawn(worker: Callable[..., Any], args: Any, nprocs: int) -> None:
    process = launched()
    if process is not None:
        work(worker, process, list(args))
        return
    try:
        spawn(worker, args, nprocs)
    except mp.ProcessRaisedException as error:
        # All there is of a worker's exception is its traceback, as text.
        _, found, message = str(error).rpartition("allennlp.common.checks.ConfigurationError: ")
        failed = re.search(r"^OSError: \\[Errno (\\d+)\\] ([^:\\n]+)(?:: '(.*)')?\\s*\\Z", str(error), re.M)
        if failed:
            raise OSError(int(failed[1]), failed[2], failed[3]) from error
        if not found:
            raise
        raise ConfigurationError(message.strip()) from error


def _train_worker(
""",
        reason="A mistake in the configuration that a worker finds is said as clearly as in one process.",
    ),
]

LAUNCH = [
    Edit(
        name="launch",
        file="allennlp/commands/train.py",
        old="from allennlp.training import util as training_util\n",
        new="from allennlp.training import util as training_util\n"
        "from allennlp.training.launch import launched, resumable, spawn, work\n",
        reason="For the edits below, and for the one of distributed errors.",
    ),
    Edit(
        name="launch",
        file="allennlp/commands/train.py",
        old="""\
    training_util.create_serialization_dir(params, serialization_dir, recover, force)
    params.to_file""",
        new="""\
    process = launched()
    if process is not None and not process.is_first:
        # The first process prepares the run, and sends what there is to do.
        work(_train_worker, process, None)
        return None

    training_util.create_serialization_dir(params, serialization_dir, recover, force)
    params.to_file""",
        reason="torchrun starts every process itself.",
    ),
    Edit(
        name="launch",
        file="allennlp/commands/train.py",
        old="""\
    distributed_params = params.params.pop("distributed", None)
""",
        new="""\
    distributed_params = params.params.pop("distributed", None)
    if process is not None:
        distributed_params = process.distributed()
""",
        reason="How many processes there are is torchrun's to say.",
    ),
    Edit(
        name="launch",
        file="allennlp/commands/train.py",
        old="        if gpu_id >= 0:\n            torch.cuda.set_device(gpu_id)\n",
        new="        if dist.is_initialized():\n"
        "            pass  # by torchrun's rendezvous\n"
        "        elif gpu_id >= 0:\n            torch.cuda.set_device(gpu_id)\n",
        reason="See above.",
    ),
    Edit(
        name="launch",
        file="allennlp/commands/train.py",
        old="        if recover:\n            vocab = Vocabulary.from_files(vocab_dir)\n",
        new="        if recover and os.path.isdir(vocab_dir):\n"
        "            vocab = Vocabulary.from_files(vocab_dir)\n",
        reason="A distributed run that was ended while it read its data could not be resumed.",
    ),
    Edit(
        name="interrupted",
        file="allennlp/commands/train.py",
        old="        subparser.set_defaults(func=train_model_from_args)\n",
        new="        subparser.set_defaults(func=resumable(train_model_from_args))\n",
        reason="A scheduler should be able to tell a run that can resume from one that failed.",
    ),
]
