#!/bin/sh
# Draws every docs/*.mmd as the .svg beside it, with Mermaid in Debian's Chromium, and writes the source's SHA-256 into the
# picture, by which a test tells whether it is of the present source. Installs both on first use.
set -eu
cd "$(dirname "$0")"
[ -x /usr/bin/chromium ] || ../install.sh packages chromium
if ! sha256sum --check --status node_modules/.of 2>/dev/null; then
    PUPPETEER_SKIP_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error >/dev/null
    sha256sum package-lock.json >node_modules/.of
fi
for source in ../../docs/*.mmd; do
    picture="${source%.mmd}.svg"
    node_modules/.bin/mmdc --quiet --input "$source" --output "$picture" --svgId "$(basename "$source" .mmd)" \
        --backgroundColor white --puppeteerConfigFile chromium.json --configFile mermaid.json
    printf '\n<!-- sha256 of the source: %s -->\n' "$(sha256sum <"$source" | cut -d' ' -f1)" >>"$picture"
    echo "docs/$(basename "$picture")"
done
