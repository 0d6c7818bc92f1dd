// The second stage of `make pretrain-demo`.
(import 'demo_stage1.jsonnet') + {
  model_name:: 'runs/pretrain-demo/stage1-exported',
  train_only_new:: false,
  learning_rate:: 3e-3,
  num_steps:: 200,
}
