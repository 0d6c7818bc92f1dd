// TACRED (Yamada et al., EMNLP 2020, Table 7: LUKE with the original attention, F1 72.2).
(import 'tacred.jsonnet') + {
  entity_aware_attention:: false,
}
