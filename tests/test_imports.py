"""The plan of the package: who imports whom."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import luke_allennlp

PACKAGE = Path(luke_allennlp.__file__).parent
NAME = "luke_allennlp"

LAYERS = """
    common modules checkpoints entity_vocabulary data linking token_embedders tasks training pretraining
    wikipedia exchange prediction pipelines experiments report spacy_components demo commands components
""".split()
# Each imports only those before it.


def imported(tree):
    """The lines and dotted names of what is imported in a tree, or in a function of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    return [(line, name) for line, name in imported(parsed(path)) if name.split(".")[0] == NAME]


def test_imports_only_from_below():
    for path in PACKAGE.rglob("*.py"):
        layer = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if layer != "__init__":
            allowed = {*LAYERS[: LAYERS.index(layer) + 1], "__version__"}
            for line, name in imports_of(path):
                assert name == NAME or name.split(".")[1] in allowed, f"{path}, line {line}: {name}"


def test_tasks_import_only_what_they_share():
    for path in (PACKAGE / "tasks").glob("*/**/*.py"):
        task = path.relative_to(PACKAGE).parts[1]
        for line, name in imports_of(path):
            target = name.split(".")[1:]
            assert target[0] != "tasks" or target[1] in ("base", task), f"{path}, line {line}: {name}"


def test_modules_import_torch_alone():
    # Of transformers, the class of its config.
    allowed = {"torch", "transformers", NAME, *sys.stdlib_module_names}
    for path in (PACKAGE / "modules").rglob("*.py"):
        assert {name.split(".")[0] for _, name in imported(parsed(path))} <= allowed, path


def test_no_cycles_between_modules():
    """Of modules too, not of packages alone. What functions import when they are called does not count."""
    graph = {}
    modules = {_dotted(path): path for path in PACKAGE.rglob("*.py")}
    for module, path in modules.items():
        statements = [node for node in parsed(path).body if isinstance(node, ast.ImportFrom)]
        names = [name for node in statements for _, name in imported(node)]
        targets = {name if name in modules else name.rpartition(".")[0] for name in names} & modules.keys()
        # A package's own __init__ collects its modules.
        graph[module] = {target for target in targets if not module.startswith(f"{target}.")}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def _dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_public_names():
    for name in luke_allennlp.__all__:
        assert getattr(luke_allennlp, name).__name__ == name
    assert set(luke_allennlp.__all__) <= set(dir(luke_allennlp))
    with pytest.raises(AttributeError, match="'Luke'"):
        luke_allennlp.Luke  # noqa: B018


@pytest.mark.slow
def test_registers_when_asked_for():
    """Public names do not import the tasks; a name of the registry does."""
    script = f"""
import sys
from {NAME} import EntityVocabulary, LukeEncoder, load_encoder
assert "{NAME}.tasks" not in sys.modules
from allennlp.models import Model
assert Model.by_name("luke_ner").__name__ == "NerModel"
assert "{NAME}.tasks.cloze_qa.model" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PACKAGE.parent)
