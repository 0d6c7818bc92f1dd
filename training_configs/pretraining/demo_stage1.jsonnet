// The first stage of `make pretrain-demo`: the tiny RoBERTa and the small dump of fixtures/.
(import '../lib/pretraining.libsonnet') + {
  model_name:: 'fixtures/tiny-roberta',
  dataset:: 'runs/pretrain-demo/dataset',
  train_only_new:: true,
  learning_rate:: 1e-2,
  num_steps:: 100,
  warmup_steps:: 10,
  global_batch_size:: 32,
  max_tokens:: 2048,
  num_workers:: 0,
  validation_steps:: 50,
}
