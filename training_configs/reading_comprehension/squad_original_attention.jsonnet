// SQuAD 1.1 (Yamada et al., EMNLP 2020, Table 7: LUKE with the original attention, dev EM 89.2, F1 94.7).
(import '../lib/reading_comprehension.libsonnet') + {
  entity_aware_attention:: false,
}
