// Named entity recognition: spans as [MASK] entities, classified (Yamada et al., EMNLP 2020, section 4.3).
local knobs = import 'knobs.libsonnet';

knobs(import 'fine_tuning.libsonnet', {
  local experiment = self,

  // Knobs of this task.
  context:: 'document',
  entity_aware_attention:: true,
  span_attention:: 'full',  // 'independent': spans see words and themselves, and a document is encoded once for all of them
  use_entity_state:: true,
  use_word_states:: true,
  flat:: true,
  paper_compatible:: false,
  reader_options:: {},  // further options of the reader "luke_ner", for example { word_column: 1, tag_column: 2 }
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }

  learning_rate:: 1e-5,
  num_epochs:: 5,
  effective_batch_size:: 8,
  loss_batch_size:: 2,
  seed:: 15,
  validation_metric:: '+f1',
  keep:: 'last',

  reader:: {
    type: 'luke_ner',
    tokenizer: { type: 'luke' } + experiment.checkpoint,
    context: experiment.context,
    [if experiment.span_attention == 'independent' then 'shared_windows']: true,
  } + experiment.reader_options,
  model: {
    type: 'luke_ner',
    embedder: {
      type: 'luke',
      entities: if experiment.use_entity_state then ['[PAD]', '[MASK]'] else [],
      entity_aware_attention: experiment.entity_aware_attention,
      [if experiment.span_attention != 'full' then 'span_attention']: experiment.span_attention,
    } + experiment.checkpoint + experiment.embedder_options,
    use_entity_state: experiment.use_entity_state,
    use_word_states: experiment.use_word_states,
    flat: experiment.flat,
    paper_compatible: experiment.paper_compatible,
    [if experiment.start_from != null then 'start_from']: experiment.start_from,
  },
})
