"""From a dump of Wikipedia to pages with links, and from these to vocabularies, databases and sequences."""
