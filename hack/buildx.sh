#!/bin/sh
# Prints where docker-buildx is, of which Debian's stable suite has none: its one file is taken out of the newest suite's package,
# into .tools, and nothing else comes from that suite.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
program=$here/.tools/docker-buildx
if [ ! -x "$program" ]; then
  command -v apt-get >/dev/null || {
    echo "This is no Debian system: put docker-buildx 0.29 or newer at $program" >&2
    exit 1
  }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 0755 "$work"
  repository=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $repository sid main" > "$work/list"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/package"
  newest() {
    apt-get -qq -o "Dir::Etc::sourcelist=$work/list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" \
      -o "Dir::Cache=$work/cache" "$@"
  }
  newest update >&2
  (cd "$work" && newest download docker-buildx >&2 2>/dev/null)
  dpkg -x "$work"/docker-buildx_*.deb "$work/package"
  mkdir -p "$here/.tools"
  mv "$work/package/usr/libexec/docker/cli-plugins/docker-buildx" "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
