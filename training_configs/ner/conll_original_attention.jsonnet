// CoNLL-2003, English, with one query for all pairs (Yamada et al., EMNLP 2020, Table 7: original attention, F1 94.1).
(import 'conll.jsonnet') + { entity_aware_attention:: false }
