// The small corpus, starting from the checkpoint that `make pretrain-demo` pretrains.
(import 'demo.jsonnet') + {
  model_name:: 'runs/pretrain-demo/luke',
  num_epochs:: 10,
}
