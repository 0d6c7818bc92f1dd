"""What makes the commands kinder: where a run goes, checks before it starts, errors of one line."""

from edits.edit import Edit

FOR_PEOPLE = [
    Edit(
        name="default-serialization-dir",
        file="allennlp/commands/train.py",
        old="""\
            "--serialization-dir",
            required=True,
            type=str,
            help="directory in which to save the model and its logs",
""",
        new="""\
            "--serialization-dir",
            type=str,
            help=(
                "directory in which to save the model and its logs (default = runs/ and the path of the "
                "parameter file, without training_configs/ and its ending)"
            ),
""",
        reason="`allennlp train CONFIG` is enough to say what is wanted.",
    ),
    Edit(
        name="default-serialization-dir",
        file="allennlp/commands/train.py",
        old="""\
    Just converts from an `argparse.Namespace` object to string paths.
    \"\"\"
    train_model_from_file(
        parameter_filename=args.param_path,
        serialization_dir=args.serialization_dir,
""",
        new="""\
    Just converts from an `argparse.Namespace` object to string paths.
    \"\"\"
    serialization_dir = args.serialization_dir
    if serialization_dir is None:
        serialization_dir = default_serialization_dir(args.param_path)
        print(f"Writing this run to {serialization_dir}", flush=True)
    train_model_from_file(
        parameter_filename=args.param_path,
        serialization_dir=serialization_dir,
""",
        reason="`allennlp train CONFIG` is enough to say what is wanted.",
    ),
    Edit(
        name="default-serialization-dir",
        file="allennlp/commands/train.py",
        old="def train_model_from_args(args: argparse.Namespace):\n",
        new="""\
def default_serialization_dir(param_path: str) -> str:
    \"\"\"
    Where a run goes when nobody said where: `training_configs/ner/conll.jsonnet` to `runs/ner/conll`.

    # Parameters

    param_path : `str`
        The path of the parameter file. What comes before `training_configs/` does not count, nor does
        the file's ending.

    # Returns

    `str`
        The path below `runs`.
    \"\"\"
    path = PurePath(os.path.splitext(param_path.split("://", 1)[-1])[0])
    parts = [part for part in path.parts if part != ".." and part != path.anchor]
    if "training_configs" in parts[:-1]:
        last = max(index for index, part in enumerate(parts[:-1]) if part == "training_configs")
        parts = parts[last + 1 :]
    return os.path.join("runs", *parts)


def train_model_from_args(args: argparse.Namespace):
""",
        reason="`allennlp train CONFIG` is enough to say what is wanted.",
    ),
    Edit(
        name="default-serialization-dir",
        file="allennlp/commands/train.py",
        old="from os import PathLike\nfrom typing import Any, Dict, List, Optional, Union\n",
        new="from os import PathLike\n"
        "from pathlib import PurePath\n"
        "from typing import Any, Callable, Dict, List, Optional, Union\n",
        reason="For the other edits of this file.",
    ),
    Edit(
        name="preflight-checks",
        file="allennlp/commands/train.py",
        old='\n\n@Subcommand.register("train")\n',
        new="""

preflight_checks: List[Callable[[Params], None]] = []
\"\"\"
Called by `train_model` with a copy of the parameters before anything else is done or written: the place to
find out that data or weights are missing. A check raises `ConfigurationError`. Packages append theirs when
they are imported.
\"\"\"


@Subcommand.register("train")
""",
        reason="What is wrong should be said at once, and not after the data has been read for an hour.",
    ),
    Edit(
        name="preflight-checks",
        file="allennlp/commands/train.py",
        old="    training_util.create_serialization_dir(params, serialization_dir, recover, force)\n",
        new="    for package_name in include_package or []:\n"
        "        common_util.import_module_and_submodules(package_name)\n"
        "    for check in preflight_checks:\n"
        "        check(params.duplicate())\n"
        "\n"
        "    training_util.create_serialization_dir(params, serialization_dir, recover, force)\n",
        reason="What is wrong should be said at once, and not after the data has been read for an hour.",
    ),
    Edit(
        name="existing-run-message",
        file="allennlp/training/util.py",
        old="""\
                f"not empty. Specify --recover to recover from an existing output folder."
""",
        new="""\
                f"not empty. Specify --recover to continue the run in it, --force to overwrite it, "
                f"or another directory with --serialization-dir."
""",
        reason="Names all that can be done.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/__main__.py",
        old='    main(prog="allennlp")\n',
        new="""\
    # A message that cannot be written, as on a full disk, is no reason for a traceback.
    logging.raiseExceptions = bool(os.environ.get("ALLENNLP_DEBUG"))
    try:
        main(prog="allennlp")
    except (ConfigurationError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        if os.environ.get("ALLENNLP_DEBUG"):
            raise
        sys.exit(f"allennlp: error: {' '.join(str(error).split())}")
    except OSError as error:
        # What a full disk, a quota and a limit on the size of files are.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if os.environ.get("ALLENNLP_DEBUG") or not full:
            raise
        sys.exit(
            f"allennlp: error: {error.filename or 'a file'} cannot be written: {error.strerror}; make room "
            "for it. Files that were complete before are kept: `train` with --recover goes on from the last "
            "checkpoint"
        )
    except (KeyboardInterrupt, SigTermReceived) as error:
        if os.environ.get("ALLENNLP_DEBUG"):
            raise
        print("allennlp: interrupted", file=sys.stderr)
        # What a shell reports of a process that died of SIGINT or SIGTERM.
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 143)
""",
        reason=(
            "Who misspelt a key wants to read which, not how deep in AllenNLP that was found. The "
            "traceback is there with ALLENNLP_DEBUG."
        ),
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/__main__.py",
        old="    from allennlp.commands import main  # noqa\n"
        "    from allennlp.common.util import install_sigterm_handler\n",
        new="    from allennlp.commands import main  # noqa\n"
        "    from allennlp.common.checks import ConfigurationError\n"
        "    from allennlp.common.util import SigTermReceived, install_sigterm_handler\n",
        reason="For the edit above.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/__main__.py",
        old="#!/usr/bin/env python\nimport logging\n",
        new="#!/usr/bin/env python\nimport errno\nimport logging\n",
        reason="For the edit above.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/common/params.py",
        old="        file_dict = json.loads(evaluate_file(params_file, ext_vars=ext_vars))\n",
        new="""\
        if os.path.isdir(params_file):
            # Jsonnet would abort the process.
            raise ConfigurationError(f"{params_file} is a directory; give a configuration file in it")
        try:
            file_dict = json.loads(evaluate_file(params_file, ext_vars=ext_vars))
        except (RuntimeError, json.JSONDecodeError) as error:
            # What Jsonnet says, and the first of the places on the way to it.
            message, *places = str(error).strip().split("\\n\\t")
            place = f" ({places[0].split()[0]})" if places else ""
            raise ConfigurationError(f"{params_file} cannot be read: {message}{place}") from error
        if not isinstance(file_dict, dict):
            raise ConfigurationError(
                f"{params_file} should hold one object, but holds {type(file_dict).__name__}"
            )
""",
        reason="A mistake in a configuration file is a ConfigurationError that names the file.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/common/params.py",
        old="        overrides_dict = parse_overrides(params_overrides, ext_vars=ext_vars)\n",
        new="""\
        try:
            overrides_dict = parse_overrides(params_overrides, ext_vars=ext_vars)
        except (RuntimeError, json.JSONDecodeError) as error:
            raise ConfigurationError(
                f"the overrides {params_overrides!r} cannot be read: {str(error).strip()}"
            ) from error
""",
        reason="A mistake in --overrides is a ConfigurationError too.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/common/params.py",
        old="""\
        raise ValueError(f"overrides dict contains unused keys: {unused_override_keys}")
""",
        new="""\
        raise ConfigurationError(
            f"the overrides set {', '.join(sorted(unused_override_keys))}, but the configuration has "
            "nothing in this place to change or to add to"
        )
""",
        reason="A misspelt path in --overrides is a ConfigurationError too.",
    ),
    Edit(
        name="one-line-errors",
        file="allennlp/common/params.py",
        old="""\
            raise ValueError(
                f"overrides for '{prefix[:-1]}.*' expected list or dict in original, "
                f"found {type(original)} instead"
            )
""",
        new="""\
            raise ConfigurationError(
                f"the overrides set something in {prefix[:-1]}, but the configuration has no object or "
                f"list there: {original!r}"
            )
""",
        reason="A misspelt path in --overrides is a ConfigurationError too.",
    ),
    Edit(
        name="environment-object",
        file="allennlp/common/params.py",
        old="    return {key: value for key, value in os.environ.items() if _is_encodable(value)}\n",
        new="""\
    variables = {key: value for key, value in os.environ.items() if _is_encodable(value)}
    # All of them once more as one object: a configuration can ask it for a variable that may not be set.
    return {**variables, "ALLENNLP_ENVIRONMENT": json.dumps(variables)}
""",
        reason="std.extVar fails where a variable is not set, so that no configuration could have a default.",
    ),
    Edit(
        name="evaluate-checks-the-file",
        file="allennlp/commands/evaluate.py",
        old="""\
        data_loader = DataLoader.from_params(
            params=data_loader_params, reader=dataset_reader, data_path=evaluation_data_path
        )
""",
        new="""\
        if hasattr(dataset_reader, "check_file"):
            before = logging.root.manager.disable
            logging.disable(logging.CRITICAL)
            try:
                dataset_reader.check_file(evaluation_data_path)
            finally:
                logging.disable(before)
        data_loader = DataLoader.from_params(
            params=data_loader_params, reader=dataset_reader, data_path=evaluation_data_path
        )
""",
        reason="Data without labels scored 0 in all metrics; a reader can say what is wrong with a file.",
    ),
    Edit(
        name="override-checks",
        file="allennlp/common/params.py",
        old='T = TypeVar("T", dict, list)\n',
        new="""\
override_checks: List[Callable[[str, Dict[str, Any], Dict[str, Any], Dict[str, str]], None]] = []
\"\"\"
Called by `Params.from_file` with the path of the configuration file, what it makes, the overrides before
they are applied, and the external variables. A check raises `ConfigurationError`. Packages append theirs
when they are imported.
\"\"\"


T = TypeVar("T", dict, list)
""",
        reason="A package knows what its own configurations are made from, and can say what to override.",
    ),
    Edit(
        name="override-checks",
        file="allennlp/common/params.py",
        old="            param_dict = with_overrides(file_dict, overrides_dict)\n",
        new="""\
            for check in override_checks:
                check(params_file, file_dict, overrides_dict, ext_vars)
            param_dict = with_overrides(file_dict, overrides_dict)
""",
        reason="For the edit above.",
    ),
    Edit(
        name="override-checks",
        file="allennlp/common/params.py",
        old="from typing import Any, Dict, List, Union, Optional, TypeVar, Iterable, Set\n",
        new="from typing import Any, Callable, Dict, List, Union, Optional, TypeVar, Iterable, Set\n",
        reason="For the edit above.",
    ),
    Edit(
        name="unused-overrides",
        file="allennlp/commands/evaluate.py",
        old="    config = deepcopy(archive.config)\n    prepare_environment(config)\n",
        new="""\
    reader, loader = (
        f"validation_{key}" if f"validation_{key}" in archive.config else key
        for key in ("dataset_reader", "data_loader")
    )
    refuse_unused_overrides(
        cmd_overrides,
        archive.config,
        "evaluate",
        ("model", reader, loader, "evaluation", "vocabulary", "random_seed", "numpy_seed", "pytorch_seed"),
        {"dataset_reader": reader, "data_loader": loader},
    )
    config = deepcopy(archive.config)
    prepare_environment(config)
""",
        reason="Overrides of what a command does not use, as of the reader for training, did nothing.",
    ),
    Edit(
        name="unused-overrides",
        file="allennlp/commands/evaluate.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp.commands.subcommand import Subcommand\n"
        "from allennlp.commands.unused_overrides import refuse_unused_overrides\n",
        reason="For the edit above.",
    ),
    Edit(
        name="unused-overrides",
        file="allennlp/commands/predict.py",
        old="    predictor_args = args.predictor_args.strip()\n",
        new="""\
    readers = ["dataset_reader", "validation_dataset_reader"]
    if args.dataset_reader_choice == "validation" and readers[1] in archive.config:
        readers.reverse()
    refuse_unused_overrides(
        args.overrides,
        archive.config,
        "predict",
        ("model", readers[0], "vocabulary"),
        {readers[1]: readers[0]},
    )

    predictor_args = args.predictor_args.strip()
""",
        reason="Overrides of what a command does not use, as of the reader for training, did nothing.",
    ),
    Edit(
        name="unused-overrides",
        file="allennlp/commands/predict.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp.commands.subcommand import Subcommand\n"
        "from allennlp.commands.unused_overrides import refuse_unused_overrides\n",
        reason="For the edit above.",
    ),
    Edit(
        name="missing-gpu",
        file="allennlp/common/checks.py",
        old="""\
        from allennlp.common.util import int_to_device

        device = int_to_device(device)
        if device != torch.device("cpu"):
            num_devices_available = cuda.device_count()
            if num_devices_available == 0:
                raise ConfigurationError(
                    "Experiment specified a GPU but none is available;"
                    " if you want to run on CPU use the override"
                    " 'trainer.cuda_device=-1' in the json config file."
                )
            elif device.index >= num_devices_available:
                raise ConfigurationError(
                    f"Experiment specified GPU device {device.index}"
                    f" but there are only {num_devices_available} devices "
                    f" available."
                )
""",
        new="""\
        if isinstance(device, int):
            # `torch.device(device)` is an error where there is no GPU at all.
            device = torch.device("cuda", device) if device >= 0 else torch.device("cpu")
        if device != torch.device("cpu"):
            num_devices_available = cuda.device_count()
            # Without an index it is the first one.
            index = device.index or 0
            if index >= num_devices_available:
                seen = {0: "no GPU", 1: "one GPU, 0"}.get(
                    num_devices_available, f"GPUs 0 to {num_devices_available - 1}"
                )
                raise ConfigurationError(
                    f"there is no GPU {index}, since torch sees {seen} here; -1 is the CPU, in "
                    "`--cuda-device` as in the configuration"
                )
""",
        reason="The message for any command was to change a key of the trainer.",
    ),
    Edit(
        name="missing-gpu",
        file="allennlp/commands/evaluate.py",
        old="    # Load from archive\n    archive = load_archive(\n",
        new="    cuda_device = chosen_device(cuda_device)\n"
        "    if batch_size is not None and batch_size < 1:\n"
        '        raise ConfigurationError(f"--batch-size is {batch_size}; expected at least 1")\n'
        "    # Load from archive\n    archive = load_archive(\n",
        reason="A GPU that is not there was a traceback, and a batch size of 0 the one of the archive.",
    ),
    Edit(
        name="missing-gpu",
        file="allennlp/commands/evaluate.py",
        old="from allennlp.common import logging as common_logging\n",
        new="from allennlp.common import logging as common_logging\n"
        "from allennlp.common.checks import chosen_device, ConfigurationError\n",
        reason="For the edit above.",
    ),
    Edit(
        name="missing-gpu",
        file="allennlp/commands/predict.py",
        old="    check_for_gpu(args.cuda_device)\n",
        new="    args.cuda_device = chosen_device(args.cuda_device)\n"
        "    if args.batch_size is not None and args.batch_size < 1:\n"
        '        raise ConfigurationError(f"--batch-size is {args.batch_size}; expected at least 1")\n',
        reason="With a batch size of 0 nothing was predicted, without a word.",
    ),
    Edit(
        name="gpu-by-default",
        file="allennlp/common/checks.py",
        old="def check_for_gpu(device",
        new="""\
def chosen_device(cuda_device: Optional[int]) -> int:
    \"\"\"
    The device of a command: the given one, otherwise the first GPU, or the CPU (-1) if there is none. Logs
    which it is.
    \"\"\"
    if cuda_device is None:
        cuda_device = 0 if cuda.is_available() else -1
    check_for_gpu(cuda_device)
    logger.info("Device: %s.", "the CPU" if cuda_device < 0 else f"GPU {cuda_device}")
    return cuda_device


def check_for_gpu(device""",
        reason="`evaluate` and `predict` ran on the CPU, unless told, where a GPU stood idle.",
    ),
    Edit(
        name="gpu-by-default",
        file="allennlp/common/checks.py",
        old="from typing import Any, List, Tuple, Union\n",
        new="from typing import Any, List, Optional, Tuple, Union\n",
        reason="For the edit above.",
    ),
    *(
        Edit(
            name="gpu-by-default",
            file=f"allennlp/commands/{command}.py",
            old="""\
            "--cuda-device", type=int, default=-1, help="id of GPU to use (if any)"
""",
            new="""\
            "--cuda-device",
            type=int,
            help="id of the GPU to use, -1 for the CPU (default = the first GPU if there is one)",
""",
            reason="For the edit above.",
        )
        for command in ("evaluate", "predict")
    ),
    Edit(
        name="gpu-by-default",
        file="allennlp/commands/predict.py",
        old="from allennlp.common.checks import check_for_gpu, ConfigurationError\n",
        new="from allennlp.common.checks import chosen_device, ConfigurationError\n",
        reason="For the edit above.",
    ),
    Edit(
        name="gpu-by-default",
        file="allennlp/commands/evaluate.py",
        old="    cuda_device: int = -1,\n",
        new="    cuda_device: Optional[int] = None,\n",
        reason="For the edit above.",
    ),
    Edit(
        name="gpu-by-default",
        file="allennlp/commands/evaluate.py",
        old="""\
    cuda_device: `int`, optional (default=`-1`)
        id of GPU to use (if any)
""",
        new="""\
    cuda_device: `int`, optional (default=`None`)
        id of the GPU to use, -1 for the CPU; by default the first GPU if there is one
""",
        reason="For the edit above.",
    ),
    Edit(
        name="print-results",
        file="allennlp/commands/print_results.py",
        old="""\
            with open(full_name) as file_:
                metrics = json.load(file_)
            results_dict[full_name] = metrics

    sorted_keys = sorted(list(results_dict.keys()))
""",
        new="""\
            with open(full_name) as file_:
                try:
                    metrics = dict(json.load(file_))
                except (TypeError, ValueError):
                    raise ConfigurationError(
                        f"{full_name} is no file of metrics, which holds one JSON object; leave its "
                        "directory out"
                    )
            results_dict[full_name] = metrics

    if not results_dict:
        raise ConfigurationError(
            f"there is no {metrics_name} in {path} or below; give the directory of a run that is "
            "finished, or one that holds such runs"
        )
    if keys is None:
        # All there are, in the order in which they come.
        keys = list(dict.fromkeys(key for name in sorted(results_dict) for key in results_dict[name]))
    sorted_keys = sorted(list(results_dict.keys()))
""",
        reason="Without --keys it was a traceback, and where there are no runs, a line of headings.",
    ),
    Edit(
        name="print-results",
        file="allennlp/commands/print_results.py",
        old="from allennlp.commands.subcommand import Subcommand\n",
        new="from allennlp.commands.subcommand import Subcommand\n"
        "from allennlp.common.checks import ConfigurationError\n",
        reason="For the edit above.",
    ),
    Edit(
        name="print-results",
        file="allennlp/commands/print_results.py",
        old="""\
            help="Keys to print from metrics.json."
            'Keys not present in all metrics.json will result in "N/A"',
""",
        new="""\
            help="Keys to print from metrics.json (default = all there are). "
            'Keys not present in all metrics.json will result in "N/A"',
""",
        reason="For the first of these.",
    ),
    Edit(
        name="evaluate-prints",
        file="allennlp/commands/evaluate.py",
        old="    return evaluate_from_archive(\n        archive_file=args.archive_file,\n",
        new="    metrics = evaluate_from_archive(\n        archive_file=args.archive_file,\n",
        reason="`allennlp evaluate` showed its metrics only in the progress bar, unless given a file.",
    ),
    Edit(
        name="evaluate-prints",
        file="allennlp/commands/evaluate.py",
        old="""\
        batch_weight_key=args.batch_weight_key,
        auto_names=args.auto_names,
    )
""",
        new="""\
        batch_weight_key=args.batch_weight_key,
        auto_names=args.auto_names,
    )
    print(json.dumps(metrics, indent=2))
    return metrics
""",
        reason="`allennlp evaluate` showed its metrics only in the progress bar, unless given a file.",
    ),
    Edit(
        name="misconfigured-run-leaves-nothing",
        file="allennlp/commands/train.py",
        old="""\
    params = Params.from_file(parameter_filename, overrides)
    return train_model(
        params=params,
        serialization_dir=serialization_dir,
        recover=recover,
        force=force,
        node_rank=node_rank,
        include_package=include_package,
        dry_run=dry_run,
        file_friendly_logging=file_friendly_logging,
        return_model=return_model,
    )
""",
        new="""\
    params = Params.from_file(parameter_filename, overrides)
    is_new = not (os.path.isdir(serialization_dir) and directory_contents(serialization_dir))
    try:
        return train_model(
            params=params,
            serialization_dir=serialization_dir,
            recover=recover,
            force=force,
            node_rank=node_rank,
            include_package=include_package,
            dry_run=dry_run,
            file_friendly_logging=file_friendly_logging,
            return_model=return_model,
        )
    except ConfigurationError:
        if is_new and node_rank == 0:
            _discard_unstarted_run(serialization_dir)
        raise
""",
        reason="What a mistake in the configuration stops at once should not be in the way of the next try.",
    ),
    Edit(
        name="misconfigured-run-leaves-nothing",
        file="allennlp/commands/train.py",
        old="def train_model_from_file(\n",
        new="""\
def _discard_unstarted_run(serialization_dir: Union[str, PathLike]) -> None:
    \"\"\"
    Removes the directory of a run that ended before there were weights or metrics to keep.
    \"\"\"
    try:
        with locked_directory(serialization_dir):
            names = os.listdir(serialization_dir)
            kept = ("metrics", "checkpoints")
            if not any(name.endswith((".th", ".tar.gz")) or name.startswith(kept) for name in names):
                shutil.rmtree(serialization_dir, ignore_errors=True)
    except ConfigurationError:
        pass  # another run has begun there


def train_model_from_file(
""",
        reason="For the edit above.",
    ),
    Edit(
        name="misconfigured-run-leaves-nothing",
        file="allennlp/commands/train.py",
        old="import warnings\n\nimport torch\n",
        new="import shutil\nimport warnings\n\nimport torch\n",
        reason="For the edit above.",
    ),
    Edit(
        name="predict-names-the-line",
        file="allennlp/commands/predict.py",
        old="""\
            for line in sys.stdin:
                if not line.isspace():
                    yield self._predictor.load_line(line)
        else:
            input_file = cached_path(self._input_file)
            with open_compressed(input_file) as file_input:
                for line in file_input:
                    if not line.isspace():
                        yield self._predictor.load_line(line)
""",
        new="""\
            if hasattr(sys.stdin, "reconfigure"):
                sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
            yield from self._load_lines("standard input", sys.stdin)
        else:
            input_file = cached_path(self._input_file)
            with open_compressed(input_file, errors="surrogateescape") as file_input:
                yield from self._load_lines(self._input_file, file_input)

    def _load_lines(self, source: str, lines: Iterable[str]) -> Iterator[JsonDict]:
        for number, line in enumerate(lines, start=1):
            name = f"{source}, line {number}"
            try:
                # Bytes that are not UTF-8 came through as surrogates, so that their line is known.
                line = line.encode("utf-8", errors="surrogateescape").decode("utf-8")
                if number == 1:  # a byte order mark is no part of the text
                    line = line.removeprefix("\ufeff")
                if not line.strip():
                    continue
                record = self._predictor.load_line(line)
            except json.JSONDecodeError as error:
                raise ConfigurationError(
                    f"{name}: is no JSON ({error.msg.removesuffix(' at')} at character {error.pos + 1}); "
                    "expected one JSON object on each line"
                ) from error
            except RecursionError as error:
                raise ConfigurationError(f"{name}: is nested too deeply to be read") from error
            except UnicodeError as error:
                raise ConfigurationError(
                    f"{name}: is not UTF-8 ({error.reason} at byte {error.start + 1}); convert the file"
                ) from error
            self._names.append(name)
            yield record
""",
        reason="A broken line of the input was a traceback that said neither which file nor which line.",
    ),
    Edit(
        name="predict-names-the-line",
        file="allennlp/commands/predict.py",
        old="""\
        if len(batch_data) == 1:
            results = [self._predictor.predict_json(batch_data[0])]
        else:
            results = self._predictor.predict_batch_json(batch_data)
        for output in results:
            yield self._predictor.dump_line(output)

    def _predict_instances""",
        new="""\
        names, self._names = self._names, []

        def predict(part: slice) -> List[JsonDict]:
            # What a predictor may call its inputs in an error.
            self._predictor.input_names = names[part]
            records = batch_data[part]
            if len(records) == 1:
                return [self._predictor.predict_json(records[0])]
            return self._predictor.predict_batch_json(records)

        for output in _in_parts(predict, 0, len(batch_data)):
            yield self._predictor.dump_line(output)

    def _predict_instances""",
        reason="A record that a predictor refused was known by its count among the inputs alone.",
    ),
    Edit(
        name="predict-names-the-line",
        file="allennlp/commands/predict.py",
        old="        self._predictor = predictor\n        self._input_file = input_file\n",
        new="""\
        self._predictor = predictor
        # Of the inputs that are read and not yet predicted.
        self._names: List[str] = []
        self._input_file = input_file
""",
        reason="For the edit above.",
    ),
    Edit(
        name="predict-names-the-line",
        file="allennlp/commands/predict.py",
        old="from typing import List, Iterator, Optional\n",
        new="import time\nfrom typing import Callable, Iterable, Iterator, List, Optional, Tuple, TypeVar\n",
        reason="For the edit above.",
    ),
    Edit(
        name="predict-keeps-what-it-has",
        file="allennlp/commands/predict.py",
        old="class _PredictManager:\n",
        new="""\
_Item = TypeVar("_Item")


def _groups_of(
    items: Iterable[_Item], size: Optional[int], largest: int
) -> Iterator[List[_Item]]:
    \"\"\"
    As `lazy_groups_of`, but what was read before an error comes out before it, and without a size the groups
    grow from one item to the largest, as long as one takes few seconds.
    \"\"\"
    group: List[_Item] = []
    limit = size or 1
    try:
        for item in items:
            group.append(item)
            if len(group) == limit:
                start = time.monotonic()
                yield group
                group = []
                if size is None:
                    is_short = time.monotonic() - start < 5
                    limit = min(2 * limit, largest) if is_short else max(limit // 2, 1)
    except ConfigurationError:
        if group:
            yield group
        raise
    if group:
        yield group


def _in_parts(
    predict: Callable[[slice], List[JsonDict]], start: int, end: int
) -> Iterator[JsonDict]:
    \"\"\"
    The predictions for some inputs. If one of them is bad, those for the inputs before it come before the
    error, in few parts.
    \"\"\"
    try:
        results = predict(slice(start, end))
    except ConfigurationError:
        if end - start == 1:
            raise
        results = None
    if results is not None:
        yield from results
        return
    middle = (start + end) // 2
    yield from _in_parts(predict, start, middle)
    yield from _in_parts(predict, middle, end)


class _PredictManager:
""",
        reason="A bad record took those of its batch that stand before it along.",
    ),
    Edit(
        name="predict-keeps-what-it-has",
        file="allennlp/commands/predict.py",
        old="""\
        has_reader = self._dataset_reader is not None
        index = 0
        if has_reader:
            for batch in lazy_groups_of(self._get_instance_data(), self._batch_size):
                for model_input_instance, result in zip(batch, self._predict_instances(batch)):
                    self._maybe_print_to_console_and_file(index, result, str(model_input_instance))
                    index = index + 1
        else:
            for batch_json in lazy_groups_of(self._get_json_data(), self._batch_size):
                for model_input_json, result in zip(batch_json, self._predict_json(batch_json)):
                    self._maybe_print_to_console_and_file(
                        index, result, json.dumps(model_input_json)
                    )
                    index = index + 1

        if self._output_file is not None:
            self._output_file.close()
""",
        new="""\
        index = 0
        try:
            for model_input, result in self._inputs_and_results():
                self._maybe_print_to_console_and_file(index, result, model_input)
                index = index + 1
        except ConfigurationError as error:
            if self._output_file is None or not index:
                raise
            written = f"{self._output_file.name} has the predictions that come before it: {index}."
            raise ConfigurationError(f"{error.message.rstrip('.')}. {written}") from error
        finally:
            if self._output_file is not None:
                self._output_file.close()

    def _inputs_and_results(self) -> Iterator[Tuple[str, str]]:
        if self._dataset_reader is not None:
            for batch in self._groups_of(self._get_instance_data()):
                for model_input_instance, result in zip(batch, self._predict_instances(batch)):
                    yield str(model_input_instance), result
        else:
            for batch_json in self._groups_of(self._get_json_data()):
                for model_input_json, result in zip(batch_json, self._predict_json(batch_json)):
                    yield json.dumps(model_input_json), result

    def _groups_of(self, items: Iterable[_Item]) -> Iterator[List[_Item]]:
        # Whoever types the inputs waits for each result.
        is_typed = self._dataset_reader is None and self._input_file == "-"
        largest = 1 if is_typed else getattr(self._predictor, "largest_group", 1)
        return _groups_of(items, self._batch_size, largest)
""",
        reason="For the edit above.",
    ),
    Edit(
        name="predict-keeps-what-it-has",
        file="allennlp/commands/predict.py",
        old="""\
        if len(batch_data) == 1:
            results = [self._predictor.predict_instance(batch_data[0])]
        else:
            results = self._predictor.predict_batch_instance(batch_data)
        for output in results:
            yield self._predictor.dump_line(output)
""",
        new="""\
        def predict(part: slice) -> List[JsonDict]:
            instances = batch_data[part]
            if len(instances) == 1:
                return [self._predictor.predict_instance(instances[0])]
            return self._predictor.predict_batch_instance(instances)

        for output in _in_parts(predict, 0, len(batch_data)):
            yield self._predictor.dump_line(output)
""",
        reason="For the edit above.",
    ),
    Edit(
        name="predict-keeps-what-it-has",
        file="allennlp/commands/predict.py",
        old="""\
            print("prediction: ", prediction)
        if self._output_file is not None:
            self._output_file.write(prediction)
""",
        new="""\
            print("prediction: ", prediction, flush=True)
        if self._output_file is not None:
            self._output_file.write(prediction)
            self._output_file.flush()
""",
        reason="Predictions stayed in buffers, where a kill lost them and a pipe waited for them.",
    ),
    Edit(
        name="predict-in-groups",
        file="allennlp/commands/predict.py",
        old="""\
            "--batch-size", type=int, default=1, help="The batch size to use for processing"
""",
        new="""\
            "--batch-size",
            type=int,
            help="how many inputs to hand to the predictor at once (default = 1; of a file, a predictor that "
            "makes its own batches is handed 1, 2, 4 and so on up to 1024, as long as they take few seconds)",
""",
        reason="A predictor that sorts its inputs by length is faster the more it has of them.",
    ),
    Edit(
        name="predict-in-groups",
        file="allennlp/commands/predict.py",
        old="        batch_size: int,\n        print_to_console: bool,\n",
        new="        batch_size: Optional[int],\n        print_to_console: bool,\n",
        reason="For the edit above.",
    ),
]
