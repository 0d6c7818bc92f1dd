// LUKE base, second stage: all parameters are trained, with a fresh optimizer, from the first stage's archive as exported
// by `allennlp export-checkpoint`.
local environment = import '../lib/environment.libsonnet';

(import '../lib/pretraining.libsonnet') + {
  model_name:: environment.model_or('exported/luke_base_stage1'),
  learning_rate:: 1e-5,
  num_steps:: 98168,
}
