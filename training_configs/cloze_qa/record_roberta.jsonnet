// ReCoRD, words alone (Yamada et al., EMNLP 2020, Table 4: RoBERTa, EM 89.0 and F1 89.5 on dev).
(import 'record.jsonnet') + {
  model_name:: (import '../lib/environment.libsonnet').roberta_name,
  use_entity_state:: false,
  use_word_states:: true,
}
