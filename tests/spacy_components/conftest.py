"""Archives of tiny models that were not trained, but tell inputs apart."""

from typing import Any, Dict

import pytest
import spacy

from tests.tasks.support import make_archive


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    names = ("luke_ner", "luke_entity_typing", "luke_relation_classification")
    return {name: str(make_archive(name, tmp_path_factory.mktemp(name))) for name in names}


@pytest.fixture(scope="session")
def tasks() -> Dict[str, str]:
    """The archives that the components need."""
    return {
        "luke_ner": "luke_ner",
        "luke_types": "luke_entity_typing",
        "luke_relations": "luke_relation_classification",
    }


@pytest.fixture
def add(archives: Dict[str, str], tasks: Dict[str, str]) -> Any:
    """Adds a component with its tiny model."""

    def add_pipe(nlp: spacy.Language, name: str, **config: Any) -> Any:
        given = {"model": archives[tasks[name]], "device": "cpu", **config}
        return nlp.add_pipe(name, config=given)

    return add_pipe


@pytest.fixture
def ruler() -> Any:
    """A pipeline with rules for names and no model."""

    def make(language: str = "en") -> spacy.Language:
        nlp = spacy.blank(language)
        nlp.add_pipe("sentencizer")
        names = {"PER": ["Tavin Oakesh", "Edda Rask", "Zoë"], "LOC": ["Valdoria", "Port Velmar"]}
        nlp.add_pipe("entity_ruler").add_patterns(
            [{"label": label, "pattern": name} for label, group in names.items() for name in group]
        )
        return nlp

    return make
