// Open Entity (Yamada et al., EMNLP 2020, Table 7: original attention, F1 77.9).
(import 'open_entity.jsonnet') + {
  entity_aware_attention:: false,
}
