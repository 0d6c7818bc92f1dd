// Cloze QA: mentions as [MASK] entities, scored for the place of the placeholder (Yamada et al., EMNLP 2020, section 4.4).
local knobs = import 'knobs.libsonnet';

knobs(import 'fine_tuning.libsonnet', {
  local experiment = self,

  // Knobs of this task.
  entity_aware_attention:: true,
  use_entity_state:: true,
  use_word_states:: false,
  reader_options:: {},  // further options of the reader "luke_cloze_qa", for example { cut_placeholder: true }
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }

  learning_rate:: 1e-5,
  num_epochs:: 2,
  effective_batch_size:: 32,
  loss_batch_size:: 1,
  seed:: 4,
  validation_metric:: '+em',

  // Each with the word whose row initializes it. Pairs, since order matters: Jsonnet sorts the keys of an object.
  local markers = [['[HIGHLIGHT]', '@'], ['[PLACEHOLDER]', '#'], ['[ENTITY]', '*']],

  reader:: {
    type: 'luke_cloze_qa',
    tokenizer: { type: 'luke', marker_tokens: [marker[0] for marker in markers] } + experiment.checkpoint,
  } + experiment.reader_options,
  model: {
    type: 'luke_cloze_qa',
    embedder: {
      type: 'luke',
      entities: if experiment.use_entity_state then ['[PAD]', '[MASK]'] else [],
      marker_tokens: markers,
      entity_aware_attention: experiment.entity_aware_attention,
    } + experiment.checkpoint + experiment.embedder_options,
    use_entity_state: experiment.use_entity_state,
    use_word_states: experiment.use_word_states,
    [if experiment.start_from != null then 'start_from']: experiment.start_from,
  },
})
