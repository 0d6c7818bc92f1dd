"""What changed in torch: reading weights, mixed precision, workers, optimizers and schedules."""

from edits.edit import Edit

OPTIMIZERS = [
    Edit(
        name="huggingface-adamw",
        file="allennlp/training/optimizers.py",
        old="class HuggingfaceAdamWOptimizer(Optimizer, transformers.AdamW):\n",
        new="class HuggingfaceAdamWOptimizer(Optimizer, AdamW):\n",
        reason="transformers has no AdamW any more, and torch's cannot leave out the bias correction.",
    ),
    Edit(
        name="huggingface-adamw",
        file="allennlp/training/optimizers.py",
        old="from allennlp.common.checks import ConfigurationError\n",
        new="from allennlp.common.checks import ConfigurationError\n"
        "from allennlp.training.huggingface_adamw import AdamW\n",
        reason="A module of this project's, added to the wheel, has the same algorithm.",
    ),
    Edit(
        name="reduce-on-plateau-verbose",
        file="allennlp/training/learning_rate_schedulers/pytorch_lr_schedulers.py",
        old="            verbose=verbose,\n",
        new="",
        reason=(
            "torch's ReduceLROnPlateau takes no `verbose` any more; the trainer logs learning rates anyway."
        ),
    ),
]

TORCH_LOAD = [
    Edit(
        name="torch-load",
        file="allennlp/nn/initializers.py",
        old='torch.load(get_weights_path(extraction_path), map_location="cpu")',
        new="read_state_dict(get_weights_path(extraction_path))",
        reason="Weights are read without executing what a pickle may hold, on torch before 2.6 as well.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/nn/initializers.py",
        old='torch.load(weights_file_path, map_location="cpu")',
        new="read_state_dict(weights_file_path)",
        reason="Weights are read without executing what a pickle may hold, on torch before 2.6 as well.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/nn/initializers.py",
        old="            get_weights_path,\n        )  # import here to avoid circular imports\n",
        new="            get_weights_path,\n        )  # import here to avoid circular imports\n"
        "        from allennlp.nn.util import read_state_dict\n",
        reason="For the edits above.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/nn/parallel/fairscale_fsdp_accelerator.py",
        old='torch.load(path, map_location="cpu")',
        # fairscale's own description of the shards lies beside the weights in these files.
        new='torch.load(path, map_location="cpu", weights_only=False)',
        reason="A run's own files, which hold fairscale's objects beside the weights.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/common/cached_transformers.py",
        old="torch.load(override_weights_file)",
        new="torch.load(\n"
        '                override_weights_file, map_location="cpu", weights_only=True\n'
        "            )",
        reason="Weights are read without executing what a pickle may hold, and where there is no GPU too.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/training/gradient_descent_trainer.py",
        old="self._ddp_wrapped_model.load_state_dict(torch.load(path, map_location=device))",
        new="self._ddp_wrapped_model.load_state_dict(\n"
        "                torch.load(path, map_location=device, weights_only=True)\n"
        "            )",
        reason="Weights are read without executing what a pickle may hold, on torch before 2.6 as well.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/training/gradient_descent_trainer.py",
        old="self._pytorch_model.load_state_dict(torch.load(path, map_location=device))",
        new="self._pytorch_model.load_state_dict(\n"
        "                torch.load(path, map_location=device, weights_only=True)\n"
        "            )",
        reason="Weights are read without executing what a pickle may hold, on torch before 2.6 as well.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/training/checkpointer.py",
        old="        model_state = torch.load(model_path, map_location=nn_util.device_mapping(-1))\n"
        "        training_state = torch.load(training_state_path, map_location=nn_util.device_mapping(-1))\n",
        new="        # A sharded model's state holds fairscale's objects beside the weights.\n"
        "        model_state = torch.load(\n"
        "            model_path,\n"
        "            map_location=nn_util.device_mapping(-1),\n"
        "            weights_only=not self.state_is_sharded,\n"
        "        )\n"
        "        # The run's own file, with whatever schedulers and callbacks keep: no plain tensors.\n"
        "        training_state = torch.load(\n"
        "            training_state_path, map_location=nn_util.device_mapping(-1), weights_only=False\n"
        "        )\n",
        reason=(
            "torch.load refuses anything but tensors since 2.6, and the trainer's state holds other objects."
        ),
    ),
    Edit(
        name="torch-load",
        file="allennlp/common/file_utils.py",
        old='torch.load(io.BytesIO(buffer), map_location="cpu")',
        new='torch.load(io.BytesIO(buffer), map_location="cpu", weights_only=True)',
        reason="A tensor cache holds tensors; caches are handed around like data.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/common/file_utils.py",
        old="torch.save(tensor.detach(), buffer, pickle_protocol=pickle.HIGHEST_PROTOCOL)",
        new="torch.save(tensor.detach(), buffer)",
        reason="torch's restricted reader knows the default pickle protocol only.",
    ),
    Edit(
        name="torch-load",
        file="allennlp/common/file_utils.py",
        old="        if tensor.storage().size() != np.prod(tensor.size()):\n"
        "            tensor = tensor.clone()\n"
        "        assert tensor.storage().size() == np.prod(tensor.size())\n",
        new="        if tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size():\n"
        "            tensor = tensor.clone()\n",
        reason="Typed storages are deprecated, and warn.",
    ),
    Edit(
        name="torch-load",
        file="allennlp_models/vision/dataset_readers/flickr30k.py",
        old='torch.load(f, map_location=torch.device("cpu"))',
        new='torch.load(f, map_location=torch.device("cpu"), weights_only=True)',
        reason="A file of features is a tensor.",
    ),
]

DATA_LOADER = [
    Edit(
        name="spawned-data-workers",
        file="allennlp/data/data_loaders/multiprocess_data_loader.py",
        old="Tqdm.set_lock(mp.RLock())",
        new="Tqdm.set_lock(ctx.RLock())",
        matches=2,
        reason='With start_method "spawn", a lock of the fork context cannot be passed to the workers.',
    ),
]

AMP = [
    Edit(
        name="amp",
        file="allennlp/training/gradient_descent_trainer.py",
        old="from torch.cuda import amp\n",
        new="from torch import amp\n",
        reason="torch.cuda.amp is deprecated in favour of torch.amp, and warns.",
    ),
    Edit(
        name="amp",
        file="allennlp/training/gradient_descent_trainer.py",
        old="from torch.cuda.amp.grad_scaler import OptState\n",
        new="from torch.amp.grad_scaler import OptState\n",
        reason="torch.cuda.amp is deprecated in favour of torch.amp, and warns.",
    ),
    Edit(
        name="amp",
        file="allennlp/training/gradient_descent_trainer.py",
        old="amp.autocast(self._use_amp)",
        new='amp.autocast("cuda", enabled=self._use_amp)',
        matches=2,
        reason="torch.amp wants to be told the device.",
    ),
    Edit(
        name="amp",
        file="allennlp/training/gradient_descent_trainer.py",
        old="self._scaler = amp.GradScaler()",
        new='self._scaler = amp.GradScaler("cuda")',
        reason="torch.amp wants to be told the device.",
    ),
    Edit(
        name="amp",
        file="allennlp/nn/parallel/ddp_accelerator.py",
        old="return amp.GradScaler()",
        new='return amp.GradScaler("cuda")',
        reason="torch.amp wants to be told the device.",
    ),
    Edit(
        name="amp",
        file="allennlp/nn/parallel/fairscale_fsdp_accelerator.py",
        old="from torch.cuda import amp\n",
        new="from torch import amp\n",
        reason="torch.cuda.amp is deprecated in favour of torch.amp, and warns.",
    ),
    Edit(
        name="amp",
        file="allennlp/nn/parallel/ddp_accelerator.py",
        old="from torch.cuda import amp\n",
        new="from torch import amp\n",
        reason="torch.cuda.amp is deprecated in favour of torch.amp, and warns.",
    ),
]
