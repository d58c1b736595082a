#!/bin/sh
# Runs inside the image's build, never on a developer's machine. Takes the directory to fill; puts there both programs,
# dumb-init, what these link, Debian's CA bundle, one user, and the records that scanners and licences ask for.
set -eu
root=$1
programs="/usr/local/bin/contracts-api /usr/local/bin/reconciler /usr/bin/dumb-init"

mkdir -p "$root/etc/ssl/certs" "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/local/bin" \
    "$root/var/lib/dpkg/status.d" "$root/proc" "$root/sys" "$root/dev"
mkdir -m 1777 "$root/tmp"
ln -s usr/bin usr/lib usr/lib64 "$root/"

# Of a line of ldd: the path of the library, which is the third word, or the first for the loader itself.
# shellcheck disable=SC2086 # a list of words
libraries=$(ldd $programs | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// && !/:$/ { print $1 }' | sort -u)
for file in $programs $libraries; do
    # Debian's /lib is a link to /usr/lib: a library is put where the package has it.
    case $file in /lib*) place=/usr$file ;; *) place=$file ;; esac
    mkdir -p "$root$(dirname "$place")"
    cp -L "$file" "$root$place"
done

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp -L /etc/os-release "$root/etc/"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'contracts:x:10001:10001::/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'contracts:x:10001:' >"$root/etc/group"

# shellcheck disable=SC2086 # a list of words
packages=$(for file in $libraries /usr/bin/dumb-init; do
    dpkg -S "$file" 2>/dev/null || dpkg -S "/usr$file"
done | cut -d: -f1 | sort -u)
for package in $packages base-files ca-certificates; do
    dpkg -s "$package" >"$root/var/lib/dpkg/status.d/$package"
    mkdir -p "$root/usr/share/doc/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done
