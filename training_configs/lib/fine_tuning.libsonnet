// Shared by all fine-tuning experiments: the paper's optimizer and schedule (Yamada et al., EMNLP 2020, appendix), and
// batches that are the same on any number of devices. Fields with `::` are knobs: a config sets them, and the AllenNLP config
// is made from them.
local environment = import 'environment.libsonnet';
local knobs = import 'knobs.libsonnet';
local tracking = import 'tracking.libsonnet';

knobs({}, {
  local experiment = self,

  // Knobs of every experiment.
  model_name:: environment.model_name,
  revision:: null,  // a commit, branch or tag, where model_name is a hub id
  // An archive, or the directory of a run, of any task: its encoder, tokenizer and entities in place of model_name's, and of
  // the same task the head's rows of equal labels.
  start_from:: null,
  data:: environment.data,
  learning_rate:: error 'learning_rate: set the peak learning rate, for example 1e-5',
  num_epochs:: error 'num_epochs: set how many times to go through the training data',
  effective_batch_size:: error 'effective_batch_size: set how many instances one update sees, on all devices together',
  // The paper's batch on one device, of which it accumulated several to an update: the loss is the mean of their means.
  loss_batch_size:: error 'loss_batch_size: set how many instances a mean of the loss is over, or null for all of an update',
  max_tokens:: null,  // words and entities that a device takes at once, padding included; null: by its memory
  evaluation_batch_size:: 512,  // the most instances of a batch in validation and evaluation
  evaluation_max_tokens:: null,  // its most words and entities, padding excluded; null: 16384 on a GPU, 4096 on a CPU
  devices:: null,  // several: [0, 1, 2, 3]; null: one GPU if there is one, else the CPU
  seed:: error 'seed: set the random seed',
  warmup_ratio:: 0.06,
  validation_metric:: error 'validation_metric: set the metric to watch, for example "+f1"',
  keep:: 'best',  // which epoch's weights end up in the archive: 'best' by the validation metric, or 'last'
  precision:: 'auto',  // 'bf16', 'fp16' with gradient scaling on GPUs, null: float32; 'auto': 'bf16' on GPUs that have it
  shard_optimizer:: false,  // share the optimizer's averages out over the processes
  num_workers:: 0,  // processes a device has to prepare batches
  checkpoint_steps:: 1000,
  checkpoint_minutes:: 30,
  callbacks:: [],
  lean:: false,  // true: the archive needs the checkpoint beside it, and is smaller by a tokenizer
  tensorboard:: false,  // true, or options of the callback "luke_tensorboard": figures for TensorBoard in log/ of the run
  wandb:: null,  // a project of Weights & Biases, or options of the callback "luke_wandb"
  reader:: error 'reader: set the dataset reader',
  train_data:: error 'train_data: set the path of the training data',
  validation_data:: null,
  test_data:: null,

  // The options that name the checkpoint.
  checkpoint:: if experiment.start_from != null then { model_name: experiment.start_from } else {
    model_name: experiment.model_name,
    [if experiment.revision != null then 'revision']: experiment.revision,
  },

  local num_devices = if experiment.devices == null then 1 else std.length(experiment.devices),
  assert experiment.effective_batch_size >= 1
         : 'effective_batch_size is %d: set at least 1' % experiment.effective_batch_size,
  assert experiment.effective_batch_size >= num_devices
         : 'effective_batch_size %d is smaller than the number of devices, %d: use fewer devices'
           % [experiment.effective_batch_size, num_devices],
  assert std.member(['best', 'last'], experiment.keep) : 'keep is %s: set "best" or "last"' % experiment.keep,

  random_seed: experiment.seed,
  numpy_seed: experiment.seed,
  pytorch_seed: experiment.seed,
  dataset_reader: experiment.reader,
  train_data_path: experiment.train_data,
  validation_data_path: experiment.validation_data,
  test_data_path: experiment.test_data,
  evaluate_on_test: experiment.test_data != null,
  // Labels come from the training data, in evaluation too.
  datasets_for_vocab_creation: ['train'],
  data_loader: {
    type: 'luke',
    batch_size: experiment.effective_batch_size,
    loss_batch_size: experiment.loss_batch_size,
    max_tokens: experiment.max_tokens,
    shuffle: true,
    seed: experiment.seed,
    num_workers: experiment.num_workers,
  },
  validation_data_loader: {
    type: 'luke',
    batch_size: experiment.evaluation_batch_size,
    max_tokens: experiment.evaluation_max_tokens,
  },
  trainer: {
    type: 'luke',
    num_epochs: experiment.num_epochs,
    precision: experiment.precision,
    seed: experiment.seed,
    optimizer: {
      type: if experiment.shard_optimizer then 'zero_adamw' else 'huggingface_adamw',
      lr: experiment.learning_rate,
      betas: [0.9, 0.98],
      eps: 1e-6,
      weight_decay: 0.01,
      correct_bias: false,
      parameter_groups: [[['bias', 'LayerNorm\\.weight'], { weight_decay: 0 }]],
    },
    learning_rate_scheduler: { type: 'linear_with_warmup_ratio', warmup_ratio: experiment.warmup_ratio },
    validation_metric: experiment.validation_metric,
    keep: if experiment.validation_data == null then 'last' else experiment.keep,
    checkpointer: {
      save_every_num_steps: experiment.checkpoint_steps,
      save_every_num_minutes: experiment.checkpoint_minutes,
    },
    callbacks: (if experiment.lean then [{ type: 'archived_checkpoint', lean: true }] else [])
               + experiment.callbacks + tracking(experiment),
  },
  distributed: if num_devices > 1 then { cuda_devices: experiment.devices },
})
