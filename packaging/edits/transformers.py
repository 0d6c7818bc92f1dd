"""What changed in transformers and in the Hugging Face hub."""

from edits.edit import Edit

TRANSFORMERS = [
    Edit(
        name="tokenizer-special-tokens",
        file="allennlp/common/cached_transformers.py",
        old="    if tokenizer is None:\n        tokenizer = transformers",
        new="    if tokenizer is None:\n"
        '        kwargs.pop("add_special_tokens", None)\n'
        "        tokenizer = transformers",
        reason=(
            "from_pretrained raises when given add_special_tokens, which AllenNLP passes on each call anyway."
        ),
    ),
    Edit(
        name="tokenizer-call",
        file="allennlp/data/tokenizers/pretrained_transformer_tokenizer.py",
        old="tokenizer_with_special_tokens.encode_plus(\n",
        new="tokenizer_with_special_tokens(\n",
        matches=2,
        reason="transformers 5 has no encode_plus; calling the tokenizer does the same in every version.",
    ),
    Edit(
        name="tokenizer-call",
        file="allennlp/data/tokenizers/pretrained_transformer_tokenizer.py",
        old="self.tokenizer.encode_plus(\n",
        new="self.tokenizer(\n",
        matches=2,
        reason="transformers 5 has no encode_plus; calling the tokenizer does the same in every version.",
    ),
    Edit(
        name="tokenizer-call",
        file="allennlp_models/vision/dataset_readers/flickr30k.py",
        old="self.tokenizer.batch_encode_plus(\n",
        new="self.tokenizer(\n",
        reason=(
            "transformers 5 has no batch_encode_plus; calling the tokenizer does the same in every version."
        ),
    ),
    Edit(
        name="indexer-special-tokens",
        file="allennlp/data/token_indexers/pretrained_transformer_indexer.py",
        old="            folded_indices = [\n"
        "                self._tokenizer.build_inputs_with_special_tokens(segment)\n"
        "                for segment in folded_indices\n"
        "            ]\n",
        new="            start_indices = [\n"
        "                t.text_id for t in self._allennlp_tokenizer.single_sequence_start_tokens\n"
        "            ]\n"
        "            end_indices = [\n"
        "                t.text_id for t in self._allennlp_tokenizer.single_sequence_end_tokens\n"
        "            ]\n"
        "            folded_indices = [\n"
        "                start_indices + segment + end_indices for segment in folded_indices\n"
        "            ]\n",
        reason="Fast tokenizers of transformers 5 have no build_inputs_with_special_tokens.",
    ),
    Edit(
        name="push-to-hub",
        file="allennlp/common/push_to_hf.py",
        old="from huggingface_hub import HfApi, HfFolder, Repository\n",
        new="from huggingface_hub import HfApi\n",
        reason="huggingface_hub 1.x has no HfFolder and no Repository.",
    ),
    Edit(
        name="push-to-hub",
        file="allennlp/common/push_to_hf.py",
        old="""\
    info_msg = f"Preparing repository '{use_auth_token}'"
    if isinstance(use_auth_token, str):
        huggingface_token = use_auth_token
    elif use_auth_token:
        huggingface_token = HfFolder.get_token()

    # Create the repo (or clone its content if it's nonempty)
    api = HfApi()
    repo_url = api.create_repo(
        name=repo_name,
        token=huggingface_token,
        organization=organization,
        private=False,
        exist_ok=True,
    )

    repo_local_path = Path(local_repo_path) / repo_name
    repo = Repository(repo_local_path, clone_from=repo_url, use_auth_token=use_auth_token)
    repo.git_pull(rebase=True)

    # Model file should be tracked with Git LFS
    repo.lfs_track(["*.th"])
""",
        new="""\
    api = HfApi(token=use_auth_token)
    repo_id = repo_name if organization is None else f"{organization}/{repo_name}"
    repo_url = api.create_repo(repo_id, private=False, exist_ok=True)
    # The name as the hub has it, with the user's name before it where no organization was given.
    repo_id = getattr(repo_url, "repo_id", repo_id)

    repo_local_path = Path(local_repo_path) / repo_name
    repo_local_path.mkdir(parents=True, exist_ok=True)
""",
        reason="A folder is uploaded over HTTP now, instead of pushing a clone.",
    ),
    Edit(
        name="push-to-hub",
        file="allennlp/common/push_to_hf.py",
        old="""\
    _create_model_card(repo_local_path)

    logging.info(f"Pushing repo {repo_name} to the Hugging Face Hub")
    repo.push_to_hub(commit_message=commit_message)
""",
        new="""\
    if not api.file_exists(repo_id, "README.md"):
        _create_model_card(repo_local_path)

    logging.info(f"Pushing repo {repo_name} to the Hugging Face Hub")
    api.upload_folder(
        repo_id=repo_id, folder_path=str(repo_local_path), commit_message=commit_message
    )
""",
        reason="A folder is uploaded over HTTP now; a model card that is there already is kept.",
    ),
]
