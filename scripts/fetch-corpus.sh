#!/usr/bin/env bash
# Brings real and odd messages for the tests into build/corpus: the sample mails that Debian packages hold. The packages
# are unpacked, not installed; says and does nothing when the messages are there already.
#   scripts/fetch-corpus.sh [FOLDER]
# As root, or as anybody: only where apt has no package lists yet, root or sudo is needed to get them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/corpus}

# Package, its folder of messages, and which files of it.
sources="
libpython3.11-testsuite            usr/lib/python3.11/test/test_email/data                                  msg_*.txt
python3-flufl.bounce               usr/lib/python3/dist-packages/flufl/bounce/tests/data                    *.txt
mailman3                           usr/lib/python3/dist-packages/mailman                                    *.eml
spamassassin                       usr/share/doc/spamassassin/examples                                      sample-*.txt*
golang-github-jhillyerd-enmime-dev usr/share/gocode/src/github.com/jhillyerd/enmime/testdata                *.raw
python3-django-hyperkitty          usr/lib/python3/dist-packages/hyperkitty/tests/testdata                  *.txt
python3-dkim                       usr/lib/python3/dist-packages/dkim/tests/data                            *.m*
python3-authheaders                usr/lib/python3/dist-packages/authheaders/test                           *.message*
"
stamp=$folder/complete
wanted=$(sha256sum "scripts/$(basename "$0")")
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/packages" "$work/corpus"
packages=$(echo "$sources" | awk 'NF { print $1 }')

download() {
  # As root apt would change to a user of its own, who may not write here.
  (cd "$work/packages" && apt-get -o APT::Sandbox::User=root -q download $packages) >"$work/log" 2>&1
}
if ! download; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update >>"$work/log" 2>&1 || true
  download || { cat "$work/log" >&2; echo "posthouse: sample messages could not be downloaded" >&2; exit 1; }
fi

echo "$sources" | while read -r package path pattern; do
  [ -n "$package" ] || continue
  dpkg-deb -x "$work/packages/$package"_*.deb "$work/unpacked"
  mkdir -p "$work/corpus/$package"
  find "$work/unpacked/$path" -type f -name "$pattern" | while read -r file; do
    name=${file#"$work/unpacked/$path/"}
    case $file in
      *.gz) name=${name%.gz}; gzip -dc "$file" >"$work/corpus/$package/${name//\//-}" ;;
      *) cp "$file" "$work/corpus/$package/${name//\//-}" ;;
    esac
  done
  [ -n "$(ls -A "$work/corpus/$package")" ] || { echo "posthouse: $package holds no messages at $path" >&2; exit 1; }
  rm -rf "$work/unpacked"
done
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
cp -r "$work/corpus" "$folder"
echo "$wanted" >"$stamp"
echo "posthouse: fetched $(find "$folder" -type f ! -name complete | wc -l) sample messages into $folder"
