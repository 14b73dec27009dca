#!/bin/sh
# definitions.sh DIRECTORY: writes the definitions that packaging/train.sh has built; each time the same bytes.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/bin/workload" --kind files --count 1000 >"$1/files"
"$here/bin/workload" --kind steps --count 5 --local-id training >"$1/steps"
"$here/bin/workload" --kind local --local-id training >"$1/local"
