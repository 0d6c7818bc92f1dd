"""Evaluation: the same for any batches, and predictions in the order of the file."""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.data_loaders import SimpleDataLoader
from allennlp.evaluation import Evaluator, SimpleEvaluator

from luke_allennlp.training.evaluator import LukeEvaluator
from luke_allennlp.training.step_loader import StepDataLoader
from tests.tasks.support import FIXTURES, TASKS, close, make_model, make_reader, randomise


class Case(NamedTuple):
    reader: Any
    path: str
    model: Any

    def loader(self, **options: Any) -> StepDataLoader:
        loader = StepDataLoader(self.reader, self.path, **options)
        loader.index_with(self.model.vocab)
        return loader

    def one_by_one(self) -> SimpleDataLoader:
        """AllenNLP's loader, with batches of one instance."""
        return SimpleDataLoader(list(self.loader().iter_instances()), 1, vocab=self.model.vocab)


@pytest.fixture(params=list(TASKS), scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return make_case(request.param)


def make_case(name: str) -> Case:
    reader = make_reader(name)
    path = str(FIXTURES / "data" / TASKS[name].data)
    model = randomise(make_model(name, Vocabulary.from_instances(reader.read(path))))
    return Case(reader, path, model)


def read_lines(path: Path) -> List[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def expected(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Tuple[Dict[str, float], List[Any]]:
    """AllenNLP's metrics and predictions, instance by instance, and the mean loss of a prediction."""
    path = tmp_path_factory.mktemp("expected") / "predictions.jsonl"
    metrics = SimpleEvaluator()(case.model, case.one_by_one(), predictions_output_file=path)
    losses, numbers = [], []
    for batch in case.one_by_one():
        with torch.no_grad():
            losses.append(float(case.model(**batch)["loss"]) * int(case.model.num_targets))
        numbers.append(int(case.model.num_targets))
    case.model.get_metrics(reset=True)
    return {**metrics, "loss": sum(losses) / sum(numbers)}, read_lines(path)


@pytest.mark.parametrize(
    "options", [{"batch_size": 512}, {"batch_size": 512, "max_tokens": 300}, {"batch_size": 3}]
)
def test_any_batches_give_the_same(
    case: Case, expected: Tuple[Dict[str, float], List[Any]], options: Dict[str, int], tmp_path: Path
) -> None:
    metrics, lines = expected
    target, scores = tmp_path / "new" / "predictions.jsonl", tmp_path / "metrics.json"
    loader = case.loader(**options)
    found = LukeEvaluator()(case.model, loader, "", scores, target)
    assert found == close(metrics) and json.loads(scores.read_text()) == found
    # Equal up to the last digits, and in the order of the file.
    assert read_lines(target) == close(lines)
    assert len(loader.evaluation_batches()) > 1 or options == {"batch_size": 512}
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_other_loaders_are_left_to_allennlp(tmp_path: Path) -> None:
    case = make_case("luke_relation_classification")
    instances = list(case.loader().iter_instances())

    def evaluate(evaluator: Evaluator, name: str) -> Dict[str, Any]:
        loader = SimpleDataLoader(instances, 4, vocab=case.model.vocab)
        return evaluator(case.model, loader, predictions_output_file=tmp_path / name)

    default = Evaluator.from_params(Params({"cuda_device": -1}))
    assert isinstance(default, LukeEvaluator)
    assert evaluate(default, "found") == evaluate(SimpleEvaluator(), "expected")
    assert (tmp_path / "found").read_text() == (tmp_path / "expected").read_text()


class TestLoss:
    def test_a_weight_of_the_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        case = make_case("luke_relation_classification")
        forward = case.model.forward

        def weighted(**batch: Any) -> Dict[str, Any]:
            output = forward(**batch)
            losses.append(output["loss"].item())
            return {**output, "share": torch.tensor([float(len(losses))])}

        losses: List[float] = []
        monkeypatch.setattr(case.model, "forward", weighted)
        loader = case.loader(batch_size=3)
        loss = LukeEvaluator()(case.model, loader, "share")["loss"]
        weights = range(1, len(losses) + 1)
        assert loss == pytest.approx(sum(map(float.__mul__, losses, map(float, weights))) / sum(weights))
        with pytest.raises(
            ConfigurationError, match="--batch-weight-key is 'sahre'; expected .*loss; .*share"
        ):
            LukeEvaluator()(case.model, loader, "sahre")

    def test_a_model_that_counts_no_predictions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Instances count equally."""
        case = make_case("luke_relation_classification")
        expected = LukeEvaluator()(case.model, case.loader(batch_size=512))["loss"]
        uncounted = property(lambda _: None, lambda *_: None)
        monkeypatch.setattr(type(case.model), "num_targets", uncounted, raising=False)
        monkeypatch.setattr(case.model, "mean_loss", lambda losses, *_: losses.mean())
        assert LukeEvaluator()(case.model, case.loader(batch_size=3))["loss"] == pytest.approx(expected)

    def test_none_at_times(self, monkeypatch: pytest.MonkeyPatch) -> None:
        case = make_case("luke_relation_classification")
        forward, calls = case.model.forward, []

        def forgetful(**batch: Any) -> Dict[str, Any]:
            calls.append(forward(**batch))
            return {} if len(calls) == 1 else calls[-1]

        monkeypatch.setattr(case.model, "forward", forgetful)
        with pytest.raises(ConfigurationError, match=r"returned a loss for \d+ of \d+ batches"):
            LukeEvaluator()(case.model, case.loader(batch_size=3))


class TestFiles:
    def test_an_error_leaves_what_was_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        case = make_case("luke_relation_classification")
        (tmp_path / "predictions").write_text("before")
        monkeypatch.setattr(case.model, "forward", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            LukeEvaluator()(case.model, case.loader(), predictions_output_file=tmp_path / "predictions")
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("predictions", "before")]

    def test_a_path_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        case = make_case("luke_relation_classification")
        (tmp_path / "file").touch()
        monkeypatch.setattr(case.model, "forward", lambda **_: pytest.fail("evaluated first"))
        with pytest.raises(ConfigurationError, match="cannot be written"):
            LukeEvaluator()(case.model, case.loader(), predictions_output_file=tmp_path / "file" / "out")
