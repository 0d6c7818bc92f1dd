"""Where the entities of questions and passages come from."""

from bisect import bisect_left, bisect_right
from typing import List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common import Registrable
from overrides import overrides

from luke_allennlp.checkpoints.model_files import archived_checkpoint, at_revision
from luke_allennlp.entity_vocabulary import EntityVocabulary

Offsets = Sequence[Tuple[int, int]]
Window = Tuple[int, int]


class EntityMention(NamedTuple):
    """
    A mention that the data names: the text it is in ("question" or "context"), its characters there, `end`
    exclusive, and its entity, as the entity vocabulary calls it.
    """

    part: str
    start: int
    end: int
    title: str


class LinkedEntity(NamedTuple):
    """
    An entity in a window: its row of the checkpoint's entity table, and its first and last token, counted
    from the window's first.
    """

    row: int
    first: int
    last: int


class ArticleLinker:
    """
    A linker for the texts of one article: its passages and the questions about them. This one finds nothing.
    """

    def link(
        self, text: str, offsets: Offsets, window: Optional[Window] = None, part: str = "context"
    ) -> List[LinkedEntity]:
        """
        The entities of a whole question or passage, from left to right; they do not overlap.

        # Parameters

        offsets : `Sequence[Tuple[int, int]]`
            Where each token of the text stands in it: character offsets, end exclusive.
        window : `Tuple[int, int]`, optional (default = `None`)
            The tokens that are linked, end exclusive; all by default. A mention that is not wholly inside
            is not seen.
        part : `str`, optional (default = `"context"`)
            What the text is: "question", which is tokenised in one piece, or "context", which is split into
            words before.
        """
        return []


class EntityLinker(Registrable):
    """Finds the entities that a model of extractive QA gets as input."""

    default_implementation = "none"

    def article(
        self, title: Optional[str], entities: Optional[Sequence[EntityMention]] = None
    ) -> ArticleLinker:
        """
        The linker for the texts of an article, whose title may be unknown, with the mentions that the data
        names. It is to be kept for the texts that follow, since it caches its last results.
        """
        raise NotImplementedError


@EntityLinker.register("none")
class NoEntityLinker(EntityLinker):
    """
    Registered as an `EntityLinker` with name "none".

    Finds nothing.
    """

    @overrides
    def article(
        self, title: Optional[str], entities: Optional[Sequence[EntityMention]] = None
    ) -> ArticleLinker:
        return ArticleLinker()


@EntityLinker.register("spans")
class SpansEntityLinker(EntityLinker):
    """
    Registered as an `EntityLinker` with name "spans".

    Takes the mentions that the data names. Those whose title is not in the entity vocabulary are omitted; of
    two that overlap, the one that begins first is taken, or the longer one if both begin at the same place.

    # Parameters

    model_name : `str`
        The checkpoint, a directory or hub id, whose entity vocabulary is used: the embedder's.
    revision : `str`, optional (default = `None`)
        The commit, branch or tag on the hub, where `model_name` is a hub id.

    # Raises

    `ConfigurationError`
        The checkpoint has no entity vocabulary.
    """

    def __init__(
        self, model_name: str, revision: Optional[str] = None, serialization_dir: Optional[str] = None
    ) -> None:
        source = archived_checkpoint(at_revision(model_name, revision), serialization_dir)
        self._vocabulary = EntityVocabulary.from_checkpoint(source)

    @overrides
    def article(
        self, title: Optional[str], entities: Optional[Sequence[EntityMention]] = None
    ) -> ArticleLinker:
        known = [entity for entity in entities or [] if entity.title in self._vocabulary]
        return _GivenMentions(known, self._vocabulary)


class _GivenMentions(ArticleLinker):
    """Tokens under given characters."""

    def __init__(self, mentions: Sequence[EntityMention], vocabulary: EntityVocabulary) -> None:
        self._mentions = sorted(mentions, key=lambda mention: (mention.start, -mention.end))
        self._vocabulary = vocabulary

    @overrides
    def link(
        self, text: str, offsets: Offsets, window: Optional[Window] = None, part: str = "context"
    ) -> List[LinkedEntity]:
        window_start, window_end = window or (0, len(offsets))
        found: List[LinkedEntity] = []
        free = window_start
        for mention in self._mentions:
            if mention.part != part:
                continue
            first = bisect_right(offsets, mention.start, key=lambda offset: offset[1])
            end = bisect_left(offsets, mention.end, key=lambda offset: offset[0])
            if free <= first < end <= window_end:
                row = self._vocabulary[mention.title]
                found.append(LinkedEntity(row, first - window_start, end - 1 - window_start))
                free = end
        return found
