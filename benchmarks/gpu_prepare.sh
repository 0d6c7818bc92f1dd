#!/usr/bin/env bash
# Packs what benchmarks/gpu.sh needs on a GPU machine that has Python 3.12, torch and transformers, but no package index:
#
#     benchmarks/gpu_prepare.sh OUT [BASELINE]
#
# OUT gets project.tgz (this checkout), baseline.tgz (the commit BASELINE, if given) and site.tar.xz, about 20 MB: the
# other packages that `make install` has installed here, as wheels for Python 3.12, less what no benchmark or test
# needs. A file that $GPU_PACKAGES names may list further packages that the machine has, separated by commas.
set -euo pipefail

cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git ls-files -co --exclude-standard -z | tar czf "$out/project.tgz" --null -T -
[ $# -lt 2 ] || git archive -o "$out/baseline.tgz" "$2"

there=" torch transformers numpy scipy scikit-learn h5py sentencepiece requests tqdm filelock pyarrow matplotlib pytest
  pytest-xdist hypothesis safetensors tokenizers huggingface-hub protobuf packaging pyyaml regex typer rich click pandas "
there+=" $(tr ',_' ' -' < "${GPU_PACKAGES:-/dev/null}" | tr '[:upper:]\n' '[:lower:] ') "
unused=" gradio gradio-client hf-gradio groovy safehttpx semantic-version pydub tomlkit python-multipart
  starlette fastapi uvicorn playwright greenlet pyee mkdocs mkdocs-autorefs mkdocs-get-deps mkdocs-material
  mkdocs-material-extensions mkdocstrings mkdocstrings-python griffelib babel backrefs ghp-import mergedeep
  paginate pyyaml-env-tag pymdown-extensions watchdog wandb orjson ffmpy brotli allennlp allennlp-models luke-allennlp
  mypy ruff seqeval librt ast-serialize pip setuptools wheel "
platforms=()
for version in 1 2010 2014 _2_5 _2_12 _2_17 _2_24 _2_27 _2_28 _2_31 _2_34; do
  platforms+=(--platform "manylinux${version}_x86_64")
done
mkdir "$work/wheels" "$work/site"
.venv/bin/pip list --format=freeze | while IFS='=' read -r name _ version; do
  plain=$(tr '[:upper:]_' '[:lower:]-' <<< "$name")
  [[ $(tr '\n' ' ' <<< "$there$unused") == *" $plain "* ]] && continue
  .venv/bin/pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
    --abi abi3 --abi none "${platforms[@]}" -d "$work/wheels" "$name==$version" < /dev/null > /dev/null 2>&1 \
    || echo "left out: $name $version has no wheel" >&2
done
for wheel in "$work"/wheels/*.whl build/wheels/*+modern*.whl; do
  unzip -qo "$wheel" -d "$work/site"
done
# word2number has no wheel, and is one folder.
cp -r .venv/lib/python3*/site-packages/word2number "$work/site" 2> /dev/null || true

cd "$work/site"
find spacy/lang -mindepth 1 -maxdepth 1 -type d ! -name en ! -name xx ! -name de -exec rm -rf {} + || true
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -rf {} + || true
find . \( -name '*.pyx' -o -name '*.cpp' -o -name '*.c' -o -name '*.pxd' -o -name '*.h' -o -name '*.hh' \) -delete
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
rm -rf datatrove/assets
find . -name '*.so*' -exec strip -s {} + 2> /dev/null || true
tar -cJf "$out/site.tar.xz" .
ls -l "$out"
