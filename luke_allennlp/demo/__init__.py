"""`allennlp demo`: a page to try a model in a browser."""
