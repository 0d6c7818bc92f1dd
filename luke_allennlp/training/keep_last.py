"""Training without model selection."""

from typing import Any, Dict, Optional

from allennlp.training import GradientDescentTrainer, TrainerCallback
from overrides import overrides


@TrainerCallback.register("keep_last")
class KeepLastCallback(TrainerCallback):
    """
    Registered as a `TrainerCallback` with name "keep_last".

    The last epoch's weights end up in the archive, whatever the validation metric says: the paper's runs on
    CoNLL-2003 and SQuAD select no epoch. Validation goes on as usual.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    """

    @overrides(check_signature=False)
    def on_epoch(
        self,
        trainer: GradientDescentTrainer,
        metrics: Dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Optional[Any],
    ) -> None:
        """Forgets the best value so far, so that the next epoch's is the best again."""
        tracker = trainer._metric_tracker
        tracker.load_state_dict({**tracker.state_dict(), "best_so_far": None})
