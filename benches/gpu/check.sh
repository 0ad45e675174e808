#!/usr/bin/env bash
# The first minutes on a GPU: equality of every step, speed of eval, figures of ResNet50. Needs what prepare.sh made.
# usage: benches/gpu/check.sh [OUT]   the document and numbers go to the folder OUT (target/gpu/results)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

gpu=target/gpu
out=${1:-$gpu/results}
data=../shared/data
[ -d "$data" ] || data=shared/data
export XDG_CACHE_HOME="$PWD/$gpu/cache"
mkdir -p "$out"
failed=0
stage() {
    local start=$SECONDS
    echo "=== $*"
    "$@" || { failed=1; echo "FAILED: $*"; }
    echo "=== $((SECONDS - start)) s"
}

equal() { # MODEL SPEC COUNT BATCH
    "$gpu/sparrowhawk" run "$1" --on cuda --data "$2" --count "$3" --batch "$4" > "$out/run.txt"
    local status=$?
    sed -n "1p;\$p" "$out/run.txt"
    return "$status"
}

nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader

# 1: every step equal to the host, batch 1 and 64.
for scheme in w8a8 w4a4 w4a8; do
    for batch in 1 64; do
        count=$((batch == 1 ? 2 : 64))
        stage equal "$gpu/digits-$scheme.hawk" "csv:assets/digits/digits.csv.gz" "$count" "$batch"
        [ -d "$data" ] || continue
        stage equal "$gpu/kws-$scheme.hawk" "npy:$data/kws/features_int8.npy,$data/kws/labels.npy" "$count" "$batch"
        for net in resnet8 resnet20; do
            stage equal "$gpu/$net-$scheme.hawk" "cifar10:$data/cifar10/test_1000.bin" "$count" "$batch"
        done
    done
done
stage "$gpu/bench" --network resnet50 --batch 1 --check 1 --doc "$out/batch1.md"
stage "$gpu/bench" --network resnet50 --batch 64 --check "${RESNET50_CHECK:-64}" --doc "$out/batch64.md"

# 2: eval over 10,000 images, beside the host on 2 cores (fewer images: its rate is what counts).
if [ -d "$data" ]; then
    cifar="cifar10:$data/cifar10/test_1000.bin"
    stage "$gpu/sparrowhawk" eval "$gpu/resnet20-w8a8.hawk" --data "10*$cifar" --on cuda
    stage "$gpu/sparrowhawk" eval "$gpu/resnet20-w8a8.hawk" --data "10*$cifar" --on cuda --batch 1024
    stage taskset -c 0,1 "$gpu/sparrowhawk" eval "$gpu/resnet20-w8a8.hawk" --data "$cifar@0..200"
fi

# 3: the figures.
stage "$gpu/bench" --batch 1,8,128 --doc "$out/cuda.md" --json "$out/cuda.json" --table "$out/latency.toml"

[ "$failed" = 0 ] && echo "all checks passed" || echo "some checks failed"
exit "$failed"
