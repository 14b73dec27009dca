#!/bin/sh
# Makes the AOT caches of what is in dist.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
definitions=$(mktemp -d)
trap 'rm -rf "$definitions"' EXIT
"$here/hack/definitions.sh" "$definitions"
"$here/packaging/train.sh" "$here/bin" "$here/dist" "$definitions"
