# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # the variables are deploy/quickstart's
# demo.sh - the demo tenant of deploy/quickstart, made over REST alone, and its first webhook.

# call METHOD PATH KEY [BODY]: prints the reply; a problem is a failure.
call() {
    printf '%s' "${4-}" >"$state/tmp/body"
    status=$(printf 'Authorization: Bearer %s\n' "$(cat "$state/keys/$3.key")" |
        curl -sS --noproxy '*' --max-time 15 -o "$state/tmp/reply" -w '%{http_code}' -X "$1" -H @- \
            ${4:+-H 'Content-Type: application/json' --data-binary "@$state/tmp/body"} "$api$2")
    case $status in
    2??) cat "$state/tmp/reply" ;;
    *) die "$1 $2 answered $status: $(cat "$state/tmp/reply")" ;;
    esac
}

# save NAME: standard input becomes the file, all or nothing; the directory is 0700, the file 0600.
save() {
    (umask 077 && cat >"$state/keys/$1.new")
    [ -s "$state/keys/$1.new" ] || die "nothing to save as $1"
    mv -- "$state/keys/$1.new" "$state/keys/$1"
}

# The demo: a tenant, its keys and catalogue, a partner's app, three connected companies.

make_keys() {
    "$bin/hookline" keys create --role operator --name quickstart 2>"$state/log/keys.log" | save operator.key
    call POST /v1/tenants operator '{"name":"Demo","allow_http":true}' >"$state/tmp/tenant"
    jq -re .admin_key "$state/tmp/tenant" | save admin.key
    call POST /v1/keys admin '{"name":"demo backend","role":"producer"}' | jq -re .key | save producer.key
    call POST /v1/keys admin '{"name":"demo partner","role":"partner","partner":"erp-example"}' | jq -re .key | save partner.key
    call POST /v1/keys admin '{"name":"demo support","role":"support"}' | jq -re .key | save support.key
}

make_catalogue() {
    call POST /v1/event_types admin '{"name":"document.uploaded","description":"A document was uploaded.",
        "sample":{"documentId":"doc-1"},"enrichable":true}'
    call POST /v1/event_types admin '{"name":"transaction.finished","description":"A transaction was finished.",
        "sample":{"transactionId":"tx-1"}}'
    for company in 'adm-1001:Bakery de Vries' 'adm-1002:Garage Janssen' 'adm-1003:Florist Bakker'; do
        call POST /v1/companies admin "{\"external_id\":\"${company%%:*}\",\"name\":\"${company#*:}\"}"
    done
}

make_app() {
    call POST /v1/apps partner '{"name":"ERP Example","custom_fields":[
        {"key":"adminCode","label":"Administration code","type":"text","required":true,"max_length":20}],
        "subscription":{"url":"'"$sinker/demo"'","event_types":["document.uploaded","transaction.finished"],
        "profile":"basecone"}}' >"$state/tmp/app"
    jq -re .subscription.secret "$state/tmp/app" | save webhook.secret
    jq '{app_id: .id, subscription_id: .subscription.id}' "$state/tmp/app" | save demo.json.partial
    call POST "/v1/apps/$(jq -re .id "$state/tmp/app")/connections" admin '{"companies":[
        {"company":"adm-1001","values":{"adminCode":"NL-001"}},{"company":"adm-1002","values":{"adminCode":"NL-002"}},
        {"company":"adm-1003","values":{"adminCode":"NL-003"}}]}'
}

# demo.json is there when the demo is complete; else it is made anew, as another tenant.
make_demo() {
    at=$(now_ms)
    make_keys
    make_catalogue >"$state/tmp/catalogue"
    make_app >"$state/tmp/connections"
    mv -- "$state/keys/demo.json.partial" "$state/keys/demo.json"
    done_step 'demo tenant' '1 partner app, 1 custom field, 3 connected companies' "$at"
}

# The sinker has another port this time, and somebody may have let it answer 401.
reuse_demo() {
    at=$(now_ms)
    path=/v1/subscriptions/$(jq -re .subscription_id "$state/keys/demo.json")
    changed=$(call PATCH "$path" partner "{\"url\":\"$sinker/demo\"}" | jq -re .state)
    case $changed in
    paused) call POST "$path/resume" partner ;;
    unsubscribed | disabled) call POST "$path/revive" partner '{"messages":true}' ;;
    esac >"$state/tmp/revived"
    done_step 'demo tenant' 'the one of before, its keys too' "$at"
}

trust_secret() {
    jq -R '{secret: .}' "$state/keys/webhook.secret" |
        curl -sSf -o "$state/tmp/answer" --noproxy '*' --data-binary @- "$sinker/_sinker/secrets/demo"
}

# has_arrived EVENT: the sinker has it; $arrival tells how.
has_arrived() {
    arrival=$(curl -sSf --noproxy '*' "$sinker/_sinker/requests?path=/demo" |
        jq -c --arg id "$1" 'first(.requests[] | select((.body | fromjson? | .id) == $id)) // empty')
    [ -n "$arrival" ]
}

is_recorded() {
    message=$(call GET "/v1/messages?event_id=$1" support | jq -c '.data[0]')
    [ "$(printf '%s' "$message" | jq -r .status)" = succeeded ]
}

deliver_first() {
    at=$(now_ms)
    event=$(call POST /v1/events producer '{"event_type":"document.uploaded","company":"adm-1001",
        "payload":{"documentId":"doc-1","link":"https://api.example.com/documents/doc-1","total":121.00}}' | jq -re .id)
    wait_for 30 'the webhook' has_arrived "$event"
    seconds=$(seconds_since "$started")
    signature=$(printf '%s' "$arrival" | jq -r .signature)
    [ "$signature" = valid ] || die "the webhook came with a signature that is $signature"
    wait_for 10 'the record of the attempt' is_recorded "$event"
    done_step 'first webhook' "document.uploaded to the sinker, signature valid" "$at"
}
