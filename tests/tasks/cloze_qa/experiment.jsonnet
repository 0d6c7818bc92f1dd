// What the tests train: one epoch on the small corpus, from $LUKE_MODEL and $LUKE_DATA.
(import '../../../training_configs/cloze_qa/record.jsonnet') + {
  learning_rate:: 1e-3,
  num_epochs:: 1,
  loss_batch_size:: null,
  // Several windows a question.
  reader_options:: { max_length: 64, stride: 16, max_query_length: 24 },
}
