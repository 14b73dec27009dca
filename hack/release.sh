#!/bin/bash
# release.sh: of what `make` built makes dist/release with the Debian package, a tarball of the same files and checksums. The same
# sources, JDK and version give the same bytes. VERSION is what the package is called, SOURCE_DATE_EPOCH the time in it; both are by
# default of the last commit.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} TZ=UTC LC_ALL=C.UTF-8
project=$(sed -n 's|^  <version>\(.*\)</version>.*|\1|p' pom.xml | head -n 1)
case "$project" in
  # of two states before a release the later has the higher version, and both come before the release
  *-SNAPSHOT) usual="${project%-SNAPSHOT}~$(date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)" ;;
  *) usual=$project ;;
esac
version=${VERSION:-$usual}
architecture=$(dpkg --print-architecture)
out=$here/dist/release
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
umask 022
chmod 755 "$stage"
PREFIX=/usr "$here/hack/install.sh" "$stage/root"
root=$stage/root
rm -rf "$out"
mkdir -p "$out"

documents=$root/usr/share/doc/buildd-jvm
mkdir -p "$documents"
cp "$here/packaging/deb/copyright" "$documents/copyright"
cp "$here/docs/operations.md" "$documents/"
gzip -9n < "$here/CHANGELOG.md" > "$documents/changelog.gz"
gzip -9n > "$documents/changelog.Debian.gz" <<CHANGES
buildd-jvm ($version) unstable; urgency=medium

  * See changelog.gz.

 -- The developers of buildd <buildd@localhost>  $(date -R -d "@$SOURCE_DATE_EPOCH")
CHANGES
gzip -9nf "$root"/usr/share/man/man?/*.[158]
chmod -R u+rwX,go+rX,go-w "$root"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +

name=buildd-jvm_${version}_$architecture
tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -cf - etc lib usr \
  | gzip -9n > "$out/$name.tar.gz"

mkdir "$root/DEBIAN"
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" \
  -e "s|@SIZE@|$(du -k --apparent-size -s "$root" | cut -f 1)|" "$here/packaging/deb/control" > "$root/DEBIAN/control"
echo /etc/buildkit/buildkitd.toml > "$root/DEBIAN/conffiles"
(cd "$root" && find usr lib -type f | LC_ALL=C sort | xargs -d '\n' md5sum) > "$root/DEBIAN/md5sums"
for script in postinst prerm postrm; do
  install -m 755 "$here/packaging/deb/$script" "$root/DEBIAN/$script"
done
dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$out/$name.deb" >/dev/null
(cd "$out" && sha256sum "$name.deb" "$name.tar.gz" > SHA256SUMS)
ls -l "$out"
