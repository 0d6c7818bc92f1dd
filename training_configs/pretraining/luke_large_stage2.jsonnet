// LUKE large, second stage.
local environment = import '../lib/environment.libsonnet';

(import 'luke_base_stage2.jsonnet') + {
  model_name:: environment.model_or('exported/luke_large_stage1'),
}
