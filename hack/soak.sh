#!/bin/bash
# Soaks a daemon: clients build while it is stopped, killed and robbed of its disk and its clock; docs/soak.md tells what is looked at.
# The report goes to SOAK_REPORT (docs), with graphs; the exit code tells whether all was as it should be. Root only.
# SOAK_BUILDS (5000), SOAK_MINUTES (240: it ends then in any case), SOAK_CLIENTS (8), SOAK_SEED (random), SOAK_CAP (bytes; 2 GB, and less for fewer than 1,000 builds), SOAK_DIR
# (/dev/shm; files of the run, up to twice the cap and 256 MB), SOAK_BUILDD and SOAK_BUILDCTL (the programs). The clock is moved if Debian's libfaketime is there.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
builds=${SOAK_BUILDS:-5000}
cap=${SOAK_CAP:-$((builds < 1000 ? 150000000 : 2000000000))}
seed=${SOAK_SEED:-$RANDOM$RANDOM}
report=${SOAK_REPORT:-$here/docs}
work=$(mktemp -d "${SOAK_DIR:-/dev/shm}/buildd-soak.XXXXXX")
disk=$work/disk
clean() {
  status=$?
  umount "$disk" 2>/dev/null || umount -l "$disk" 2>/dev/null || true
  if [ $status = 0 ]; then
    rm -rf "$work"
  else
    rm -f "$work/image"
    echo "logs are in $work" >&2
  fi
}
trap clean EXIT
mkdir "$disk"
truncate -s $((cap * 2 + 268435456)) "$work/image"
mkfs.ext4 -q -m 0 "$work/image"
mount -o loop,discard "$work/image" "$disk"
clock=
for library in /usr/lib/*/faketime/libfaketimeMT.so.1; do [ -f "$library" ] && clock=$library; done
echo "SOAK_SEED=$seed SOAK_BUILDS=$builds SOAK_CAP=$cap"
"$here/bin/soak" --builds "$builds" --minutes "${SOAK_MINUTES:-240}" --clients "${SOAK_CLIENTS:-8}" --seed "$seed" --cap "$cap" --disk "$disk" --work "$work" \
  --buildd "${SOAK_BUILDD:-$here/bin/buildd}" --buildctl "${SOAK_BUILDCTL:-$here/bin/buildctl}" --clock "$clock" --report "$report"
