#!/usr/bin/env bash
# The whole journey with curl: token, sign, upload, analyze, watch, result, report.
#
#   docs/journey/curl.sh PHOTO.jpg [OUT.pdf]
#
# needs a running stack (`make up`), curl, and python3 to read JSON. ASSAY_URL,
# ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET name another server and client; by default
# they are read from the local stack.
set -euo pipefail
photo=${1:-models/sample/tattoo.jpg}
out=${2:-report.pdf}
home=${ASSAY_HOME:-.assay}
json() { python3 -c 'import json,sys; v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if k.isdigit() else v[k]
print(v)' "$1"; }

url=${ASSAY_URL:-$(json urls.gateway <"$home/state.json")}
client=${ASSAY_CLIENT_ID:-$(json 0.client_id <"$home/clients.json")}
secret=${ASSAY_CLIENT_SECRET:-$(json 0.client_secret <"$home/clients.json")}
call() { curl --silent --show-error --fail-with-body --max-time 75 "$@"; }

echo "1. token"
token=$(call -d grant_type=client_credentials --data-urlencode "client_id=$client" \
  --data-urlencode "client_secret=$secret" "$url/oauth/token" | json access_token)
auth="authorization: Bearer $token"

echo "2. sign the upload"
signed=$(call -H "$auth" -H 'content-type: application/json' "$url/uploads/sign" -d "{
  \"purpose\": \"UPLOAD_PURPOSE_IMAGE\", \"media_type\": \"image/jpeg\",
  \"size_bytes\": \"$(wc -c <"$photo" | tr -d ' ')\"}")
upload_id=$(json upload_id <<<"$signed")

echo "3. upload, straight to storage"
fields=()
while IFS= read -r field; do fields+=(-F "$field"); done < <(
  python3 -c 'import json,sys
for k,v in json.load(sys.stdin)["fields"].items(): print(f"{k}={v}")' <<<"$signed")
call "${fields[@]}" -F "file=@$photo;type=image/jpeg" "$(json url <<<"$signed")"

echo "4. analyze"
body=$(python3 -c 'import json,sys
order = {k: v for k, v in json.load(open("cli/examples/intake.json")).items() if not k.startswith("_")}
print(json.dumps({"upload_id": sys.argv[1], **order}))' "$upload_id")
job=$(call -H "$auth" -H 'content-type: application/json' -H "idempotency-key: journey-$upload_id" \
  "$url/v1/analyze" -d "$body" | json job_id)
echo "   job $job"

echo "5. watch"
call --no-buffer -H "$auth" -H 'accept: text/event-stream' "$url/v1/analyze/$job:watch" | grep '^event:' | uniq -c

echo "6. result"
call -H "$auth" "$url/v1/analyze/$job" | python3 -c 'import json,sys
job = json.load(sys.stdin)
print("  ", job["state"], job["model_version"], job["ruleset_version"], job["result"]["decision"]["status"])
for ink in job["result"]["color"]["inks"]:
    d = ink["delta_e_skin"]
    print("   {:12} {:5.1f} % of the ink, dE00 to skin {:.1f} [{:.1f}, {:.1f}]".format(
        ink["ink_class"], 100 * ink["area_share"], d["value"], d["low_95"], d["high_95"]))'

echo "7. report"
call -H "$auth" -o "$out" "$url/v1/analyze/$job/report.pdf"
head -c 5 "$out"; echo " $(wc -c <"$out" | tr -d ' ') bytes in $out"
