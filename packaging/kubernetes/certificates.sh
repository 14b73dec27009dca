#!/bin/sh
# certificates.sh DIRECTORY NAME...: makes an authority, a certificate for daemons of these names (of hosts, or addresses) and one for
# clients, and writes the two secrets of the manifests to DIRECTORY/secrets.yaml, for kubectl apply. Whoever has client/key.pem can
# do all that root can on the nodes: keep it as you keep that.
set -eu
[ $# -ge 2 ] || { echo "usage: certificates.sh DIRECTORY NAME..." >&2; exit 2; }
directory=$1
shift
umask 077
mkdir -p "$directory/daemon" "$directory/client"
cd "$directory"
names=
for name in "$@"; do
  case "$name" in
    *[!0-9.]*) names="$names,DNS:$name" ;;
    *) names="$names,IP:$name" ;;
  esac
done
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256"
[ -f authority.key ] || $new -x509 -days 3650 -subj "/CN=buildd authority" -keyout authority.key -out authority.pem 2>/dev/null
certificate() { # WHO USAGE NAMES
  $new -subj "/CN=buildd $1" -keyout "$1/key.pem" -out "$1/request.pem" 2>/dev/null
  printf 'extendedKeyUsage=%s\n%s\n' "$2" "$3" > "$1/extensions"
  openssl x509 -req -sha256 -days 365 -in "$1/request.pem" -CA authority.pem -CAkey authority.key -CAcreateserial \
    -extfile "$1/extensions" -out "$1/cert.pem" 2>/dev/null
  cp authority.pem "$1/ca.pem"
  rm "$1/request.pem" "$1/extensions"
}
certificate daemon serverAuth "subjectAltName=DNS:localhost$names"
certificate client clientAuth ""
for who in daemon client; do
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: buildd-%s-certificates\ntype: Opaque\ndata:\n' "$who"
  for file in ca.pem cert.pem key.pem; do
    printf '  %s: %s\n' "$file" "$(base64 -w 0 < "$who/$file")"
  done
done > secrets.yaml
