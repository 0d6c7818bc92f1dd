"""What the processes of a run tell each other, so that they go on or end together."""

from typing import Any, List, NamedTuple, NoReturn, Optional

import torch
import torch.distributed as dist
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import is_distributed


class Agreement(NamedTuple):
    """
    Before a step or behind a validation, summed over the processes.

    # Parameters

    masked_words : `int`, optional (default = `0`)
    masked_entities : `int`, optional (default = `0`)
    stopping : `int`, optional (default = `0`)
        How many are asked to end.
    saving : `int`, optional (default = `0`)
        How many want a checkpoint.
    failing : `int`, optional (default = `0`)
        How many cannot go on, for an error.
    missing : `int`, optional (default = `0`)
        How many have no batch.
    """

    masked_words: int = 0
    masked_entities: int = 0
    stopping: int = 0
    saving: int = 0
    failing: int = 0
    missing: int = 0

    def of_all(self, device: torch.device) -> "Agreement":
        """
        The sums over all processes, all of which have to call this.

        # Parameters

        device : `torch.device`
            A device of this process that the process group can send from.
        """
        sums = sum_over_processes(torch.tensor(self, dtype=torch.float64), device)
        return Agreement(*(int(value) for value in sums))


def sum_over_processes(values: torch.Tensor, device: torch.device) -> List[float]:
    """
    # Parameters

    values : `torch.Tensor`
        Shape: (values,)
    device : `torch.device`
        As of `Agreement.of_all`.
    """
    if is_distributed():
        values = values.to(device)
        dist.all_reduce(values)
    return values.tolist()


def fail_together(error: Optional[Exception]) -> NoReturn:
    """
    Ends this process for an error of its own or of another one, which would be waited for otherwise. All
    processes have to call this.

    # Parameters

    error : `Exception`, optional
        This process's own.

    # Raises

    `Exception`
        This process's own error.
    `ConfigurationError`
        It has none: with the rank of the first process that has, and its message.
    """
    messages: List[Any] = [None]
    if is_distributed():
        messages = [None] * dist.get_world_size()
        dist.all_gather_object(messages, None if error is None else _message(error))
    if error is not None:
        raise error
    rank, message = next((rank, message) for rank, message in enumerate(messages) if message is not None)
    raise ConfigurationError(f"Process {rank} of {len(messages)} could not go on: {message}")


def _message(error: Exception) -> str:
    return error.message if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
