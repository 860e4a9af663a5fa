#!/bin/sh
# Brings the zones to the secondary name server: taken from the first one and loaded.
set -eu
for name in example.com; do
  zone=/var/lib/knot/$name.zone
  ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/root/.ssh/known_hosts -i /root/.ssh/zones root@dns true > "$zone.new"
  # Half a zone must not take the place of a whole one.
  grep -q 'SOA' "$zone.new" && grep -q 'www' "$zone.new"
  chown knot:knot "$zone.new"
  mv "$zone.new" "$zone"
  knotc -b zone-reload "$name" >/dev/null
done
