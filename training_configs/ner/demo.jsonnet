// The small corpus and the tiny checkpoint of fixtures/: what `make demo` trains, in seconds.
(import '../lib/ner.libsonnet') + {
  model_name:: 'fixtures/tiny-luke',
  train_data:: 'fixtures/ner/train.conll',
  validation_data:: 'fixtures/ner/dev.conll',
  learning_rate:: 2e-3,
  num_epochs:: 8,
  batch_size:: 8,
}
