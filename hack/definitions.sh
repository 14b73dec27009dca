#!/bin/sh
# definitions.sh DIRECTORY: writes the definitions that packaging/train.sh has built.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/bin/workload" --kind files --count 1000 >"$1/files"
"$here/bin/workload" --kind steps --count 5 >"$1/steps"
"$here/bin/workload" --kind local >"$1/local"
