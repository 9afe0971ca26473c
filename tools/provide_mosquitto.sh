#!/bin/sh
# Brings a Mosquitto broker for the tests that need a real one. Where that cannot be done it says so by name,
# and `make test` reports the part as not run at its end.
if command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mosquitto >/dev/null && exit 0
fi
echo "Mosquitto could not be installed here; the tests against a real broker will not run (apt-get install mosquitto)." >&2
exit 0
