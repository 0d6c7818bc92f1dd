"""AdamW, fused, optionally without bias correction and with a sharded state."""

from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.optimizers import Optimizer, ParameterGroupsType, make_parameter_groups
from overrides import overrides

# Adam's corrections are 1 - beta ** step. From here on they are exactly 1 for every beta up to 0.99999, and
# float32 still counts in ones for six million updates.
_LATE = 1e7


@Optimizer.register("fused_adamw")
class FusedAdamW(Optimizer, torch.optim.AdamW):
    """
    Registered as an `Optimizer` with name "fused_adamw".

    Adam with decoupled weight decay in torch's fused kernel, which reads and writes each tensor once and
    needs no memory of its own: that matters for an entity table of 500,000 x 256. Unlike `torch.optim.AdamW`,
    it can omit the bias correction of the averages, as LUKE's pretraining did.

    One update, without the correction, is
    `p <- p - lr * (average / (sqrt(average of squares) + eps) + weight_decay * p)`, as in the original
    system; "huggingface_adamw" differs from it by `lr ** 2 * weight_decay`.

    # Parameters

    model_parameters : `List[Tuple[str, torch.nn.Parameter]]`
        This argument does not get an entry in a configuration file for the object.
    parameter_groups : `List[Tuple[List[str], Dict[str, Any]]]`, optional (default = `None`)
        Regular expressions, and the options of the parameters whose names they match.
    lr : `float`, optional (default = `1e-5`)
        The learning rate.
    betas : `Tuple[float, float]`, optional (default = `(0.9, 0.999)`)
        Decay rates of the two averages.
    eps : `float`, optional (default = `1e-6`)
        Added to the denominator.
    weight_decay : `float`, optional (default = `0.01`)
        Decoupled weight decay.
    correct_bias : `bool`, optional (default = `True`)
        If false, no bias correction.
    """

    def __init__(
        self,
        model_parameters: List[Tuple[str, torch.nn.Parameter]],
        parameter_groups: Optional[ParameterGroupsType] = None,
        lr: float = 1e-5,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        correct_bias: bool = True,
    ) -> None:
        torch.optim.AdamW.__init__(
            self,
            make_parameter_groups(model_parameters, parameter_groups),
            lr=lr,
            betas=(betas[0], betas[1]),
            eps=eps,
            weight_decay=weight_decay,
            fused=True,
        )
        self._correct_bias = correct_bias

    @overrides(check_signature=False)
    def step(self, closure: Optional[Callable[[], float]] = None) -> Optional[float]:
        """Updates the parameters that have a gradient."""
        prepare_states(self, self._correct_bias)
        return torch.optim.AdamW.step(self, closure)


class _LocalAdamW(torch.optim.AdamW):
    """What `ZeroRedundancyOptimizer` constructs for the parameters of one process."""

    def __init__(self, params: Any, correct_bias: bool, **options: Any) -> None:
        super().__init__(params, fused=True, **options)
        self._correct_bias = correct_bias

    @overrides(check_signature=False)
    def step(self, closure: Optional[Callable[[], float]] = None) -> Optional[float]:
        prepare_states(self, self._correct_bias)
        return super().step(closure)


def prepare_states(optimizer: torch.optim.Optimizer, correct_bias: bool) -> None:
    """
    Initialises the state of parameters that have a gradient and no state yet. Without `correct_bias`, steps
    are counted from where the corrections are 1.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = optimizer.state[parameter]
            if not state:
                start = 0.0 if correct_bias else _LATE
                state["step"] = torch.tensor(start, dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            elif state["step"].device != parameter.device:
                # A loaded `ZeroRedundancyOptimizer` has it on the CPU.
                state["step"] = state["step"].to(parameter.device)


@Optimizer.register("zero_adamw", constructor="of_process_group")
class ZeroAdamW(FusedAdamW):
    """
    Registered as an `Optimizer` with name "zero_adamw".

    [`FusedAdamW`](#fusedadamw) with its averages sharded over the processes of a distributed run by torch's
    `ZeroRedundancyOptimizer`: each process updates the parameters whose averages it has, and sends them to
    the others. The updates are the same. A parameter is never split: one process has all averages of the
    entity table. In a single process this is `FusedAdamW`.

    A checkpoint has all averages, and can be resumed by any number of processes with either optimizer.

    `benchmarks/entity_table_optimizer.py` measures both.
    """

    @classmethod
    def of_process_group(
        cls,
        model_parameters: List[Tuple[str, torch.nn.Parameter]],
        parameter_groups: Optional[ParameterGroupsType] = None,
        lr: float = 1e-5,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        correct_bias: bool = True,
    ) -> torch.optim.Optimizer:
        """Parameters as of [`FusedAdamW`](#fusedadamw)."""
        options: Dict[str, Any] = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        if not is_distributed() or dist.get_world_size() == 1:
            return cls(model_parameters, parameter_groups, correct_bias=correct_bias, **options)
        # Its import takes a moment.
        from torch.distributed.optim import ZeroRedundancyOptimizer

        groups = make_parameter_groups(model_parameters, parameter_groups)
        return ZeroRedundancyOptimizer(groups, _LocalAdamW, correct_bias=correct_bias, **options)


def kind_of_state(optimizer: torch.optim.Optimizer) -> str:
    """Optimizers of the same kind can load each other's state."""
    is_sharded = isinstance(getattr(optimizer, "optim", None), _LocalAdamW)
    return "fused_adamw" if is_sharded or isinstance(optimizer, FusedAdamW) else type(optimizer).__name__


def consolidate(optimizer: torch.optim.Optimizer) -> None:
    """
    Collects a sharded optimizer's state in the first process. All processes must call this; with any other
    optimizer it does nothing.
    """
    if hasattr(optimizer, "consolidate_state_dict"):
        optimizer.consolidate_state_dict(to=0)
        if torch.cuda.is_available():
            # The copies to the CPU are not waited for.
            torch.cuda.synchronize()
