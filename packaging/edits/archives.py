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
]
