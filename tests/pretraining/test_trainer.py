"""What a step is, and what a run leaves behind."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.nn.regularizers import L2Regularizer, RegularizerApplicator
from allennlp.training import TrainerCallback

from luke_allennlp.training.checkpoint_files import StepCheckpointer
from luke_allennlp.training.signals import SIGNALS, TrainingInterrupted
from luke_allennlp.training.trainer import LukeTrainer
from tests.pretraining.trainers import assert_equal, make_dataset, make_trainer, weights


class Watch(TrainerCallback):
    """Notes what the trainer tells its callbacks, and can send a signal or spoil the weights."""

    def __init__(self, at: int = -1, number: int = 0) -> None:
        super().__init__("")
        self.at, self.number = at, number
        self.steps: List[int] = []
        self.rates: List[float] = []
        self.losses: List[float] = []
        self.sizes: List[int] = []
        self.epochs: List[Dict[str, Any]] = []

    def on_batch(
        self, trainer: Any, batch_inputs: Any, batch_outputs: Any, *args: Any, **kwargs: Any
    ) -> None:
        self.steps.append(trainer._total_batches_completed)
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])
        self.losses.append(args[0]["batch_loss"])
        self.sizes.append(sum(len(batch["words"]["mask"]) for batch in batch_inputs))
        assert len(batch_inputs) == len(batch_outputs)
        if self.steps[-1] == self.at:
            if self.number:
                os.kill(os.getpid(), self.number)
            else:
                next(iter(trainer.model.parameters())).data.fill_(float("nan"))

    def on_epoch(self, trainer: Any, metrics: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        self.epochs.append(dict(metrics))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("pretraining") / "dataset")


def watch(trainer: LukeTrainer, *arguments: int) -> Watch:
    watched = Watch(*arguments)
    trainer._callbacks.append(watched)
    return watched


def log(run: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]


class TestSteps:
    def test_a_step_is_the_same_in_any_number_of_batches(self, dataset: Path, tmp_path: Path) -> None:
        few = make_trainer(dataset, tmp_path / "few", max_tokens=2000, dropout=0.0)
        many = make_trainer(dataset, tmp_path / "many", max_tokens=60, dropout=0.0)
        assert len(next(few.data_loader.steps(0)).batches) < len(next(many.data_loader.steps(0)).batches)
        watched = [watch(trainer) for trainer in (few, many)]
        before = weights(few)
        few.train()
        many.train()
        assert watched[0].losses == pytest.approx(watched[1].losses, rel=1e-5)
        for name, value in weights(many).items():
            torch.testing.assert_close(value, weights(few)[name], rtol=0, atol=2e-5, msg=name)
        changed = max((weights(few)[name] - value).abs().max().item() for name, value in before.items())
        assert changed > 1e-3

    def test_its_loss_is_the_mean_over_its_masked_positions(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", num_steps=1, dropout=0.0, max_tokens=60)
        step = next(trainer.data_loader.steps(0))
        sums = [0.0, 0.0]
        with torch.no_grad():
            for batch in step.batches:
                output = trainer.model(**batch)
                sums[0] += output["word_loss"].item() * len(batch["word_targets"])
                sums[1] += output["entity_loss"].item() * len(batch["entity_targets"])
        watched = watch(trainer)
        trainer.train()
        expected = sums[0] / step.totals["word_total"] + sums[1] / step.totals["entity_total"]
        assert watched.losses == [pytest.approx(expected, rel=1e-6)]

    def test_the_data_is_gone_through_again(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", num_steps=9)
        watched = watch(trainer)
        metrics = trainer.train()
        assert trainer.data_loader.steps_per_epoch == 7
        assert watched.steps == list(range(1, 10))
        assert watched.sizes == [8, 8, 8, 8, 8, 8, 4, 8, 8]
        assert metrics["epoch"] == 1 and metrics["step"] == 9
        assert len(watched.epochs) == 1 and watched.epochs[0]["step"] == 7
        assert {
            "training_masked_entity_accuracy",
            "validation_masked_word_perplexity",
            "validation_loss",
        } <= (watched.epochs[0].keys())

    def test_the_schedule_goes_by_steps(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run")
        watched = watch(trainer)
        trainer.train()
        assert watched.rates == pytest.approx([0, 5e-4, *(1e-3 * (10 - step) / 8 for step in range(2, 10))])

    def test_no_grad_freezes(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", num_steps=2, no_grad=["word_embeddings", "lm_head"])
        before = weights(trainer)
        trainer.train()
        kept = {name for name, value in weights(trainer).items() if torch.equal(value, before[name])}
        assert kept == {name for name in before if "word_embeddings" in name or "lm_head" in name}

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"no_grad": ["*("]}, "no regular expression"),
            ({"no_grad": ["no_such_parameter"]}, "matches no parameter"),
            ({"no_grad": [""]}, "No parameter of the model is left to train"),
            ({"callbacks": [{"type": "should_validate_callback"}]}, "validate_every"),
            ({"patience": 2, "validates": False}, "no validation data"),
        ],
    )
    def test_options_that_would_do_nothing(
        self, dataset: Path, tmp_path: Path, options: Dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_trainer(dataset, tmp_path / "run", **options)

    def test_regularizer(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", num_steps=2, dropout=0.0)
        plain = watch(trainer)
        trainer.train()
        trainer = make_trainer(dataset, tmp_path / "other", num_steps=2, dropout=0.0)
        trainer.model._regularizer = RegularizerApplicator([("LayerNorm.weight", L2Regularizer(0.1))])
        penalty = trainer.model.get_regularization_penalty().item()
        watched = watch(trainer)
        trainer.train()
        # The rate of the first step is 0.
        assert penalty > 0
        assert watched.losses[:2] == pytest.approx([loss + penalty for loss in plain.losses[:2]])

    @pytest.mark.parametrize("options", [{"precision": "bf16"}, {"grad_norm": 0.1}, {"grad_clipping": 1e-4}])
    def test_options_of_an_update(self, dataset: Path, tmp_path: Path, options: Dict[str, Any]) -> None:
        plain = make_trainer(dataset, tmp_path / "plain", num_steps=3, dropout=0.0)
        other = make_trainer(dataset, tmp_path / "other", num_steps=3, dropout=0.0, **options)
        watched = [watch(trainer) for trainer in (plain, other)]
        plain.train()
        other.train()
        assert watched[0].losses == pytest.approx(watched[1].losses, rel=0.01)
        found, expected = weights(other), weights(plain)
        assert any(not torch.equal(value, expected[name]) for name, value in found.items())
        assert {value.dtype for value in found.values() if value.is_floating_point()} == {torch.float32}


class TestFigures:
    def test_log(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", validate_every=4)
        watched = watch(trainer)
        trainer.train()
        lines = log(tmp_path / "run")
        every = [line for line in lines if "loss" in line]
        assert [line["step"] for line in every] == list(range(1, 11))
        assert [line["epoch"] for line in every] == [0] * 7 + [1] * 3
        assert [line["loss"] for line in every] == watched.losses
        assert [line["learning_rate"] for line in every] == pytest.approx(watched.rates)
        assert [line["sequences"] for line in every] == watched.sizes
        training = [line for line in every if "step_seconds" in line]
        assert [line["step"] for line in training] == [2, 4, 6, 7, 8, 10]
        for kind in ("word", "entity"):
            assert training[0][f"masked_{kind}_loss"] > 1 and training[0][f"masked_{kind}_accuracy"] >= 0
        assert training[0]["sequences_per_second"] > 0 and training[0]["words_per_second"] > 0
        validation = [line for line in lines if "validation_loss" in line]
        assert [line["step"] for line in validation] == [4, 8, 10]
        assert validation[0]["validation_loss"] == pytest.approx(
            validation[0]["validation_masked_word_loss"] + validation[0]["validation_masked_entity_loss"]
        )

    def test_validation_begins_the_sums_anew(self, dataset: Path, tmp_path: Path) -> None:
        make_trainer(dataset, tmp_path / "run", num_steps=6, validate_every=3).train()
        lines = [line for line in log(tmp_path / "run") if "step_seconds" in line]
        assert [line["step"] for line in lines] == [2, 3, 4, 6]
        # Of one step each.
        for line in lines[1:3]:
            parts = line["masked_word_loss"] + line["masked_entity_loss"]
            assert line["loss"] == pytest.approx(parts, rel=1e-5)

    def test_the_clock_stops_for_validation_and_checkpoints(
        self, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [0.0]

        def hour(*_: Any) -> None:
            clock[0] += 3600

        monkeypatch.setattr("luke_allennlp.training.steps.time.perf_counter", lambda: clock[0])
        monkeypatch.setattr(LukeTrainer, "_save_checkpoint", hour)
        trainer = make_trainer(
            dataset, tmp_path / "run", num_steps=6, validate_every=3, checkpointer={"save_every_num_steps": 1}
        )
        monkeypatch.setattr(trainer, "_validate", hour)
        trainer.train()
        assert clock[0] >= 7 * 3600
        assert all(line["step_seconds"] < 1 for line in log(tmp_path / "run") if "step_seconds" in line)

    def test_a_plateau_is_one_of_the_validation_metric(self, dataset: Path, tmp_path: Path) -> None:
        scheduler = {"type": "reduce_on_plateau", "mode": "max", "patience": 0}
        trainer = make_trainer(dataset, tmp_path / "run", num_steps=7, learning_rate_scheduler=scheduler)
        found: List[Any] = []
        trainer._learning_rate_scheduler.step = found.append  # type: ignore
        metrics = trainer.train()
        assert found == [-metrics["validation_loss"]]

    @pytest.mark.slow
    def test_the_best_weights_are_kept_if_asked(self, dataset: Path, tmp_path: Path) -> None:
        options = {"validate_every": 2, "optimizer": {"type": "fused_adamw", "lr": 0.5}}
        last = make_trainer(dataset, tmp_path / "last", **options)
        best = make_trainer(dataset, tmp_path / "best", validation_metric="-masked_word_loss", **options)
        final = last.train()
        metrics = best.train()
        # So large a rate makes it worse and worse.
        assert metrics["best_validation_step"] < 10
        assert metrics["best_validation_masked_word_loss"] < metrics["validation_masked_word_loss"]
        assert final["validation_loss"] == pytest.approx(metrics["validation_loss"])
        assert_equal(torch.load(tmp_path / "best/best.th", weights_only=True), weights(best))
        assert_equal(torch.load(tmp_path / "last/best.th", weights_only=True), weights(last))
        again = weights(best)
        assert any(not torch.equal(value, again[name]) for name, value in weights(last).items())

    def test_a_loss_that_is_no_number_is_an_error(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", checkpointer={"save_every_num_steps": 3})
        watch(trainer, 4)
        message = "The loss of step 5 is nan. The training diverged; the last checkpoint is .*/step-3. Start"
        with pytest.raises(ConfigurationError, match=message):
            trainer.train()
        assert [line["step"] for line in log(tmp_path / "run")] == [1, 2, 3, 4]
        figures = json.loads((tmp_path / "run" / "metrics_diverged.json").read_text())
        assert figures["step"] == 5 and figures["loss"] != figures["loss"]
        # Not even an interrupt makes a checkpoint of such weights.
        checkpoints = list((tmp_path / "run" / "checkpoints").iterdir())
        assert [path.name for path in checkpoints] == ["step-3"]


class TestResume:
    @pytest.fixture(scope="class")
    def whole(self, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, torch.Tensor]:
        trainer = make_trainer(dataset, tmp_path_factory.mktemp("whole"), dropout=0.1)
        trainer.train()
        return weights(trainer)

    def test_dropout_changes_the_weights(
        self, dataset: Path, tmp_path: Path, whole: Dict[str, torch.Tensor]
    ) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", dropout=0.0)
        trainer.train()
        assert any(not torch.equal(value, whole[name]) for name, value in weights(trainer).items())

    @pytest.mark.parametrize("number, at", [(signal.SIGTERM, 3), (signal.SIGINT, 7), (signal.SIGUSR1, 1)])
    def test_an_interrupted_run_ends_as_if_it_had_not_been(
        self, dataset: Path, tmp_path: Path, whole: Dict[str, torch.Tensor], number: int, at: int
    ) -> None:
        """To the bit, although dropout draws random numbers in every step."""
        handlers = [signal.getsignal(known) for known in SIGNALS]
        trainer = make_trainer(dataset, tmp_path / "run", dropout=0.1)
        watch(trainer, at, number)
        with pytest.raises(TrainingInterrupted) as interrupted:
            trainer.train()
        assert interrupted.value.code == 75
        assert [signal.getsignal(known) for known in SIGNALS] == handlers
        assert (tmp_path / "run" / "checkpoints" / f"step-{at}").exists()

        # Not from the same weights, nor with the generator where it was.
        trainer = make_trainer(dataset, tmp_path / "run", seed=1, dropout=0.1)
        watched = watch(trainer)
        trainer.train()
        assert watched.steps == list(range(at + 1, 11))
        assert_equal(weights(trainer), whole)
        assert [line["step"] for line in log(tmp_path / "run") if "loss" in line] == list(range(1, 11))

    @pytest.mark.parametrize("at", [7, 10])
    def test_a_validation_that_is_interrupted_is_done_later(
        self, dataset: Path, tmp_path: Path, at: int
    ) -> None:
        trainer = make_trainer(dataset, tmp_path / "run", max_tokens=80)
        batches = list(trainer._validation_data_loader)
        assert len(batches) > 2
        given: List[int] = []

        class Interrupting:
            def __iter__(self) -> Iterator[Any]:
                for batch in batches:
                    given.append(trainer._total_batches_completed)
                    if given.count(at) == 1:
                        os.kill(os.getpid(), signal.SIGTERM)
                    yield batch

        trainer._validation_data_loader = Interrupting()
        watched = watch(trainer)
        with pytest.raises(TrainingInterrupted):
            trainer.train()
        assert given.count(at) == 1
        assert (tmp_path / "run" / "checkpoints" / f"step-{at}").exists()
        assert len(watched.epochs) == (at > 7)

        trainer = make_trainer(dataset, tmp_path / "run", seed=1, max_tokens=80)
        watched = watch(trainer)
        metrics = trainer.train()
        assert len(watched.epochs) == (at == 7) and metrics["validation_step"] == 10
        assert all(epoch["validation_step"] == epoch["step"] == 7 for epoch in watched.epochs)
        lines = log(tmp_path / "run")
        assert [line["step"] for line in lines if "loss" in line] == list(range(1, 11))
        assert [line["step"] for line in lines if "validation_loss" in line] == [7, 10]

    @pytest.mark.slow
    def test_with_batches_of_another_size(self, dataset: Path, tmp_path: Path) -> None:
        whole = make_trainer(dataset, tmp_path / "whole", dropout=0.0)
        whole.train()
        trainer = make_trainer(dataset, tmp_path / "run", dropout=0.0)
        watch(trainer, 5, signal.SIGTERM)
        with pytest.raises(TrainingInterrupted):
            trainer.train()
        trainer = make_trainer(dataset, tmp_path / "run", dropout=0.0, max_tokens=60)
        watched = watch(trainer)
        trainer.train()
        assert watched.steps[0] == 6
        for name, value in weights(trainer).items():
            torch.testing.assert_close(value, weights(whole)[name], rtol=0, atol=2e-5, msg=name)

    def test_with_another_optimizer(self, dataset: Path, tmp_path: Path) -> None:
        make_trainer(dataset, tmp_path / "run", num_steps=1).train()
        other = make_trainer(dataset, tmp_path / "run", optimizer={"type": "huggingface_adamw"})
        with pytest.raises(ConfigurationError, match="was taken with the optimizer fused_adamw"):
            other.train()

    def test_without_a_checkpointer(self, dataset: Path, tmp_path: Path) -> None:
        make_trainer(dataset, tmp_path / "run", num_steps=1).train()
        other = make_trainer(dataset, tmp_path / "run", checkpointer=None)
        with pytest.raises(ConfigurationError, match="has checkpoints, and trainer.checkpointer is null"):
            other.train()

    @pytest.mark.parametrize("estimate, kept", [(140, 150), (280, 150), (60, 60), (400, 400)])
    def test_an_estimate_of_memory_is_kept(
        self, dataset: Path, tmp_path: Path, estimate: int, kept: int
    ) -> None:
        def make(tokens: int) -> LukeTrainer:
            trainer = make_trainer(dataset, tmp_path / "run", num_steps=1)
            trainer._estimates_max_tokens, trainer.data_loader.max_tokens = True, tokens
            return trainer

        make(150).train()
        trainer = make(estimate)
        trainer.train()
        assert trainer.data_loader.max_tokens == kept

    def test_a_run_that_is_done_stays_as_it_is(self, dataset: Path, tmp_path: Path) -> None:
        trainer = make_trainer(dataset, tmp_path / "run")
        metrics = trainer.train()
        again = make_trainer(dataset, tmp_path / "run", seed=1)
        watched = watch(again)
        found = again.train()
        assert watched.steps == []
        assert_equal(weights(again), weights(trainer))
        assert found == {**metrics, "training_duration": found["training_duration"]}

    def test_another_dataset_is_an_error(self, dataset: Path, tmp_path: Path) -> None:
        make_trainer(dataset, tmp_path / "run", num_steps=4).train()
        with pytest.raises(ConfigurationError, match="taken with 7 steps an epoch, and the data now has 4"):
            make_trainer(dataset, tmp_path / "run", num_steps=4, global_batch_size=16).train()

    def test_goes_on_with_more_steps(self, dataset: Path, tmp_path: Path) -> None:
        """With the rates of a run that was meant to be as long, and the last weights."""
        options: Dict[str, Any] = {"log_every": 1}
        make_trainer(dataset, tmp_path / "run", num_steps=5, **options).train()
        longer = make_trainer(dataset, tmp_path / "run", num_steps=11, **options)
        longer.train()
        make_trainer(dataset, tmp_path / "straight", num_steps=11, **options).train()

        def rates(run: str) -> Dict[int, float]:
            return {
                line["step"]: line["learning_rate"] for line in log(tmp_path / run) if "learning_rate" in line
            }

        assert rates("run").keys() == set(range(1, 12))
        assert {step: rate for step, rate in rates("run").items() if step > 5} == {
            step: rate for step, rate in rates("straight").items() if step > 5
        }
        assert rates("run")[5] != rates("straight")[5]
        assert_equal(torch.load(tmp_path / "run" / "best.th", weights_only=True), weights(longer))

    def test_what_was_logged_after_the_checkpoint_goes(self, dataset: Path, tmp_path: Path) -> None:
        make_trainer(dataset, tmp_path / "run", num_steps=4).train()
        with (tmp_path / "run/steps.jsonl").open("a") as file:
            file.write('{"step": 6, "loss": 0}\n{"step": 7, "lo')
        make_trainer(dataset, tmp_path / "run", num_steps=4).train()
        assert {line["step"] for line in log(tmp_path / "run")} == {1, 2, 3, 4}


def names(run: Path) -> Set[str]:
    return {path.name for path in (run / "checkpoints").iterdir()}


class TestCheckpointer:
    def test_keeps_the_last(self, dataset: Path, tmp_path: Path) -> None:
        checkpointer = {"save_every_num_steps": 2, "keep_most_recent_by_count": 3}
        make_trainer(dataset, tmp_path / "run", checkpointer=checkpointer).train()
        assert names(tmp_path / "run") == {"step-6", "step-8", "step-10"}

    def test_saves_by_the_clock(self, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checkpointer = {
            "save_every_num_steps": None,
            "save_every_num_minutes": 2,
            "keep_most_recent_by_count": None,
        }
        trainer = make_trainer(dataset, tmp_path / "run", checkpointer=checkpointer)
        start = time.monotonic()
        # A minute a step. It is asked before each.
        monkeypatch.setattr(
            "luke_allennlp.training.checkpoint_files.time.monotonic",
            lambda: start + 60 * trainer._total_batches_completed,
        )
        trainer.train()
        assert names(tmp_path / "run") == {f"step-{step}" for step in (3, 6, 9, 10)}

    @pytest.mark.parametrize("name", ["save_every_num_steps", "save_every_num_minutes"])
    def test_options(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{name} is 0; expected a number above 0"):
            StepCheckpointer(tmp_path, **{name: 0})


class TestErrors:
    @pytest.mark.parametrize(
        "options, message",
        [
            ({"num_steps": 0}, "trainer.num_steps is 0"),
            ({"log_every": 0}, "trainer.log_every is 0"),
            ({"num_epochs": 2}, "either num_epochs or num_steps"),
            ({"num_gradient_accumulation_steps": 2}, "PretrainingDataLoader makes steps itself"),
            ({"keep": "all"}, 'trainer.keep is "all"; expected "best" or "last"'),
            ({"precision": "half"}, 'trainer.precision is "half"; expected "auto", "bf16"'),
            ({"precision": "fp16"}, "needs a GPU"),
        ],
    )
    def test_options(self, dataset: Path, tmp_path: Path, options: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_trainer(dataset, tmp_path / "run", **options)

    def test_best_weights_without_validation(self, dataset: Path, tmp_path: Path) -> None:
        for options in ({"validation_metric": "-loss"}, {"keep": "best"}):
            with pytest.raises(ConfigurationError, match="give validation_data_path"):
                make_trainer(dataset, tmp_path / "run", validates=False, **options)
