#!/bin/sh
# The same model in YAML gives the same records.
. "${srcdir:-.}/test/e2e/lib.sh"

cat > "$D/a.yaml" <<END
a1:
  sources:
    r1:
      type: TAILDIR
      filegroups: app
      filegroups.app: '$D/log/.*\.log'
      channels: [c1]
      interceptors:
        i1: {type: static, key: place, value: here}
  channels:
    c1: {type: memory}
  sinks:
    k1:
      type: kafka
      kafka: {topic: t1}
      header: {place: place}
      channel: c1
  broker: {listen: '127.0.0.1:0'}
END
"$LEAT" check "$D/a.yaml" || fail "leat check"
"$T" gen --count 500 > "$D/log/app.log"
CONF=$D/a.yaml
start_agent
has_records t1 500
consume t1 > "$D/out"
cmp "$D/out" "$D/log/app.log" || fail "not the file"
consume t1 --max-messages 1 --property print.headers=true \
    --property print.value=false > "$D/headers"
has "$D/headers" "place:here" || fail "header: $(cat "$D/headers")"
stop_agent
ok "YAML"
