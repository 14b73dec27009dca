#!/bin/sh
# pod-for.sh KEY [POD...]: prints the pod that is asked for what the key names, such as github.com/example/project: the same one as
# long as it is there, and when pods come or go, only the keys of those move (rendezvous hashing). Without pods named, those
# are asked about that run with app=buildd. For clients without buildx, which does the same by its driver option loadbalance=sticky:
#   BUILDKIT_HOST=kube-pod://$(pod-for.sh KEY) buildctl build ...
set -eu
key=${1:?usage: pod-for.sh KEY [POD...]}
shift
[ $# -gt 0 ] || set -- $(kubectl get pods -l app=buildd --field-selector=status.phase=Running -o 'jsonpath={.items[*].metadata.name}')
[ $# -gt 0 ] || { echo "pod-for.sh: no pod runs with app=buildd" >&2; exit 1; }
for pod in "$@"; do
  echo "$(printf '%s\n%s' "$pod" "$key" | sha256sum | cut -d ' ' -f 1) $pod"
done | LC_ALL=C sort | tail -n 1 | cut -d ' ' -f 2
