#!/usr/bin/env bash
# A balance test with curl: token, sign, upload, analyze, watch, result, report, annotated video.
#
#   docs/journey/balance.sh [VIDEO.mp4] [REPORT.pdf] [ANNOTATED.webm]
#
# needs a running stack (`make up`), curl, and python3 to read JSON. ASSAY_URL,
# ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET name another server and client; by default
# they are read from the local stack. INTAKE names another statement of the trial.
set -euo pipefail
video=${1:-models/sample/balance.mp4}
report=${2:-balance.pdf}
annotated=${3:-annotated.webm}
intake=${INTAKE:-cli/examples/balance.json}
home=${ASSAY_HOME:-.assay}
json() { python3 -c 'import json,sys; v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if k.isdigit() else v[k]
print(v)' "$1"; }

url=${ASSAY_URL:-$(json urls.gateway <"$home/state.json")}
client=${ASSAY_CLIENT_ID:-$(json 0.client_id <"$home/clients.json")}
secret=${ASSAY_CLIENT_SECRET:-$(json 0.client_secret <"$home/clients.json")}
call() { curl --silent --show-error --fail-with-body --max-time 120 "$@"; }

echo "1. token"
token=$(call -d grant_type=client_credentials --data-urlencode "client_id=$client" \
  --data-urlencode "client_secret=$secret" "$url/oauth/token" | json access_token)
auth="authorization: Bearer $token"

echo "2. sign the upload"
signed=$(call -H "$auth" -H 'content-type: application/json' "$url/uploads/sign" -d "{
  \"purpose\": \"UPLOAD_PURPOSE_VIDEO\", \"media_type\": \"video/mp4\",
  \"size_bytes\": \"$(wc -c <"$video" | tr -d ' ')\"}")
upload_id=$(json upload_id <<<"$signed")

echo "3. upload, straight to storage"
fields=()
while IFS= read -r field; do fields+=(-F "$field"); done < <(
  python3 -c 'import json,sys
for k,v in json.load(sys.stdin)["fields"].items(): print(f"{k}={v}")' <<<"$signed")
call "${fields[@]}" -F "file=@$video;type=video/mp4" "$(json url <<<"$signed")"

echo "4. analyze"
body=$(python3 -c 'import json,sys
order = {k: v for k, v in json.load(open(sys.argv[2])).items() if not k.startswith("_")}
print(json.dumps({"upload_id": sys.argv[1], "mode": "MODE_ASYNC", **order}))' "$upload_id" "$intake")
job=$(call -H "$auth" -H 'content-type: application/json' -H "idempotency-key: journey-$upload_id" \
  "$url/v1/analyze" -d "$body" | json job_id)
echo "   job $job"

echo "5. watch"
call --max-time 600 --no-buffer -H "$auth" -H 'accept: text/event-stream' "$url/v1/analyze/$job:watch" | grep '^event:' | uniq -c

echo "6. result"
call -H "$auth" "$url/v1/analyze/$job" | python3 -c 'import json,sys
def said(m, unit):
    if m.get("value") is None: return m.get("not_measurable", "not measurable")
    return "{:.1f} [{:.1f}, {:.1f}] {}".format(m["value"], m["low_95"], m["high_95"], unit)
job = json.load(sys.stdin)
sway, balance = job["result"]["sway"], job["result"]["decision"]["balance"]
print("  ", job["state"], job["model_version"], job["ruleset_version"], job["result"]["decision"]["status"])
print("   held", said(sway["time_to_failure"], "s"))
for metric in sway["metrics"]:
    if metric["measurement"]["id"] == "RDIST_ML":
        print("   RMS sway, sideways", said(metric["measurement"], metric["measurement"]["unit"]))
print("   score", said(balance["score"], "of 100"))'

echo "7. report"
call -H "$auth" -o "$report" "$url/v1/analyze/$job/report.pdf"
echo "   $(wc -c <"$report" | tr -d ' ') bytes in $report"

echo "8. annotated video, which follows the result"
for _ in $(seq 60); do
  sleep 2
  call -H "$auth" "$url/v1/analyze/$job" | grep -q '"annotated.webm"' && break
done
call -H "$auth" -o "$annotated" "$url/v1/analyze/$job/artifacts/annotated.webm"
echo "   $(wc -c <"$annotated" | tr -d ' ') bytes in $annotated"
