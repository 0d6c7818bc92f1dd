// SQuAD 1.1 (Yamada et al., EMNLP 2020, Table 6: LUKE without entity inputs, dev EM 89.2, F1 94.7).
(import '../lib/reading_comprehension.libsonnet') + {
  use_entities:: false,
}
