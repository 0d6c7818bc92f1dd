// CoNLL-2003, English, without entities in the input (Yamada et al., EMNLP 2020, Table 6: F1 92.9).
(import 'conll.jsonnet') + { use_entity_state:: false }
