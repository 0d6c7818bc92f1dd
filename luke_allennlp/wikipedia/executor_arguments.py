"""Options of commands that say where their tasks run."""

import argparse

from allennlp.common.checks import ConfigurationError

from luke_allennlp.wikipedia.executors import Executor


def add_executor_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where a command's tasks run."""
    group = parser.add_argument_group("where tasks run")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="tasks that run at a time (default: 1; as many as there is room for on Slurm and Ray)",
    )
    group.add_argument(
        "--executor",
        choices=("local", "slurm", "ray"),
        default="local",
        help="processes of this machine, or jobs of Slurm or Ray (default: local)",
    )
    group.add_argument("--slurm-partition", default="", metavar="NAME", help="for --executor slurm")
    group.add_argument(
        "--slurm-time", default="24:00:00", metavar="HH:MM:SS", help="of a job (default: 24:00:00)"
    )
    group.add_argument(
        "--memory-gb",
        type=int,
        default=4,
        metavar="N",
        help="of a task, on Slurm and Ray (default: 4); one for all stages, of which those that merge the "
        "counts of a whole Wikipedia need about 8",
    )


def executor_from_args(args: argparse.Namespace) -> Executor:
    """
    The executor of the options of `add_executor_arguments`.

    # Raises

    `ConfigurationError`
        A number is less than 1, or Slurm's partition is missing.
    """
    for option, value in (("--workers", args.workers), ("--memory-gb", args.memory_gb)):
        if value is not None and value < 1:
            raise ConfigurationError(f"{option} is {value}; expected 1 or more.")
    if args.executor == "slurm" and not args.slurm_partition:
        raise ConfigurationError("--executor slurm needs the partition: give --slurm-partition NAME.")
    return Executor(args.executor, args.workers, args.slurm_time, args.slurm_partition, args.memory_gb)
