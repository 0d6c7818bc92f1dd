"""Entity linking by the links of the article's own page (LUKE, appendix C)."""

import logging
from contextlib import contextmanager
from typing import Dict, Iterable, Iterator, Optional, Sequence
from urllib.parse import unquote

import numpy
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.checkpoints.model_files import archived_checkpoint, at_revision
from luke_allennlp.common.options import check_at_least
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.linking.entity_linker import ArticleLinker, EntityLinker, EntityMention
from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.linking.name_linker import NameLinker
from luke_allennlp.linking.redirects import Redirects

logger = logging.getLogger(__name__)

_CACHED_ARTICLES = 64


@EntityLinker.register("article_links")
class ArticleLinksEntityLinker(EntityLinker):
    """
    Registered as an `EntityLinker` with name "article_links".

    Links the names by which an article's own page in Wikipedia links to others, wherever they stand in its
    passages and in the questions about them (Yamada et al., EMNLP 2020, appendix C). A name that leads to
    several entities is omitted. Case is ignored.

    From left to right, the longest name that begins at a word and ends before the next is taken. One whose
    entity is not in the vocabulary still uses up its words.

    # Parameters

    model_name : `str`
        The checkpoint, a directory or hub id, whose entity vocabulary is used: the embedder's.
    link_database : `str`
        The directory of a `LinkDatabase`, of about the time the articles were taken from Wikipedia.
    link_redirects : `str`, optional (default = `None`)
        The directory of `Redirects` of the same time, by which titles of articles are found in the database.
    model_redirects : `str`, optional (default = `None`)
        The directory of `Redirects` of the time of the entity vocabulary, by which linked titles are found in
        it.
    min_link_probability : `float`, optional (default = `0.01`)
        Names that are rarer as links are omitted. Compared in single precision, as it is stored.
    max_mention_length : `int`, optional (default = `30`)
        The most tokens of a mention.
    merge_aliases : `bool`, optional (default = `False`)
        Whether a name that leads to two titles of one entity, by `model_redirects`, is kept. The original
        system leaves it out.
    revision : `str`, optional (default = `None`)
        The commit, branch or tag on the hub, where `model_name` is a hub id.

    # Raises

    `ConfigurationError`
        A file is not there or is damaged, or an option is out of range.
    """

    def __init__(
        self,
        model_name: str,
        link_database: str,
        link_redirects: Optional[str] = None,
        model_redirects: Optional[str] = None,
        min_link_probability: float = 0.01,
        max_mention_length: int = 30,
        merge_aliases: bool = False,
        revision: Optional[str] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        if not 0 <= min_link_probability <= 1:
            raise ConfigurationError(f"min_link_probability is {min_link_probability}; expected 0 to 1.")
        check_at_least(1, max_mention_length=max_mention_length)
        with _option("link_database", serialization_dir):
            self._links = LinkDatabase(link_database)
        with _option("link_redirects", serialization_dir):
            self._link_redirects = Redirects(link_redirects) if link_redirects is not None else None
        with _option("model_redirects", serialization_dir):
            self._model_redirects = Redirects(model_redirects) if model_redirects is not None else None
        self._vocabulary = EntityVocabulary.from_checkpoint(
            archived_checkpoint(at_revision(model_name, revision), serialization_dir)
        )
        self._min_link_probability = float(numpy.float32(min_link_probability))
        self._max_mention_length = max_mention_length
        self._merge_aliases = merge_aliases
        self._articles: Dict[str, ArticleLinker] = {}

    @overrides
    def article(
        self, title: Optional[str], entities: Optional[Sequence[EntityMention]] = None
    ) -> ArticleLinker:
        if title is None:
            return ArticleLinker()
        if title not in self._articles:
            if len(self._articles) >= _CACHED_ARTICLES:
                self._articles.clear()
            rows = self.rows(title)
            linker = NameLinker(rows, self._max_mention_length) if rows else ArticleLinker()
            self._articles[title] = linker
        return self._articles[title]

    def rows(self, title: str) -> Dict[str, Optional[int]]:
        """
        The names that are linked in an article, in lower case, with the rows of their entities; `None` where
        the vocabulary does not have the entity.
        """
        title = unquote(title.replace("_", " "))
        if self._link_redirects is not None:
            title = self._link_redirects.resolve(title)
        if title not in self._links:
            logger.warning("The link database has no page %r: its texts get no entities.", title)
            return {}
        return {name: self._row(target) for name, target in self._targets(self._links.links(title)).items()}

    def _targets(self, links: Iterable[Link]) -> Dict[str, str]:
        targets: Dict[str, str] = {}
        ambiguous = set()
        for link in links:
            name = link.anchor.lower().strip()
            if not name or link.probability < self._min_link_probability:
                continue
            target = self._resolve(link.title) if self._merge_aliases else link.title
            if targets.setdefault(name, target) != target:
                ambiguous.add(name)
        return {name: target for name, target in targets.items() if name not in ambiguous}

    def _resolve(self, title: str) -> str:
        return title if self._model_redirects is None else self._model_redirects.resolve(title)

    def _row(self, target: str) -> Optional[int]:
        return self._vocabulary.get(target if self._merge_aliases else self._resolve(target))


@contextmanager
def _option(name: str, serialization_dir: Optional[str]) -> Iterator[None]:
    """Errors within name the option and, of an archive, which never contains such a directory, what to do."""
    try:
        yield
    except ConfigurationError as error:
        advice = ""
        if serialization_dir is not None:
            advice = (
                " An archive does not contain it: if it has moved, give its place by -o, as "
                f"dataset_reader.linker.{name} and, if there is one, in validation_dataset_reader."
            )
        raise ConfigurationError(f"the linker's {name}: {error.message}{advice}") from None
