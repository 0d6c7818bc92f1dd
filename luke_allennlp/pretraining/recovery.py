"""What may change in the config of a pretraining that is recovered."""

from typing import Any, List

from allennlp.common import Params
from allennlp.training import util

# Updates do not depend on these, but for what dropout draws.
_MAY_DIFFER = ["distributed", "data_loader.max_tokens", "data_loader.num_workers"]
_MAY_DIFFER += ["validation_data_loader.max_tokens", "validation_data_loader.num_workers"]
_MAY_DIFFER += ["trainer.checkpointer", "trainer.log_every"]
# Either goes on with the averages of the other.
_OPTIMIZERS = ("fused_adamw", "zero_adamw")


def may_differ(params: Params, *_: Any) -> List[str]:
    """
    # Parameters

    params : `Params`
        The config of a run that is to go on.

    # Returns

    `List[str]`
        Keys that need not be as they were: where it runs, how much of a step goes to a device at once, what
        is saved and logged, and whether the optimizer shares its averages out.
    """
    trainer = params.as_dict(quiet=True).get("trainer") or {}
    if trainer.get("type") != "luke_pretraining":
        return []
    optimizer = trainer.get("optimizer") or {}
    shared = ["trainer.optimizer.type"] if optimizer.get("type") in _OPTIMIZERS else []
    # With one GPU there is no "distributed", and a key that says which.
    return [*_MAY_DIFFER, "trainer.cuda_device", *shared]


def _register() -> None:
    # The installed AllenNLP has it, if it was made by this checkout.
    registered = getattr(util, "may_differ_on_recover", None)
    if registered is not None and not any(check.__module__ == __name__ for check in registered):
        registered.append(may_differ)


_register()
