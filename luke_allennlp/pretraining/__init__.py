"""
Pretraining by predicting masked words and masked entities: Yamada et al., EMNLP 2020, section 3.3.

What registers itself is imported by `luke_allennlp.components`: the commands that make a dataset import only
what they need.
"""
