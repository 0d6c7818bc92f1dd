// LUKE as an ordinary embedder: words in, one vector per word out, no entities. The model is allennlp-models' CRF
// tagger; corpus and tiny checkpoint are those of fixtures/.
local knobs = import '../lib/knobs.libsonnet';

knobs(import '../lib/fine_tuning.libsonnet', {
  hidden_size:: 64,  // the model's: 768 for luke-base, 1024 for luke-large
}) + {
  local experiment = self,

  model_name:: 'fixtures/tiny-luke',
  train_data:: 'fixtures/ner/train.conll',
  validation_data:: 'fixtures/ner/dev.conll',
  learning_rate:: 3e-3,
  num_epochs:: 12,
  effective_batch_size:: 8,
  loss_batch_size:: null,
  seed:: 15,
  validation_metric:: '+f1-measure-overall',

  reader:: {
    type: 'conll2003',
    convert_to_coding_scheme: 'BIOUL',  // from IOB1, which the reader takes the file to be in
    token_indexers: { tokens: { type: 'luke' } + experiment.checkpoint },
  },
  model: {
    type: 'crf_tagger',
    label_encoding: 'BIOUL',
    text_field_embedder: {
      token_embedders: {
        tokens: {
          type: 'luke',
          entities: [],
          // The model is too small for dropout.
          hidden_dropout: 0,
          attention_dropout: 0,
        } + experiment.checkpoint,
      },
    },
    encoder: { type: 'pass_through', input_dim: experiment.hidden_size },
  },
}
