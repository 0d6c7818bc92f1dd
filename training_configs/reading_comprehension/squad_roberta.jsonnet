// SQuAD 1.1 (Yamada et al., EMNLP 2020, Tables 5 and 8: RoBERTa, dev EM 88.9, F1 94.6).
(import '../lib/reading_comprehension.libsonnet') + {
  model_name:: (import '../lib/environment.libsonnet').roberta_name,
  use_entities:: false,
}
