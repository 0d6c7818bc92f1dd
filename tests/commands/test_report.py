import pytest

from tests.report.runs import write_run


def test_writes_a_page(allennlp, tmp_path):
    run, output = write_run(tmp_path / "run"), tmp_path / "new/page.html"
    finished = allennlp("report", str(run), "-o", str(output), "--no-predictions")
    assert finished.status == 0, finished.err
    assert f"{output}: 0." in finished.out
    assert "<h2>Curves</h2>" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere"], "nowhere: there is no such directory; expected the directory of a run"),
        (["run", "--max-mistakes", "-1"], "--max-mistakes is -1; expected 0 or more."),
        (["run", "-o", "run"], "is a directory; expected the name of a file"),
    ],
)
def test_errors_are_one_sentence(allennlp, workplace, tmp_path, monkeypatch, arguments, message):
    write_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    finished = allennlp("report", *arguments)
    assert finished.status == 1
    assert message in finished.error
    assert "Traceback" not in finished.err


@pytest.mark.slow
def test_of_the_demonstration(demo_run, allennlp, tmp_path, monkeypatch):
    monkeypatch.chdir(demo_run.directory.parents[2])
    output = tmp_path / "page.html"
    finished = allennlp("report", str(demo_run.directory), "-o", str(output))
    assert finished.status == 0, finished.err
    page = output.read_text(encoding="utf-8")
    assert "Expected calibration error" in page
    assert page.count('<mark class="entity"') > 10
