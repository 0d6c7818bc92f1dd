"""What an archive needs to be used elsewhere."""

from edits.edit import Edit

_ARCHIVAL = "allennlp/models/archival.py"

SELF_CONTAINED = [
    Edit(
        name="always-archived",
        file=_ARCHIVAL,
        old="def archive_model(\n",
        new="""\
always_archived: List[str] = []
\"\"\"
Paths relative to a serialization directory that go into each archive where they exist, as those of
`include_in_archive` do. Packages append theirs when they are imported.
\"\"\"


def archive_model(
""",
        reason="What a package needs in each archive should not have to be in each config.",
    ),
    Edit(
        name="always-archived",
        file=_ARCHIVAL,
        old="""\
        if include_in_archive is not None:
            for archival_target in include_in_archive:
""",
        new="""\
        include_in_archive = list(dict.fromkeys([*(include_in_archive or []), *always_archived]))
        if include_in_archive:
            for archival_target in include_in_archive:
""",
        reason="For the edit above.",
    ),
    Edit(
        name="weights-follow",
        file="allennlp/models/model.py",
        old="""\
        model = Model.from_params(
            vocab=vocab, params=model_params, serialization_dir=serialization_dir
        )

        # Force model""",
        new="""\
        token = weights_follow.set(True)
        try:
            model = Model.from_params(
                vocab=vocab, params=model_params, serialization_dir=serialization_dir
            )
        finally:
            weights_follow.reset(token)

        # Force model""",
        reason="The directory of a run is read like an archive: its pretrained weights may be gone.",
    ),
    Edit(
        name="weights-follow",
        file="allennlp/models/model.py",
        old="logger = logging.getLogger(__name__)\n",
        new="""\
logger = logging.getLogger(__name__)

weights_follow: ContextVar[bool] = ContextVar("weights_follow", default=False)
\"\"\"
Whether a model is being constructed whose weights are loaded afterwards, all of them.
\"\"\"
""",
        reason="For the edit above.",
    ),
    Edit(
        name="weights-follow",
        file="allennlp/models/model.py",
        old="import logging\nimport os\n",
        new="from contextvars import ContextVar\nimport logging\nimport os\n",
        reason="For the edit above.",
    ),
]
