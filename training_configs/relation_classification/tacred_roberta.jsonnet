// TACRED (Yamada et al., EMNLP 2020, Table 2: RoBERTa, F1 71.3): words alone, the states at the first markers.
(import 'tacred.jsonnet') + {
  model_name:: (import '../lib/environment.libsonnet').roberta_name,
  use_entity_state:: false,
  use_word_states:: true,
}
