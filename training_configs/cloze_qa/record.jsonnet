// ReCoRD (Yamada et al., EMNLP 2020, Table 4: LUKE, EM 90.8 and F1 91.4 on dev, 90.6 and 91.2 on test).
(import '../lib/cloze_qa.libsonnet') + {
  train_data:: self.data + '/record/train.json',
  validation_data:: self.data + '/record/dev.json',
}
