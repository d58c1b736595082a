#!/bin/sh
# Takes the files of the page at /docs from npm's swagger-ui-dist, in the version and with the digest of package-lock.json, into
# src/api/docs, scripts and styles compressed. After a new version: npm install --package-lock-only, then this.
#
#   vendor.sh          writes them
#   vendor.sh check    says which is not what the package has, with exit status 1
set -eu
cd "$(dirname "$0")"
to=../../src/api/docs package=node_modules/swagger-ui-dist wrong=0
# No scripts: the package brings one that reports who installed it.
if ! sha256sum --check --status node_modules/.of 2>/dev/null; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    sha256sum package-lock.json >node_modules/.of
fi
one() { # file of the package, file here, what compresses it, what shows it
    if [ "${check-}" ]; then
        $4 "$to/$2" | cmp - "$package/$1" || wrong=1
    else
        $3 <"$package/$1" >"$to/$2"
    fi
}
[ "${1-}" != check ] || check=yes
for file in swagger-ui-bundle.js swagger-ui.css; do one $file $file.gz 'gzip -9n' zcat; done
one swagger-ui-bundle.js.LICENSE.txt swagger-ui-bundle.js.LICENSE.txt cat cat
one LICENSE swagger-ui.LICENSE cat cat
one NOTICE swagger-ui.NOTICE cat cat
exit $wrong
