// The small corpus once more, from the checkpoint that `make pretrain-demo` has pretrained.
(import 'demo.jsonnet') + {
  model_name:: 'runs/pretrain-demo/luke',
  num_epochs:: 10,
}
