// LUKE base, second stage: all of it is trained, with a fresh optimizer, from what `allennlp export-checkpoint` made of
// the first stage's archive.
local environment = import '../lib/environment.libsonnet';

(import '../lib/pretraining.libsonnet') + {
  model_name:: environment.model_or('exported/luke_base_stage1'),
  learning_rate:: 1e-5,
  num_steps:: 98168,
}
