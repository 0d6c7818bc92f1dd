// Entity typing: the types of a marked mention, from the state of its [MASK] entity (Yamada et al., EMNLP 2020, section 4.1).
local knobs = import 'knobs.libsonnet';

knobs(import 'fine_tuning.libsonnet', {
  local experiment = self,

  // Knobs of this task.
  entity_aware_attention:: true,
  use_entity_state:: true,
  use_word_states:: false,
  reader_options:: {},  // further options of the reader "luke_entity_typing", for example { types: null }
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }

  learning_rate:: 1e-5,
  num_epochs:: 3,
  effective_batch_size:: 4,
  loss_batch_size:: 2,
  seed:: 12,
  validation_metric:: '+f1',

  reader:: {
    type: 'luke_entity_typing',
    tokenizer: { type: 'luke', marker_tokens: ['[ENTITY]'] } + experiment.checkpoint,
  } + experiment.reader_options,
  model: {
    type: 'luke_entity_typing',
    embedder: {
      type: 'luke',
      entities: if experiment.use_entity_state then ['[PAD]', '[MASK]'] else [],
      marker_tokens: { '[ENTITY]': '@' },
      entity_aware_attention: experiment.entity_aware_attention,
    } + experiment.checkpoint + experiment.embedder_options,
    use_entity_state: experiment.use_entity_state,
    use_word_states: experiment.use_word_states,
    [if experiment.start_from != null then 'start_from']: experiment.start_from,
  },
})
