// SQuAD 2.0, whose questions may have no answer (not in the paper).
(import '../lib/reading_comprehension.libsonnet') + {
  version:: '2.0',
}
