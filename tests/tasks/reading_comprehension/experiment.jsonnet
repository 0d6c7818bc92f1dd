// Small enough for AllenNLP's own checks of a model.
(import '../../../training_configs/lib/reading_comprehension.libsonnet') + {
  num_epochs:: 1,
  effective_batch_size:: 8,
  loss_batch_size:: null,
  learning_rate:: 1e-3,
  version:: '2.0',
  train_data:: self.squad + '/dev-v2.0.json',
  reader_options:: { max_length: 112, stride: 40 },
  embedder_options:: { hidden_dropout: 0, attention_dropout: 0 },
}
