#!/usr/bin/env bash
# Tells the bot about one stage of this run. Whatever goes wrong becomes a warning and the script ends well: a pipeline
# never fails because a notification did. Every report asks for a token of its own, since the bot refuses old ones.
set -uo pipefail

warn() {
  echo "::warning title=chatops report::$1"
  exit 0
}

case "$STATUS" in
  started | succeeded | failed | skipped) ;;
  success) STATUS=succeeded ;;
  failure | cancelled) STATUS=failed ;;
  *) warn "the status is '$STATUS', which is none" ;;
esac
[ -n "$CHATOPS_URL" ] || warn "the address of the bot is empty"

if [ -n "$CHATOPS_TOKEN" ]; then
  token=$CHATOPS_TOKEN
elif [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
  escaped=$(jq --null-input --raw-output --arg it "$AUDIENCE" '$it | @uri') || warn "jq does not work"
  # Headers come through standard input, so that no token stands in the list of processes.
  token=$(curl --silent --show-error --fail --max-time 10 --retry 2 --header @- \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$escaped" <<<"Authorization: Bearer ${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-}" |
    jq --exit-status --raw-output .value) || warn "GitHub gave no OIDC token"
else
  warn "the job needs 'permissions: id-token: write', or an input 'token'"
fi
echo "::add-mask::$token"

run=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY:-}/actions/runs/$GITHUB_RUN_ID
body=$(
  jq --null-input --compact-output \
    --arg service "$SERVICE" --arg environment "$ENVIRONMENT" --arg stage "$STAGE" --arg status "$STATUS" \
    --arg run_id "$GITHUB_RUN_ID" --arg run_attempt "$GITHUB_RUN_ATTEMPT" --arg source_revision "$GITHUB_SHA" \
    --arg tag "$TAG" --arg digest "$DIGEST" --arg critical "$CRITICAL" --arg high "$HIGH" \
    --arg manifest_revision "$MANIFEST_REVISION" --arg message "${MESSAGE:0:500}" --arg url "${DETAILS_URL:-$run}" '
    def number: if . == "" then null else tonumber end;
    {schema: 1, $service, $environment, $stage, $status,
     run_id: ($run_id | number), run_attempt: ($run_attempt | number), $source_revision, at: (now | todate),
     $tag, $digest, critical: ($critical | number), high: ($high | number), $manifest_revision, $message, $url}
    | with_entries(select(.value != null and .value != ""))'
) || warn "the report could not be written as JSON"

# No --fail: the answer of the bot says what it did not like.
answer=$(
  printf 'Authorization: Bearer %s\nContent-Type: application/json\n' "$token" |
    curl --silent --show-error --connect-timeout 5 --max-time 10 --retry 2 --header @- --data-binary "$body" \
      --write-out '\n%{http_code}' "${CHATOPS_URL%/}/webhooks/ci" 2>&1
) || warn "the bot did not answer: ${answer//$'\n'/ }"
[ "${answer##*$'\n'}" = 202 ] || warn "the bot answered ${answer##*$'\n'}: ${answer%$'\n'*}"
echo "reported: $SERVICE, $ENVIRONMENT, $STAGE $STATUS"
