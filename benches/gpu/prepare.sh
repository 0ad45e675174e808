#!/usr/bin/env bash
# Makes everything that check.sh needs, without a GPU, in target/gpu: programs, model files, machine code of the kernels.
# usage: benches/gpu/prepare.sh [SM]...   architectures to compile for: 75 80 86 89 90 when none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=target/gpu
data=../shared/data
[ -d "$data" ] || data=shared/data
mkdir -p "$out"

cargo build --release --package sparrowhawk-benches --package sparrowhawk-host-tools \
    --features sparrowhawk-benches/cuda,sparrowhawk-host-tools/cuda --bin gpu --bin sparrowhawk
strip -o "$out/bench" target/release/gpu
strip -o "$out/sparrowhawk" target/release/sparrowhawk

[ $# -gt 0 ] || set -- 75 80 86 89 90
for sm in "$@"; do
    XDG_CACHE_HOME="$PWD/$out/cache" "$out/bench" --compile "$sm"
done

cifar=(--train "cifar10:$data/cifar10/train_4000.bin@0..500" --test "cifar10:$data/cifar10/test_1000.bin")
normalize=(--normalize 0.485,0.456,0.406/0.229,0.224,0.225)
kws=npy:$data/kws/features_int8.npy,$data/kws/labels.npy
quantize() { # NAME SCHEME ARGUMENTS
    "$out/sparrowhawk" quantize --scheme "$2" --qat 0 --golden 0 --limit 20 --out "$out/jobs/$1-$2" "${@:3}" > /dev/null
    cp "$out/jobs/$1-$2/model.hawk" "$out/$1-$2.hawk"
}
for scheme in w8a8 w4a4 w4a8; do
    quantize digits "$scheme" --flash 16K
    [ -d "$data" ] || continue
    quantize kws "$scheme" --model "$data/models/mlperf_tiny_kws_dscnn.onnx" --train "$kws@0..200" --test "$kws@200.." \
        --scale 0.5847029089927673 --zero 83
    quantize resnet8 "$scheme" --model "$data/models/mlperf_tiny_ic_resnet8.onnx" "${cifar[@]}"
    quantize resnet20 "$scheme" --model "$data/models/cifar10_resnet20.onnx" "${cifar[@]}" "${normalize[@]}"
done
du -sh "$out"
