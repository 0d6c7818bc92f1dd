"""
What a fine-tuned model of each task is called and made of, in Hugging Face's layout, the original's and ours.
"""

from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD

ENTITY_VOCABULARY = "entity_vocab.json"
"""Hugging Face's name of the file."""


class TaskForm(NamedTuple):
    """
    # Parameters

    task : `str`
        The name of reader, model and predictor.
    architecture : `Optional[str]`
        Hugging Face's class; `None` if there is none.
    head : `str`
        The linear layer's name in our model; Hugging Face's is the same.
    original_head : `str`
        Its name in the original release.
    features : `int`
        How many states it sees.
    entities : `Optional[Tuple[str, ...]]`
        The rows of the entity table that the task keeps, in the order of our readers' ids, by the titles of
        Hugging Face's vocabularies; `None` for all of them.
    markers : `Tuple[Tuple[str, str], ...]`
        The original's markers, in the order of their ids, and the word each started as.
    published_markers : `Tuple[str, ...]`
        Which of Hugging Face's two entity tokens take their place.
    marker_options : `Tuple[str, ...]`
        The reader's options that name the markers.
    has_labels : `bool`
    """

    task: str
    architecture: Optional[str]
    head: str
    original_head: str
    features: int
    entities: Optional[Tuple[str, ...]]
    markers: Tuple[Tuple[str, str], ...] = ()
    published_markers: Tuple[str, ...] = ()
    marker_options: Tuple[str, ...] = ()
    has_labels: bool = True


FORMS = (
    TaskForm(
        task="luke_entity_typing",
        architecture="LukeForEntityClassification",
        head="classifier",
        original_head="typing",
        features=1,
        entities=(PAD, MASK),
        markers=(("[ENTITY]", "@"),),
        published_markers=("<ent>",),
        marker_options=("marker",),
    ),
    TaskForm(
        task="luke_relation_classification",
        architecture="LukeForEntityPairClassification",
        head="classifier",
        original_head="classifier",
        features=2,
        entities=(PAD, MASK, MASK2),
        markers=(("[HEAD]", "@"), ("[TAIL]", "#")),
        published_markers=("<ent>", "<ent2>"),
        marker_options=("head_marker", "tail_marker"),
    ),
    TaskForm(
        task="luke_ner",
        architecture="LukeForEntitySpanClassification",
        head="classifier",
        original_head="classifier",
        features=3,
        entities=(PAD, MASK),
    ),
    TaskForm(
        task="luke_reading_comprehension",
        architecture="LukeForQuestionAnswering",
        head="qa_outputs",
        original_head="qa_outputs",
        features=1,
        entities=None,
        has_labels=False,
    ),
    TaskForm(
        task="luke_cloze_qa",
        architecture=None,
        head="scorer",
        original_head="scorer",
        features=2,
        entities=(PAD, MASK),
        markers=(("[HIGHLIGHT]", "@"), ("[PLACEHOLDER]", "#"), ("[ENTITY]", "*")),
        has_labels=False,
    ),
)
PRETRAINING = TaskForm(
    task="luke_pretraining",
    architecture="LukeForMaskedLM",
    head="lm_head",
    original_head="lm_head",
    features=1,
    entities=None,
    published_markers=("<ent>", "<ent2>"),
    has_labels=False,
)
"""Goes out only: what loads a pretrained checkpoint takes its directory as it is."""

_BY_TASK = {form.task: form for form in FORMS}


def form_of_task(task: str) -> TaskForm:
    """
    # Parameters

    task : `str`
        With or without `luke_`.

    # Raises

    `ConfigurationError`
        There is no such task.
    """
    for name in (task, f"luke_{task}"):
        if name in _BY_TASK:
            return _BY_TASK[name]
    raise ConfigurationError(
        f"There is no task {task!r}; expected one of {', '.join(name[len('luke_') :] for name in _BY_TASK)}."
    )


def form_of_model(name: str) -> TaskForm:
    """
    As `form_of_task`, of the type of a model here: of a task, or of pretraining.
    """
    return PRETRAINING if name == PRETRAINING.task else form_of_task(name)


def find_form(
    source: str, architectures: Iterable[str], shapes: Mapping[str, Tuple[int, ...]], hidden_size: int
) -> TaskForm:
    """
    Tells a checkpoint's task by the class that its config names, or by its head if that is none of Hugging
    Face's LUKE.

    # Parameters

    source : `str`
        For messages.
    architectures : `Iterable[str]`
    shapes : `Mapping[str, Tuple[int, ...]]`
        Of the checkpoint's tensors.
    hidden_size : `int`

    # Returns

    `TaskForm`

    # Raises

    `ConfigurationError`
        It is of no task that is known here.
    """
    names = list(architectures)
    for form in FORMS:
        if form.architecture is not None and form.architecture in names:
            return form
    # A head of LukeForSequenceClassification, say, is as wide as one of entity typing, and sees other states.
    is_foreign = any(name.startswith("LukeFor") for name in names)
    for form in () if is_foreign else FORMS:
        for head in (form.head, form.original_head):
            if shapes.get(f"{head}.weight", ())[-1:] == (form.features * hidden_size,):
                return form
    listed = ", ".join(sorted({name.split(".")[0] for name in shapes}))
    raise ConfigurationError(
        f"{source!r} is no fine-tuned model of a known task: its config names "
        f"{', '.join(names) or 'no class'}, and its weights begin with {listed}; expected one of "
        f"{', '.join(form.architecture or form.original_head for form in FORMS)}. If it is of one of these "
        "tasks all the same, name that with --task. A pretrained model needs no import: give it to the "
        "embedder as model_name."
    )


def reader_options(form: TaskForm, markers: Iterable[str]) -> Dict[str, Any]:
    """The reader's options that say which tokens are the markers."""
    return dict(zip(form.marker_options, markers, strict=False))
