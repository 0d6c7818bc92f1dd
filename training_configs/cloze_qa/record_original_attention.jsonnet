// ReCoRD without entity-aware attention (Yamada et al., EMNLP 2020, Table 7: original, EM 90.1 and F1 90.7 on dev).
(import 'record.jsonnet') + { entity_aware_attention:: false }
