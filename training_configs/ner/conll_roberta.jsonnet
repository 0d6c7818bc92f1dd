// CoNLL-2003, English, the baseline: the states of a span's first and last word, of RoBERTa (Yamada et al., EMNLP 2020,
// Table 3: F1 92.4). LUKE_MODEL, if set, is the RoBERTa.
(import 'conll.jsonnet') + {
  model_name:: (import '../lib/environment.libsonnet').roberta_name,
  use_entity_state:: false,
}
