// TACRED (Yamada et al., EMNLP 2020, Table 2: LUKE, F1 72.7).
(import '../lib/relation_classification.libsonnet') + {
  train_data:: self.data + '/tacred/train.json',
  validation_data:: self.data + '/tacred/dev.json',
  test_data:: self.data + '/tacred/test.json',
}
