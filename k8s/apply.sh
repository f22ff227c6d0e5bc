#!/bin/sh
# Brings a release into the cluster that kubectl speaks to, and waits until nothing else runs there.
#
#     k8s/apply.sh release.json ENVIRONMENT
#
# First what must be there before a service starts (labelled `setup`: namespace, settings, policies, and the Jobs
# for tables and streams), then the rest. The same for an older release: its `migrate` leaves newer tables alone.
set -eu
release=$1
overlay=$(python3 -m dev.release install "$release" "$2")
everything=$(mktemp)
trap 'rm -f "$everything"' EXIT
kubectl kustomize "$overlay" > "$everything"

# A Job cannot be changed, only made again.
kubectl --namespace assay delete job migrate topology --ignore-not-found --wait --timeout 120s
kubectl apply --server-side --force-conflicts --filename "$everything" --selector app.kubernetes.io/component=setup
kubectl --namespace assay wait --for condition=complete --timeout 900s job/migrate job/topology
kubectl apply --server-side --force-conflicts --filename "$everything"

# A canary takes its time, and Healthy may still be said of the release before: what the pods run decides.
tries=360
until kubectl --namespace assay get pods --output json | python3 -m dev.release runs "$release"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "not settled after an hour" >&2
        exit 1
    fi
    sleep 10
done
