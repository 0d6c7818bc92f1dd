// Pretraining by masked words and masked entities (Yamada et al., EMNLP 2020, section 3.3 and appendix): the updates are the
// same on any number of devices. Fields with `::` are knobs: a config sets them, and the AllenNLP config is made from them.
local environment = import 'environment.libsonnet';
local knobs = import 'knobs.libsonnet';
local tracking = import 'tracking.libsonnet';

knobs({}, {
  local experiment = self,

  // Knobs of every experiment.
  model_name:: error 'model_name: set the checkpoint to start from: a directory or a hub id',
  revision:: null,  // a commit, branch or tag, where model_name is a hub id
  data:: environment.data,
  dataset:: experiment.data + '/pretraining/en',  // as `allennlp pretraining-dataset` writes it
  datasets:: [],  // further ones, as of other languages
  sampling_exponent:: 1.0,  // of several datasets, each has a share in proportion to its size to this power
  entities:: true,  // false: words alone
  train_only_new:: false,  // true: only what LUKE adds to its backbone
  whole_words:: true,  // mask whole words; false: sub-words
  learning_rate:: error 'learning_rate: set the peak learning rate, for example 1e-5',
  num_steps:: error 'num_steps: set the number of updates',
  warmup_steps:: 2500,
  global_batch_size:: 2048,  // sequences of an update, on all devices together
  max_tokens:: 16384,  // words and entities that a device takes at once, padding included
  devices:: null,  // [1]: that GPU; several: [0, 1, 2, 3]; null: one GPU if there is one, else the CPU
  nodes:: 1,  // machines with these devices each; their first is at $MASTER_ADDR:$MASTER_PORT
  precision:: 'auto',  // 'bf16', 'fp16' with gradient scaling on GPUs, null: float32; 'auto': 'bf16' on GPUs that have it
  shard_optimizer:: false,  // share the optimizer's averages out over the processes
  num_workers:: 2,  // processes a device has to prepare batches
  validate:: true,  // whether the dataset has a part for validation
  validation_steps:: 5000,  // the number of updates between two validations
  checkpoint_steps:: 1000,
  checkpoint_minutes:: 30,
  seed:: 0,
  callbacks:: [],
  tensorboard:: false,  // true, or options of the callback "luke_tensorboard": figures for TensorBoard in log/ of the run
  wandb:: null,  // a project of Weights & Biases, or options of the callback "luke_wandb"
  reader_options:: {},  // further options of the reader "luke_pretraining", which predictions use
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }
  masking_options:: {},  // further options of the masking "luke"

  // The options that name the checkpoint.
  checkpoint:: {
    model_name: experiment.model_name,
    [if experiment.revision != null then 'revision']: experiment.revision,
  },

  local devices = if experiment.devices == null then [0] else experiment.devices,
  local processes = std.length(devices) * experiment.nodes,
  local entity_vocabulary = if experiment.entities then { entity_vocabulary: experiment.dataset } else {},
  local loader = {
    type: 'luke_pretraining',
    datasets: experiment.datasets,
    global_batch_size: experiment.global_batch_size,
    max_tokens: experiment.max_tokens,
    entities: experiment.entities,
    masking: { type: 'luke', whole_words: experiment.whole_words } + experiment.masking_options,
    seed: experiment.seed,
    num_workers: experiment.num_workers,
  },

  random_seed: experiment.seed,
  numpy_seed: experiment.seed,
  pytorch_seed: experiment.seed,
  vocabulary: { type: 'empty' },
  include_in_archive: ['checkpoint'],  // what the callback "archived_checkpoint" writes: the archive needs nothing beside it
  dataset_reader: {
    type: 'luke_pretraining',
    tokenizer: { type: 'luke' } + experiment.checkpoint,
  } + entity_vocabulary + experiment.reader_options,
  train_data_path: experiment.dataset,
  validation_data_path: if experiment.validate then experiment.dataset,
  data_loader: loader { sampling_exponent: experiment.sampling_exponent },
  validation_data_loader: loader { split: 'validation', shuffle: false },
  model: {
    type: 'luke_pretraining',
    embedder: {
      type: 'luke',
      entity_aware_attention: false,
    } + experiment.checkpoint + entity_vocabulary + experiment.embedder_options,
    entities: experiment.entities,
    train_only_new: experiment.train_only_new,
  },
  trainer: {
    type: 'luke',
    [if experiment.devices != null && processes == 1 then 'cuda_device']: devices[0],
    num_steps: experiment.num_steps,
    precision: experiment.precision,
    seed: experiment.seed,
    validate_every: experiment.validation_steps,
    optimizer: {
      type: if experiment.shard_optimizer then 'zero_adamw' else 'fused_adamw',
      lr: experiment.learning_rate,
      betas: [0.9, 0.999],
      eps: 1e-6,
      weight_decay: 0.01,
      correct_bias: false,
      parameter_groups: [[['bias', 'LayerNorm\\.weight'], { weight_decay: 0 }]],
    },
    learning_rate_scheduler: { type: 'linear_with_warmup_ratio', warmup_steps: experiment.warmup_steps },
    checkpointer: {
      save_every_num_steps: experiment.checkpoint_steps,
      save_every_num_minutes: experiment.checkpoint_minutes,
    },
    callbacks: [{ type: 'archived_checkpoint' }] + experiment.callbacks + tracking(experiment),
  },
  distributed: if processes > 1 then { cuda_devices: devices } + (
    if experiment.nodes == 1 then {} else {
      num_nodes: experiment.nodes,
      primary_address: environment.primary_address,
      primary_port: environment.primary_port,
    }
  ),
})
