// Extractive question answering: the answer's first and last word, with the entities of question and passage as further
// input (Yamada et al., EMNLP 2020, section 4.5).
local knobs = import 'knobs.libsonnet';

knobs(import 'fine_tuning.libsonnet', {
  local experiment = self,

  // Knobs of this task.
  squad:: experiment.data + '/squad',
  version:: '1.1',  // of SQuAD: '1.1' or '2.0', whose questions may have no answer
  entity_aware_attention:: true,
  use_entities:: true,
  // Resources for entity linking: directories that `allennlp build-link-database` makes.
  links:: experiment.squad + '/links',
  link_redirects:: experiment.squad + '/redirects_20160305',  // of the links' time
  model_redirects:: experiment.squad + '/redirects_20181220',  // of the entity vocabulary's time
  min_link_probability:: 0.01,
  linker:: if experiment.use_entities then {
    type: 'article_links',
    link_database: experiment.links,
    link_redirects: experiment.link_redirects,
    model_redirects: experiment.model_redirects,
    min_link_probability: experiment.min_link_probability,
  } + experiment.checkpoint else { type: 'none' },
  reader_options:: {},  // further options of the reader "luke_reading_comprehension", for example { stride: 256 }
  model_options:: {},  // further options of the model, for example { answer_text: 'detokenized' }
  embedder_options:: {},  // further options of the embedder "luke", for example { gradient_checkpointing: true }

  train_data:: experiment.squad + '/train-v' + experiment.version + '.json',
  validation_data:: experiment.squad + '/dev-v' + experiment.version + '.json',
  learning_rate:: 1.5e-5,
  num_epochs:: 2,
  effective_batch_size:: 48,
  loss_batch_size:: 2,
  seed:: 14,
  validation_metric:: '+f1',
  keep:: 'last',

  reader:: {
    type: 'luke_reading_comprehension',
    tokenizer: { type: 'luke' } + experiment.checkpoint,
    linker: experiment.linker,
    training: true,
  } + experiment.reader_options,
  validation_dataset_reader: experiment.reader + { training: false },
  model: {
    type: 'luke_reading_comprehension',
    embedder: {
      type: 'luke',
      // The whole table, unchanged.
      entities: if experiment.use_entities then null else [],
      freeze_entity_table: experiment.use_entities,
      entity_aware_attention: experiment.entity_aware_attention,
    } + experiment.checkpoint + experiment.embedder_options,
    use_entities: experiment.use_entities,
    allow_no_answer: experiment.version == '2.0',
    [if experiment.start_from != null then 'start_from']: experiment.start_from,
  } + experiment.model_options,
})
