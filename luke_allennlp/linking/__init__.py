"""Mentions and their entities: databases of links and names, redirects, and the entity linkers."""

from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.linking.entity_linker import EntityLinker, NoEntityLinker, SpansEntityLinker

__all__ = ["ArticleLinksEntityLinker", "EntityLinker", "NoEntityLinker", "SpansEntityLinker"]
