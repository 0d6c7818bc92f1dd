"""What lets configs be written anywhere."""

from edits.edit import Edit

NEW_CONFIGS = [
    Edit(
        name="imports-from-packages",
        file="allennlp/common/params.py",
        old="            file_dict = json.loads(evaluate_file(params_file, ext_vars=ext_vars))\n",
        new="            file_dict = json.loads(\n"
        "                evaluate_file(params_file, ext_vars=ext_vars, import_callback=import_file)\n"
        "            )\n",
        reason="A config can import a library that an installed Python package has.",
    ),
    Edit(
        name="imports-from-packages",
        file="allennlp/common/params.py",
        old="from allennlp.common.file_utils import cached_path\n",
        new="from allennlp.common.file_utils import cached_path\n"
        "from allennlp.common.jsonnet_imports import import_file\n",
        reason="For the edit above.",
    ),
]
