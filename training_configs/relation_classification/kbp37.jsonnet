// KBP37 (not in the paper): the best epoch by the task's score, SemEval's over its 18 relations with their directions.
(import '../lib/relation_classification.libsonnet') + {
  semeval:: true,
  train_data:: self.data + '/kbp37/train.txt',
  validation_data:: self.data + '/kbp37/dev.txt',
  test_data:: self.data + '/kbp37/test.txt',
  validation_metric:: '+semeval_f1',
}
