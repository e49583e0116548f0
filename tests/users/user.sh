#!/bin/sh
# A user of windlass with nothing but curl.
#
# Usage: user.sh DEMO.wasm THUMBNAIL.wasm PHOTOGRAPH.jpg OUT.jpg, with WINDLASS_URL and WINDLASS_TOKEN set.
# Ends with an error at the first thing that is not as it should be.
set -eu

demo=$1 thumbnail=$2 photograph=$3 out=$4

windlass() {
    path=$1
    shift
    curl --silent --show-error --fail-with-body --header "Authorization: Bearer $WINDLASS_TOKEN" "$@" "$WINDLASS_URL$path"
}

windlass /v1/plugins/demo --upload-file "$demo" > /dev/null
windlass /v1/plugins/thumbnail --upload-file "$thumbnail" > /dev/null
echo "uploaded demo and thumbnail"

total=$(windlass /v1/call/demo/add --json '{"x": 10, "y": 20}')
[ "$total" = 30 ] || { echo "10 + 20 = $total" >&2; exit 1; }
echo "called add: 10 + 20 = $total"

# The photograph is too long for an argument of a command, so the body goes through a pipe.
job=$(
    {
        printf '{"handler": "thumbnail/thumbnail", "args": {"width": 96, "height": 96, "fit": "cover", "image": "'
        base64 < "$photograph" | tr -d '\n'
        printf '"}}'
    } | windlass /v1/jobs --json @- | sed 's/.*"job" *: *"\([0-9a-f]*\)".*/\1/'
)
windlass "/v1/jobs/$job/result?wait=30s" | tr -d '"' | base64 -d > "$out"

ends=$(head -c 2 "$out" | od -An -tx1)$(tail -c 2 "$out" | od -An -tx1)
[ "$ends" = " ff d8 ff d9" ] || { echo "the result is not a JPEG:$ends" >&2; exit 1; }
echo "job $job made a thumbnail of $(wc -c < "$out") bytes"
