#!/bin/sh
# Installs the system packages that running (`run`), testing (`test`) or the native client (`native`) needs and that are missing.
set -e
case "$1" in
  run) wanted="runc git openssh-client ca-certificates busybox-static" ;;
  test)
    wanted="runc git openssh-client openssh-server ca-certificates busybox-static docker-registry skopeo umoci jq graphviz debootstrap"
    wanted="$wanted docker.io libcap2-bin iproute2 xz-utils bzip2 zstd gzip groff zsh fish make systemd python3-yaml openssl perl"
    ;;
  native) wanted="gcc libc6-dev binutils unzip" ;;
  *) echo "usage: packages.sh run|test|native" >&2; exit 2 ;;
esac
command -v dpkg-query >/dev/null || {
  echo "This is no Debian system: install by hand what corresponds to: $wanted" >&2
  exit 0
}
missing=
for package in $wanted; do
  if ! dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -q '^installed$'; then
    missing="$missing $package"
  fi
done
command -v mvn >/dev/null || missing="$missing maven"
[ -z "$missing" ] && exit 0
echo "installing:$missing"
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
fi
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
