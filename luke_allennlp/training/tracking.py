"""Figures of a run for TensorBoard and Weights & Biases."""

import os
import uuid
from pathlib import Path
from typing import Any, ClassVar, Dict, Optional, Tuple, Union

from allennlp import console
from allennlp.training import TrainerCallback
from allennlp.training.callbacks.log_writer import LogWriterCallback
from overrides import overrides

from luke_allennlp.common.files import read_object
from luke_allennlp.common.requirements import required
from luke_allennlp.training.run_console import line

_Scalars = Dict[str, Union[int, float]]


class StepTracking(LogWriterCallback):
    """
    The base class of callbacks that track a run of the trainer "luke" by its steps: every `log_every` steps
    `train/loss`, `learning_rate`, `tokens_per_second` (words and entities), `memory_gb`, `step_seconds`,
    `gradient_norm` if there is one, and the model's figures; and `validation/` with each metric of a
    validation. The last step is the number of updates so far.
    """

    needed_module: ClassVar[str]
    """The module without which a run is refused before it starts."""

    # The trainer hands over figures when it has them. For these it would wait for the device at each step.
    on_batch = TrainerCallback.on_batch
    on_epoch = TrainerCallback.on_epoch

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir, should_log_parameter_statistics=False)

    @classmethod
    def needed(cls) -> Any:
        """The module. Raises a `ConfigurationError` if it is not installed."""
        return required(cls.needed_module, "tracking", f"the callback {cls.__name__} needs it")

    @property
    def _step(self) -> int:
        assert self.trainer is not None
        return self.trainer._total_batches_completed

    @overrides
    def log_tensors(self, tensors: Any, log_prefix: str = "", epoch: Optional[int] = None) -> None:
        pass  # not asked for


@TrainerCallback.register("luke_tensorboard")
class TensorBoard(StepTracking):
    """
    Registered as a `TrainerCallback` with name "luke_tensorboard".

    Writes the figures of a run to `log/train` and `log/validation` in its directory, for
    `tensorboard --logdir runs`.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    flush_secs : `int`, optional (default = `30`)
        The seconds between two writes to the disk.
    """

    needed_module = "tensorboard"

    def __init__(self, serialization_dir: str, flush_secs: int = 30) -> None:
        super().__init__(serialization_dir)
        self.needed()
        self._flush_secs = flush_secs
        self._writers: Dict[str, Any] = {}

    @overrides
    def log_scalars(self, scalars: _Scalars, log_prefix: str = "", epoch: Optional[int] = None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if log_prefix not in self._writers:
            directory = os.path.join(self.serialization_dir, "log", log_prefix)
            # A run that resumes replaces what came after its checkpoint.
            writer: Any = SummaryWriter(directory, flush_secs=self._flush_secs, purge_step=self._step)
            self._writers[log_prefix] = writer
        for name, value in scalars.items():
            self._writers[log_prefix].add_scalar(f"{log_prefix}/{name}", value, self._step)

    @overrides
    def close(self) -> None:
        super().close()
        for writer in self._writers.values():
            writer.close()


@TrainerCallback.register("luke_wandb")
class WeightsAndBiases(StepTracking):
    """
    Registered as a `TrainerCallback` with name "luke_wandb".

    Sends the figures of a run, its config and its log to Weights & Biases. `WANDB_MODE=offline` keeps them in
    `wandb` in the run's directory, or `WANDB_DIR`, for `wandb sync`. A run that resumes continues there, too.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    project : `str`
        Where Weights & Biases collects the runs.
    entity, group, name, notes : `str`, optional (default = `None`)
        Of the run, as of `wandb.init`. By default the name is the run's directory.
    tags : `Tuple[str, ...]`, optional (default = `()`)
        Of the run, as of `wandb.init`.
    files_to_save : `Tuple[str, ...]`, optional (default = `("config.json", "environment.json", "out.log")`)
        Files of the run's directory that are sent, too.
    wandb_kwargs : `Dict[str, Any]`, optional (default = `None`)
        Further arguments of `wandb.init`.
    """

    needed_module = "wandb"

    def __init__(
        self,
        serialization_dir: str,
        project: str,
        entity: Optional[str] = None,
        group: Optional[str] = None,
        name: Optional[str] = None,
        notes: Optional[str] = None,
        tags: Tuple[str, ...] = (),
        files_to_save: Tuple[str, ...] = ("config.json", "environment.json", "out.log"),
        wandb_kwargs: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(serialization_dir)
        self.needed()
        self._files_to_save = files_to_save
        self._options: Dict[str, Any] = {
            "dir": os.environ.get("WANDB_DIR") or os.path.abspath(serialization_dir),
            "project": project,
            "entity": entity,
            "group": group,
            "name": name or os.path.normpath(serialization_dir),
            "notes": notes,
            "tags": list(tags),
            "resume": "allow",
            "settings": {"silent": not console.is_verbose()},
            **(wandb_kwargs or {}),
        }
        self._run_id = uuid.uuid4().hex[:8]
        self._run: Any = None

    @overrides
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if not is_primary:
            return
        directory = Path(self.serialization_dir)
        config = read_object(directory / "config.json")
        self._run = self.needed().init(id=self._run_id, config=config, **self._options)
        line("W&B", self._run.url or f"{self._run.dir}, to be sent by `wandb sync`")
        for name in self._files_to_save:
            if (directory / name).exists():
                self._run.save(str(directory / name), base_path=str(directory), policy="live")

    @overrides
    def log_scalars(self, scalars: _Scalars, log_prefix: str = "", epoch: Optional[int] = None) -> None:
        self._run.log({f"{log_prefix}/{name}": value for name, value in scalars.items()}, step=self._step)

    @overrides
    def close(self) -> None:
        super().close()
        if self._run is not None:
            self._run.finish()

    @overrides
    def state_dict(self) -> Dict[str, Any]:
        return {"run_id": self._run_id}

    @overrides
    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        self._run_id = state_dict["run_id"]
