#!/bin/sh
# All that needs a GPU, in less than 10 minutes:  sh benchmarks/card.sh [-o OUT] [-d DATA_DIR] [-w WHEELS] [PART...]
#   OUT       a folder for the logs and for summary.txt, which says of each part whether it was measured [card]
#   DATA_DIR  has text/hate, text/mlma and so on [data]
#   WHEELS    a folder from `make wheels`, for a machine that has torch and no network
#   PART...   kernels gpu tests fits_hate run fits_mlma fits_robo market [all, in this order]
# The machine needs Python with torch, Triton, llvmlite, Lightning, torchmetrics, tensorboard, pandas, scikit-learn, statsmodels,
# matplotlib, filelock, jinja2, psutil, pyyaml, tqdm; for the part tests also transformers, onnx, onnxscript, onnxruntime,
# hypothesis, pytest, pytest-timeout and pytest-xdist. The wheels bring the rest.
out=card data=data wheels=
while getopts o:d:w: option; do
    case $option in
        o) out=$OPTARG ;;
        d) data=$OPTARG ;;
        w) wheels=$OPTARG ;;
        *) echo "Usage: sh benchmarks/card.sh [-o OUT] [-d DATA_DIR] [-w WHEELS] [PART...]" >&2; exit 1 ;;
    esac
done
shift $((OPTIND - 1))
parts="kernels gpu tests fits_hate run fits_mlma fits_robo market"
for name in "$@"; do
    case " $parts " in
        *" $name "*) ;;
        *) echo "Error: there is no part $name; there are $parts." >&2; exit 1 ;;
    esac
done
parts=" ${*:-$parts} "
python=${PYTHON:-python3}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
[ ! -d "$data" ] || data=$(cd "$data" && pwd)
[ ! -d "$wheels" ] || wheels=$(cd "$wheels" && pwd)
cd "$(dirname "$0")/.." || exit 1
: > "$out/summary.txt"
if [ -n "$wheels" ]; then
    "$python" -m pip install -q --no-index --no-deps --upgrade --target "$out/site" "$wheels"/*.whl || exit 1
    PYTHONPATH=$out/site
fi
export PYTHONPATH="$PWD:${PYTHONPATH:-}" PYTHONUNBUFFERED=1

say() {
    echo "$1: $2" | tee -a "$out/summary.txt"
}

# part NAME SECONDS COMMAND...: run the command for so long at most, with its output in OUT/NAME.txt
part() {
    name=$1 seconds=$2
    shift 2
    case "$parts" in
        *" $name "*) ;;
        *) return ;;
    esac
    if [ -z "$card" ]; then
        say "$name" "not measured, torch finds no CUDA device"
        return
    fi
    timeout "$seconds" "$@" > "$out/$name.txt" 2>&1
    code=$?
    case $code in
        0) say "$name" "measured on $card" ;;
        124) say "$name" "cut off after $seconds s on $card; $name.txt has what was measured by then" ;;
        *) say "$name" "not measured, exit code $code" ;;
    esac
}

card=$("$python" -c 'import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else "")')

part kernels 45 "$python" tests/cells/triton_cases.py quick
part gpu 110 "$python" -m benchmarks gpu --minutes 1.5 --json "$out/gpu.json"
part tests 100 "$python" -m pytest -n 0 -q -p no:cacheprovider -m device -k "not pretend" \
    $(find tests -name 'test_*on_a_device.py')
# Each of the three with CUDA graphs, then without.
part fits_hate 85 "$python" -m benchmarks fits data=hate "data_dir=$data" --fits 100 --epochs 10 --stacks 100 --workers 1 \
    --rounds 1 --only-stacks --json "$out/fits_hate.json"
part run 35 "$python" train.py cell=C1 data=hate "data_dir=$data" "runs_dir=$out/runs" "cache_dir=$out/cache"
part fits_mlma 85 "$python" -m benchmarks fits data=mlma "data_dir=$data" --fits 100 --epochs 10 --stacks 100 --workers 1 \
    --rounds 1 --only-stacks --json "$out/fits_mlma.json"
part fits_robo 40 "$python" -m benchmarks fits data=robo --fits 100 --epochs 10 --stacks 100 --workers 1 --rounds 1 \
    --only-stacks --json "$out/fits_robo.json"
part market 40 "$python" train.py -m features=btc_sent source=synthetic window=7,30,90 "stack.seeds=10" \
    "stack.folds=1" "runs_dir=$out/runs"
[ -n "$card" ]
