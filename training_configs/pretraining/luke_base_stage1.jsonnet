// LUKE base, first stage: RoBERTa is frozen, only the new parameters are trained (Yamada et al., EMNLP 2020,
// appendix A). Export the result before the second stage.
local environment = import '../lib/environment.libsonnet';

(import '../lib/pretraining.libsonnet') + {
  model_name:: environment.model_or('roberta-base'),
  train_only_new:: true,
  learning_rate:: 5e-4,
  num_steps:: 98168,
}
