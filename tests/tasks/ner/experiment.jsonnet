// What the tests of the NER task train: one epoch on a part of the corpus, from $LUKE_MODEL and $LUKE_DATA.
(import '../../../training_configs/lib/ner.libsonnet') + {
  train_data:: self.data + '/../ner/train.conll',
  validation_data:: self.data + '/../ner/dev.conll',
  learning_rate:: 1e-3,
  num_epochs:: 1,
  loss_batch_size:: null,
  reader_options:: { max_length: 64, max_instances: 33 },
}
