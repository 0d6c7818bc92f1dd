// RoBERTa with LUKE's corpus and updates, but words only (Yamada et al., EMNLP 2020, Table 8): does more pretraining
// explain LUKE's scores? There are as many updates as in both of LUKE's stages; that and the rate are from memory: check
// them there.
local environment = import '../lib/environment.libsonnet';

(import '../lib/pretraining.libsonnet') + {
  model_name:: environment.model_or('roberta-large'),
  entities:: false,
  learning_rate:: 1e-5,
  num_steps:: 2 * 98168,
}
