"""
Models as components of spaCy pipelines: `luke_ner`, `luke_types` and `luke_relations`, which spaCy finds by
the package's entry points.
"""
