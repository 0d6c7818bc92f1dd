// Open Entity (Yamada et al., EMNLP 2020, Table 1: LUKE, F1 78.2).
(import '../lib/entity_typing.libsonnet') + {
  train_data:: self.data + '/open_entity/train.json',
  validation_data:: self.data + '/open_entity/dev.json',
  test_data:: self.data + '/open_entity/test.json',
}
