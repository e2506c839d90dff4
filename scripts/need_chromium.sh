#!/usr/bin/env bash
# The browser tests need Chromium and its driver. Where they are missing they are installed, where that is possible.
set -euo pipefail

there() { command -v chromedriver >/dev/null && { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; }

there && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver || true
fi
there && exit 0
echo "The browser tests need Chromium and its driver, which are not here and could not be installed." >&2
echo "On Debian: sudo apt install chromium chromium-driver. All other tests run without: make test" >&2
exit 1
