"""Archives that predict something."""

from tests.pipelines.conftest import archive_of, ner_archive  # noqa: F401
