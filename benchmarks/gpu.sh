#!/usr/bin/env bash
# Measures the GPU column of docs/performance.md in under seven minutes, the most wanted first, and runs the tests
# marked `gpu`:
#
#     benchmarks/gpu.sh RESULTS [--archives DIR] [--dry] [further options of all scripts]
#
# DIR has what benchmarks/gpu_prepare.sh packs: site.tar.xz, and baseline.tgz, which NER is trained against. Each part
# has a limit of time, writes its output to a file in RESULTS, and ends with a line here. `--dry` runs all parts on the
# CPU, of a tiny size.
set -uo pipefail

results=$1; shift
mkdir -p "$results"; results=$(realpath "$results")
archives="" dry="" options=()
while [ $# -gt 0 ]; do
  case $1 in
    --archives) archives=$(realpath "$2"); shift ;;
    --dry) dry=yes ;;
    *) options+=("$1") ;;
  esac
  shift
done
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH=$PWD HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
baseline=()
if [ -f "$archives/site.tar.xz" ]; then
  mkdir "$work/site" && tar xJf "$archives/site.tar.xz" -C "$work/site"
  export PYTHONPATH=$PWD:$work/site
  # Imports take half a minute without.
  timeout 40 python3 -m compileall -q -j 0 "$work/site" luke_allennlp > /dev/null 2>&1
fi
if [ -f "$archives/baseline.tgz" ]; then
  mkdir "$work/baseline" && tar xzf "$archives/baseline.tgz" -C "$work/baseline"
  baseline=(--baseline "$work/baseline")
fi

part() {  # NAME SECONDS COMMAND...
  local name=$1 limit=$2 code; shift 2
  SECONDS=0
  timeout -k 5 "$limit" "$@" > "$results/$name.txt" 2> "$results/$name.log"
  code=$?
  echo "== $name: ended with $code after ${SECONDS} s of at most $limit"
  [ $code -eq 0 ] || tail -n 5 "$results/$name.log"
  cat "$results/$name.txt"
}
mapfile -t marked < <(grep -rl 'mark\.gpu' tests --include='test_*.py')

if [ -n "$dry" ]; then
  options=(--device cpu --dtype float32 --size tiny --layers 1 --runs 1 "${options[@]}")
  encoder=(--scale 0.05) evaluation=(--documents 1) training=(--documents 1 --updates 2)
  pretraining=(--max-tokens 2000 --vocabulary 2000 --entities 500 --updates 1)
else
  options=(--device cuda --dtype bfloat16 "${options[@]}")
  encoder=(--size base large) evaluation=(--documents 6 --runs 2) training=(--documents 16 --updates 60 --runs 4)
  pretraining=(--updates 2 --runs 4)
fi
part encoder 100 python3 benchmarks/encoder.py "${encoder[@]}" "${options[@]}"
part ner_evaluation 120 python3 benchmarks/ner_evaluation.py "${evaluation[@]}" "${options[@]}"
part ner_training 70 python3 benchmarks/ner_training.py "${training[@]}" "${baseline[@]}" "${options[@]}"
part pretraining_step 50 python3 benchmarks/pretraining_step.py "${pretraining[@]}" "${options[@]}"
part tests 50 python3 -m pytest -q -p no:cacheprovider -m gpu "${marked[@]}"
