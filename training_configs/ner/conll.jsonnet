// CoNLL-2003, English (Yamada et al., EMNLP 2020, Table 3: LUKE, F1 94.3).
(import '../lib/ner.libsonnet') + {
  train_data:: self.data + '/conll2003/eng.train',
  validation_data:: self.data + '/conll2003/eng.testa',
  test_data:: self.data + '/conll2003/eng.testb',
  paper_compatible:: true,
  reader_options:: { tag_scheme: 'IOB1' },
}
