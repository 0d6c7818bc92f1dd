// The small corpus and the tiny checkpoint of fixtures/: what `make demo` trains, in a minute on two cores.
(import '../lib/ner.libsonnet') + {
  model_name:: 'fixtures/tiny-luke',
  train_data:: 'fixtures/ner/train.conll',
  validation_data:: 'fixtures/ner/dev.conll',
  learning_rate:: 3e-3,
  num_epochs:: 20,
  loss_batch_size:: null,
  // The model is too small for dropout and needs no long context.
  reader_options:: { max_length: 96 },
  embedder_options:: { hidden_dropout: 0, attention_dropout: 0 },
}
