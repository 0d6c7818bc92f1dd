"""`allennlp predict` with the files of packages."""

import sys
from typing import Any, Dict, List

import pytest
from allennlp.commands import parse_args, predict
from allennlp.common.checks import ConfigurationError


class Doubling:
    """A predictor of `{"a": number}`, which keeps what its inputs are called."""

    def __init__(self) -> None:
        self.input_names: List[str] = []
        self.seen: List[str] = []

    def predict_json(self, record: Dict[str, int]) -> Dict[str, int]:
        self.seen += self.input_names
        return {"b": 2 * record["a"]}


@pytest.mark.edit("prediction-files")
def test_packages_are_asked_for_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inputs come from the package, outputs go to it, and JSON lines are not mixed with them."""
    events: List[Any] = []

    class Files:
        writes = to_console = True

        def start(self, predictor: Any) -> None:
            events.append(predictor)

        def inputs(self) -> Any:
            return ((f"row {number}", {"a": number}) for number in (1, 2))

        def output(self, given: Any, output: Any) -> Any:
            events.append((given, output))
            return output

        def __enter__(self) -> None:
            events.append("begin")

        def __exit__(self, *error: Any) -> None:
            events.append("end")

    predictor = Doubling()
    monkeypatch.setattr(predict, "_get_predictor", lambda args: predictor)
    monkeypatch.setattr(predict, "prediction_files", [lambda args: None, lambda args: Files()])
    monkeypatch.setattr(predict._PredictManager, "_groups_of", lambda self, items: ([item] for item in items))
    monkeypatch.setattr(Doubling, "dump_line", lambda self, output: f"{output}\n", raising=False)
    monkeypatch.setattr(sys, "argv", ["allennlp", "predict", "model.tar.gz", "inputs.csv"])
    _, args = parse_args("allennlp")
    capsys.readouterr()
    args.func(args)
    outputs = [({"a": 1}, {"b": 2}), ({"a": 2}, {"b": 4})]
    assert events == [predictor, "begin", *outputs, "end"]
    assert predictor.seen == ["row 1", "row 2"] and capsys.readouterr().out == ""
    monkeypatch.setattr(predict, "prediction_files", [])
    args.output_format = "conll"
    with pytest.raises(ConfigurationError, match="no package"):
        args.func(args)
