// Relation classification: head and tail between markers, two entities that start as [MASK] (Yamada et al., EMNLP 2020,
// section 4.2).
local knobs = import 'knobs.libsonnet';

knobs(import 'fine_tuning.libsonnet', {
  local experiment = self,

  // Knobs of this task.
  entity_aware_attention:: true,
  use_entity_state:: true,
  use_word_states:: false,
  classifier_bias:: false,
  negative_label:: null,  // null: "no_relation" or "Other", whichever the labels have; '': none
  semeval:: false,  // also the official scores of SemEval-2010 Task 8, with the relations' directions
  reader_options:: {},  // further options of the reader "luke_relation_classification", for example { max_length: 256 }
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }

  learning_rate:: 1e-5,
  num_epochs:: 5,
  effective_batch_size:: 32,
  loss_batch_size:: 4,
  seed:: 42,
  validation_metric:: '+f1',

  reader:: {
    type: 'luke_relation_classification',
    tokenizer: { type: 'luke', marker_tokens: ['[HEAD]', '[TAIL]'] } + experiment.checkpoint,
  } + experiment.reader_options,
  model: {
    type: 'luke_relation_classification',
    embedder: {
      type: 'luke',
      // The two entities are distinct, so each has its own row.
      entities: if experiment.use_entity_state then ['[PAD]', '[MASK]', '[MASK]'] else [],
      // In the order of the tokenizer's.
      marker_tokens: [['[HEAD]', '@'], ['[TAIL]', '#']],
      entity_aware_attention: experiment.entity_aware_attention,
    } + experiment.checkpoint + experiment.embedder_options,
    use_entity_state: experiment.use_entity_state,
    use_word_states: experiment.use_word_states,
    classifier_bias: experiment.classifier_bias,
    negative_label: experiment.negative_label,
    semeval: experiment.semeval,
    [if experiment.start_from != null then 'start_from']: experiment.start_from,
  },
})
