#!/bin/sh
# All that needs a GPU, in one go of about 14 minutes:  sh benchmarks/card.sh OUT [DATA_DIR] [WHEELS]
#   OUT       a folder for the logs and for summary.txt, which says of each part whether it was measured
#   DATA_DIR  has text/hate, text/mlma and so on [data]
#   WHEELS    a folder from `make wheels`, for a machine that has torch and no network
# On the machine: Python with torch, Lightning, torchmetrics, pandas, scikit-learn, statsmodels, matplotlib, pytest.
out=${1:?"say where the results go: sh benchmarks/card.sh OUT [DATA_DIR] [WHEELS]"}
data=${2:-data}
wheels=${3:-}
python=${PYTHON:-python3}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
[ ! -d "$data" ] || data=$(cd "$data" && pwd)
[ ! -d "$wheels" ] || wheels=$(cd "$wheels" && pwd)
cd "$(dirname "$0")/.." || exit 1
: > "$out/summary.txt"
if [ -n "$wheels" ]; then
    "$python" -m pip install -q --no-index --no-deps --target "$out/site" "$wheels"/*.whl || exit 1
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
    if [ -z "$card" ]; then
        say "$name" "not measured, torch finds no CUDA device"
        return
    fi
    timeout "$seconds" "$@" > "$out/$name.txt" 2>&1
    code=$?
    if [ $code = 0 ]; then say "$name" "measured on $card"; else say "$name" "not measured, exit code $code"; fi
}

card=$("$python" -c 'import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else "")')

part tests 150 "$python" -m pytest -n 0 -q -p no:cacheprovider -m device
part kernels 60 "$python" tests/cells/triton_cases.py quick
part run 60 "$python" train.py cell=C1 data=hate "data_dir=$data" "runs_dir=$out/runs" "cache_dir=$out/cache"
for set in hate mlma; do
    part "fits_$set" 120 "$python" -m benchmarks fits "data=$set" "data_dir=$data" --fits 100 --epochs 10 \
        --stacks 100 --workers 1 --rounds 1 --only-stacks --json "$out/fits_$set.json"
done
part fits_robo 60 "$python" -m benchmarks fits data=robo --fits 100 --epochs 10 --stacks 100 --workers 1 --rounds 1 \
    --only-stacks --json "$out/fits_robo.json"
part market 90 "$python" train.py -m features=btc_sent source=synthetic window=7,30,90 "stack.seeds=10" \
    "stack.folds=1" "runs_dir=$out/runs"
part gpu 240 "$python" -m benchmarks gpu --minutes 3 --json "$out/gpu.json"
[ -n "$card" ]
