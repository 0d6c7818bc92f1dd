// SQuAD 1.1 (Yamada et al., EMNLP 2020, Table 5: LUKE, dev EM 89.8, F1 95.0).
(import '../lib/reading_comprehension.libsonnet') + {}
