// Open Entity (Yamada et al., EMNLP 2020, Table 1: RoBERTa, F1 76.2), from the state of the marker before the mention.
(import 'open_entity.jsonnet') + {
  model_name:: (import '../lib/environment.libsonnet').roberta_name,
  use_entity_state:: false,
  use_word_states:: true,
}
