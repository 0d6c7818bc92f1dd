// mLUKE base, second stage.
local environment = import '../lib/environment.libsonnet';

(import 'mluke_base_stage1.jsonnet') + {
  model_name:: environment.model_or('exported/mluke_base_stage1'),
  train_only_new:: false,
  learning_rate:: 1e-4,
}
