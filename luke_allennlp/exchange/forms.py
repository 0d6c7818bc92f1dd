"""
What a fine-tuned model of each task is called and made of, in Hugging Face's layout, the original's and ours.
"""

from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError
from torch import Tensor

from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD

ENTITY_VOCABULARY = "entity_vocab.json"
"""Hugging Face's name of the file."""


class TaskForm(NamedTuple):
    """A task's names and parts in the three layouts."""

    task: str  # the name of reader, model and predictor
    architecture: Optional[str]  # Hugging Face's class, if there is one
    head: str  # the linear layer's name in our model and in Hugging Face's
    features: int  # how many states the head sees
    # The rows of the entity table that the task keeps, in the order of our readers' ids, by the titles of
    # Hugging Face's vocabularies; `None` for all.
    entities: Optional[Tuple[str, ...]] = None
    released_head: Optional[str] = None  # the head's name in the original release, if it is another
    # The original's markers, in the order of their ids, and the word each started as.
    markers: Tuple[Tuple[str, str], ...] = ()
    published_markers: Tuple[str, ...] = ()  # which of Hugging Face's two entity tokens take their place
    marker_options: Tuple[str, ...] = ()  # the reader's options that name the markers
    has_labels: bool = True

    @property
    def original_head(self) -> str:
        return self.released_head or self.head


FORMS = (
    TaskForm(
        "luke_entity_typing",
        "LukeForEntityClassification",
        "classifier",
        features=1,
        entities=(PAD, MASK),
        released_head="typing",
        markers=(("[ENTITY]", "@"),),
        published_markers=("<ent>",),
        marker_options=("marker",),
    ),
    TaskForm(
        "luke_relation_classification",
        "LukeForEntityPairClassification",
        "classifier",
        features=2,
        entities=(PAD, MASK, MASK2),
        markers=(("[HEAD]", "@"), ("[TAIL]", "#")),
        published_markers=("<ent>", "<ent2>"),
        marker_options=("head_marker", "tail_marker"),
    ),
    TaskForm("luke_ner", "LukeForEntitySpanClassification", "classifier", features=3, entities=(PAD, MASK)),
    TaskForm(
        "luke_reading_comprehension", "LukeForQuestionAnswering", "qa_outputs", features=1, has_labels=False
    ),
    TaskForm(
        "luke_cloze_qa",
        None,
        "scorer",
        features=2,
        entities=(PAD, MASK),
        markers=(("[HIGHLIGHT]", "@"), ("[PLACEHOLDER]", "#"), ("[ENTITY]", "*")),
        has_labels=False,
    ),
)
PRETRAINING = TaskForm(
    "luke_pretraining",
    "LukeForMaskedLM",
    "lm_head",
    features=1,
    published_markers=("<ent>", "<ent2>"),
    has_labels=False,
)
"""Exported only: a pretrained checkpoint needs no import, but is loaded as it is."""

_BY_TASK = {form.task: form for form in FORMS}


def form_of_task(task: str) -> TaskForm:
    """Of a task's name, with or without `luke_`."""
    for name in (task, f"luke_{task}"):
        if name in _BY_TASK:
            return _BY_TASK[name]
    raise ConfigurationError(
        f"There is no task {task!r}; expected one of {', '.join(name[len('luke_') :] for name in _BY_TASK)}."
    )


def form_of_model(name: str) -> TaskForm:
    """As `form_of_task`, for the type of a model: of a task, or of pretraining."""
    return PRETRAINING if name == PRETRAINING.task else form_of_task(name)


def find_form(
    source: str, architectures: Sequence[str], tensors: Mapping[str, Tensor], hidden_size: int
) -> TaskForm:
    """
    Detects a checkpoint's task by the class that its config names, or by its head if that is none of Hugging
    Face's LUKE. The source is for messages.

    # Raises

    `ConfigurationError`
        It is of no known task.
    """
    for form in FORMS:
        if form.architecture is not None and form.architecture in architectures:
            return form
    # A head of LukeForSequenceClassification, say, is as wide as one of entity typing, and sees other states.
    is_foreign = any(name.startswith("LukeFor") for name in architectures)
    for form in () if is_foreign else FORMS:
        for head in (form.head, form.original_head):
            weight = tensors.get(f"{head}.weight")
            if weight is not None and weight.shape[-1:] == (form.features * hidden_size,):
                return form
    listed = ", ".join(sorted({name.split(".")[0] for name in tensors}))
    raise ConfigurationError(
        f"{source!r} is no fine-tuned model of a known task: its config names "
        f"{', '.join(architectures) or 'no class'}, and its weights begin with {listed}; expected one of "
        f"{', '.join(form.architecture or form.original_head for form in FORMS)}. If it is of one of these "
        "tasks nevertheless, name that with --task. A pretrained model needs no import: give it to the "
        "embedder as model_name."
    )
