"""
The `AdamW` that `transformers` had up to version 4.57.

`torch.optim.AdamW` is not the same: it cannot leave out the bias correction, decays before the step instead
of after it, and adds `eps` after the correction of the second moment.
"""

import math
from collections import defaultdict
from typing import Any, Callable, DefaultDict, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import torch

# The step from which Adam's corrections, 1 - beta ** step, are exactly 1 for every beta up to 0.99999.
_LATE = 1e7


class AdamW(torch.optim.Optimizer):
    """
    Adam with decoupled weight decay ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)), where
    the decay `p <- p - lr * weight_decay * p` comes after Adam's step. In torch's fused kernel if possible.

    # Parameters

    params : `Iterable[torch.nn.Parameter]` or `Iterable[Dict[str, Any]]`
        What to optimize, or groups of it with options of their own.
    lr : `float`, optional (default = `1e-3`)
        The learning rate.
    betas : `Tuple[float, float]`, optional (default = `(0.9, 0.999)`)
        How much of the running averages of the gradient and of its square is kept at each step.
    eps : `float`, optional (default = `1e-6`)
        Added to the root of the second average.
    weight_decay : `float`, optional (default = `0.0`)
        The decoupled weight decay.
    correct_bias : `bool`, optional (default = `True`)
        Whether the averages are corrected for starting at zero. BERT's original code does not, and neither
        does LUKE's.
    """

    def __init__(
        self,
        params: Union[Iterable[torch.nn.Parameter], Iterable[Dict[str, Any]]],
        lr: float = 1e-3,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        correct_bias: bool = True,
    ) -> None:
        if lr < 0.0:
            raise ValueError(f"lr must be at least 0.0, but is {lr}.")
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"betas must be at least 0.0 and below 1.0, but are {betas}.")
        if eps < 0.0:
            raise ValueError(f"eps must be at least 0.0, but is {eps}.")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "correct_bias": correct_bias,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Optional[Callable[[], float]] = None) -> Optional[float]:  # type: ignore[override]
        """
        Makes one step with the gradients as they are.

        # Parameters

        closure : `Callable[[], float]`, optional (default = `None`)
            Called first, to compute the loss and the gradients anew.

        # Returns

        `Optional[float]`
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            # What a single fused operation can work on: one device, one type, one step count (a parameter
            # that had no gradient for a while lags behind the others).
            alike: DefaultDict[Tuple[torch.device, torch.dtype, int], List[torch.Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.grad.is_sparse:
                    raise RuntimeError(
                        "huggingface_adamw does not take sparse gradients: use the dense_sparse_adam"
                        " optimizer, or an embedding with `sparse: false`."
                    )
                state = self.state[parameter]
                if not state:
                    state["step"] = 0
                    state["exp_avg"] = torch.zeros_like(parameter)
                    state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] += 1
                alike[parameter.device, parameter.dtype, state["step"]].append(parameter)
            for (_, _, step), parameters in alike.items():
                self._update(parameters, step, group)
        return loss

    def _update(self, parameters: List[torch.Tensor], step: int, group: Dict[str, Any]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        averages = [self.state[parameter]["exp_avg"] for parameter in parameters]
        squares = [self.state[parameter]["exp_avg_sq"] for parameter in parameters]
        beta1, beta2 = group["betas"]
        step_size = group["lr"]
        if group["correct_bias"]:
            step_size = step_size * math.sqrt(1.0 - beta2**step) / (1.0 - beta1**step)
        decay = group["lr"] * group["weight_decay"]
        if 0.0 <= decay < 1.0 and step_size > 0.0 and _can_fuse([*parameters, *gradients]):
            # torch's kernel decays before the step, which is therefore as much smaller as the decay after it
            # would have made it. The correction of the bias is in the step's size.
            rate = step_size * (1.0 - decay)
            late = torch.full((), _LATE, dtype=torch.float32, device=parameters[0].device)
            torch._fused_adamw_(
                parameters,
                gradients,
                averages,
                squares,
                [],
                [late] * len(parameters),
                lr=rate,
                beta1=beta1,
                beta2=beta2,
                weight_decay=decay / rate,
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
            return

        torch._foreach_mul_(averages, beta1)
        torch._foreach_add_(averages, gradients, alpha=1.0 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1.0 - beta2)
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_add_(denominators, group["eps"])
        torch._foreach_addcdiv_(parameters, averages, denominators, value=-step_size)
        if decay > 0.0:
            torch._foreach_add_(parameters, parameters, alpha=-decay)


def _can_fuse(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether torch's fused kernel takes them; on CPUs it reads memory as it lies."""
    return hasattr(torch, "_fused_adamw_") and all(
        tensor.device.type in ("cpu", "cuda")
        and tensor.dtype in (torch.float32, torch.float64)
        and tensor.is_contiguous()
        for tensor in tensors
    )
