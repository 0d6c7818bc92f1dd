"""Pages of tiny models that were not trained."""

from typing import Any

import pytest

import luke_allennlp
from tests.tasks.support import make_archive

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'luke-allennlp[demo]'")


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Gives the pipeline of a task, which is made once."""
    made = {}

    def pipeline(task: str) -> Any:
        if task not in made:
            directory = tmp_path_factory.mktemp(task)
            made[task] = luke_allennlp.load(make_archive(f"luke_{task}", directory), device="cpu")
        return made[task]

    return pipeline
