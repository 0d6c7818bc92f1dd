// SemEval-2010 Task 8 (not in the paper), by the official score with directions. There is no development data, so the last
// epoch is what is kept.
(import '../lib/relation_classification.libsonnet') + {
  semeval:: true,
  train_data:: self.data + '/semeval2010_task8/train.txt',
  test_data:: self.data + '/semeval2010_task8/test.txt',
  validation_metric:: '+semeval_f1',
  keep:: 'last',
}
