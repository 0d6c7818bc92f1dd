"""Evaluates a model, with results that do not depend on the batches."""

import os
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Union

import torch
from allennlp import console
from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.util import dump_metrics, int_to_device, sanitize
from allennlp.data import Batch, DataLoader
from allennlp.evaluation import Evaluator, SimpleEvaluator
from allennlp.models import Model
from overrides import overrides

from luke_allennlp.common.files import written_whole
from luke_allennlp.common.text_lines import listed
from luke_allennlp.training.health import warn_of_links, warn_of_nothing_predicted
from luke_allennlp.training.processes import to_device
from luke_allennlp.training.run_console import counts_of
from luke_allennlp.training.scores import score_table
from luke_allennlp.training.step_loader import StepDataLoader

_Path = Union[str, os.PathLike, None]

# With other loaders than "luke" it does what "simple" does.
Evaluator.default_implementation = "luke"


@Evaluator.register("luke")
class LukeEvaluator(SimpleEvaluator):
    """
    Registered as an `Evaluator` with name "luke". It is the default.

    Evaluates a model with results that do not depend on the batches, up to rounding. The loss is the mean
    over all predictions or, for a model without `num_targets`, over all instances; that of extractive QA with
    `paper_compatible` includes padding, as the original system's, and so depends on the batches. Predictions
    are written in the order of the file, one line per instance: what AllenNLP writes for a batch of this
    instance alone.

    With a data loader of another type than "luke", it is AllenNLP's "simple".

    # Parameters

    batch_serializer : `Serializer`, optional (default = `None`)
        Makes a line of a batch of one instance and its output. By default `SimpleSerializer`.
    cuda_device : `Union[int, torch.device]`, optional (default = `-1`)
        Where the model is.
    postprocessor_fn_name : `str`, optional (default = `"make_output_human_readable"`)
        The model's method for outputs that are written.
    """

    @overrides
    def __call__(
        self,
        model: Model,
        data_loader: DataLoader,
        batch_weight_key: Optional[str] = None,
        metrics_output_file: _Path = None,
        predictions_output_file: _Path = None,
    ) -> Dict[str, Any]:
        """
        # Parameters

        batch_weight_key : `str`, optional (default = `None`)
            The model's output that a batch's loss is weighted by instead of the number of its predictions.

        # Raises

        `ConfigurationError`
            The model gives a loss for some batches only, or a file cannot be written.
        """
        if not isinstance(data_loader, StepDataLoader):
            options: Any = (batch_weight_key, metrics_output_file, predictions_output_file)
            return super().__call__(model, data_loader, *options)
        check_for_gpu(self.cuda_device)
        if predictions_output_file is None:
            metrics = self._evaluate(model, data_loader, batch_weight_key, None)
        else:
            outputs: Dict[int, Dict[str, Any]] = {}
            instances = list(data_loader.iter_instances())
            # Opened first: a path that cannot be written is an error before the work, not after it.
            with (
                written_whole(Path(predictions_output_file)) as temporary,
                temporary.open("w", encoding="utf-8") as file,
            ):
                metrics = self._evaluate(model, data_loader, batch_weight_key, outputs)
                # A list can have a batch's length by chance.
                names = set.intersection(*map(set, outputs.values())) if outputs else set()
                for number, output in sorted(outputs.items()):
                    batch: Any = Batch([instances[number]]).as_tensor_dict()
                    output = {name: value for name, value in output.items() if name in names}
                    file.write(self.batch_serializer(batch, output, data_loader) + "\n")
        _show(model, data_loader, metrics)
        if metrics_output_file is not None:
            dump_metrics(str(metrics_output_file), metrics, log=True)
        return metrics

    @torch.no_grad()
    def _evaluate(
        self,
        model: Model,
        loader: StepDataLoader,
        weight_key: Optional[str],
        outputs: Optional[Dict[int, Dict[str, Any]]],
    ) -> Dict[str, Any]:
        """The metrics. Adds the output for each instance to `outputs`, if given, by its number."""
        device = int_to_device(self.cuda_device)
        loader.set_target_device(device)
        model.eval()
        batches = loader.evaluation_batches()
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        with_loss = 0
        with Tqdm.tqdm(total=sum(map(len, batches)), desc="evaluation", unit=" instances") as progress:
            for numbers, batch in loader.numbered_batches():
                output = model(**to_device(batch, device))
                if output.get("loss") is not None:
                    weight = _weight(output, weight_key) if weight_key else None
                    sums += weighted_loss(model, output["loss"], len(numbers), weight)
                    with_loss += 1
                if outputs is not None:
                    separated = self._separated(model, output, len(numbers))
                    outputs.update(zip(numbers.tolist(), separated, strict=True))
                progress.update(len(numbers))
        if with_loss not in (0, len(batches)):
            raise ConfigurationError(
                f"The model returned a loss for {with_loss} of {len(batches)} batches; expected all or none."
            )
        metrics: Dict[str, Any] = model.get_metrics(reset=True)
        if with_loss:
            total, number = sums.tolist()
            metrics["loss"] = total / number if number else 0.0
        return metrics

    def _separated(self, model: Model, output: Dict[str, Any], size: int) -> Iterator[Dict[str, Any]]:
        """The output for a batch as those for batches of one instance, without what belongs to none."""
        readable = getattr(model, self.postprocessor_fn_name, None)
        output = sanitize(output if readable is None else readable(output))
        columns = {
            name: value for name, value in output.items() if isinstance(value, list) and len(value) == size
        }
        for place in range(size):
            yield {name: value[place : place + 1] for name, value in columns.items()}


def _show(model: Any, loader: StepDataLoader, metrics: Dict[str, Any]) -> None:
    """Shows on the console what was evaluated, and the scores."""
    counts = counts_of(loader)
    reader: Any = loader.reader
    parts = [str(loader.data_path)]
    if counts is not None:
        parts.append(f"{counts.examples:,} {reader.example_name}, {counts.instances:,} instances")
        warn_of_links(parts[0], counts)
    if "loss" in metrics:
        parts.append(f"loss {metrics['loss']:.4f}")
    rows = model.table() if hasattr(model, "table") else []
    console.say(f"\n{': '.join(parts[:2])}{''.join(f', {part}' for part in parts[2:])}")
    console.say(score_table(rows, metrics))
    warn_of_nothing_predicted(rows)


def weighted_loss(
    model: Model, loss: torch.Tensor, instances: int, weight: Optional[torch.Tensor] = None
) -> torch.Tensor:
    """
    The mean loss of a batch times its weight, and the weight: by default the number of predictions,
    `model.num_targets`, or, if the model does not tell it, of instances. Shape: (2,)
    """
    if weight is None:
        weight = getattr(model, "num_targets", None)
    weight = loss.new_tensor(instances) if weight is None else weight
    return torch.stack([loss.double() * weight.double(), weight.double()])


def _weight(output: Dict[str, Any], key: str) -> torch.Tensor:
    if key not in output:
        raise ConfigurationError(
            f"--batch-weight-key is {key!r}; expected an output of the model: {listed(list(output))}."
        )
    return torch.as_tensor(output[key]).to(output["loss"].device).reshape(())
