// LUKE large, first stage.
local environment = import '../lib/environment.libsonnet';

(import 'luke_base_stage1.jsonnet') + {
  model_name:: environment.model_or('roberta-large'),
}
