//! What the services of a lab hold: rows, keys, secrets' versions, tokens, objects.

use super::TestSite;

/// Every database as its own dump would write it, the roles, the rows of every table, and whether a
/// session of ours is still there.
const TABLES: &str = r#"
cd /
runuser -u postgres -- pg_dumpall --globals-only | grep -v -e '^--' -e '^\\\(un\)\?restrict ' | sha256sum
for database in botserver PROD-ALM; do
  runuser -u postgres -- pg_dump -d "$database" | grep -v -e '^--' -e '^\\\(un\)\?restrict ' | sha256sum
  runuser -u postgres -- psql -Atq -d "$database" <<'SQL'
SELECT current_database(), table_name, (xpath('/row/c/text()', query_to_xml(
  format('SELECT count(*) AS c FROM %I.%I', table_schema, table_name), false, true, '')))[1]
FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 2;
SQL
done
runuser -u postgres -- psql -Atq <<'SQL'
SELECT 'sessions of runproof', count(*) FROM pg_stat_activity WHERE application_name = 'runproof';
SELECT 'prepared transactions', count(*) FROM pg_prepared_xacts;
SELECT 'replication slots', count(*) FROM pg_replication_slots;
SQL
"#;

/// Every key with type, end and content, and how many clients name themselves.
const CACHE: &str = r#"
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /etc/valkey/valkey.conf); export REDISCLI_AUTH
echo "keys $(valkey-cli dbsize)"
valkey-cli --scan | sort | while read -r key; do
  echo "$key $(valkey-cli type "$key") $(valkey-cli expiretime "$key") $(valkey-cli --raw dump "$key" | sha256sum)"
done
valkey-cli config get '*' | sha256sum
"#;

/// Every secret's versions and times, how many tokens there are, policies, mounts and audit devices.
const VAULT: &str = r#"
export VAULT_ADDR=https://127.0.0.1:8200 VAULT_CACERT=/opt/gbo/conf/vault/ca.crt
token=$(tr -d '\n' < /opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json | sed 's/.*"root_token": *"\([^"]*\)".*/\1/')
ask() { printf 'X-Vault-Token: %s\n' "$token" | curl -sf --cacert "$VAULT_CACERT" -H @- -X "$1" "$VAULT_ADDR/v1/$2" | sed 's/"request_id":"[^"]*",\{0,1\}//'; echo; }
walk() {
  ask LIST "secret/metadata/$1" | grep -o '"keys":\[[^]]*\]' | grep -o '"[^"]*"' | tr -d '"' | grep -v '^keys$' | while read -r name; do
    case $name in */) walk "$1$name" ;; *) echo "$1$name $(ask GET "secret/metadata/$1$name")" ;; esac
  done
}
walk ''
echo "tokens $(ask LIST auth/token/accessors | grep -o '"[^"]*"' | sort | sha256sum)"
for what in sys/policies/acl sys/mounts sys/audit sys/seal-status; do
  case $what in */acl) verb=LIST ;; *) verb=GET ;; esac
  echo "$what $(ask $verb $what)"
done
"#;

/// What was asked of Vault since its audit log had this many lines: the request's operation and path.
const AUDITED: &str = r#"
tail -n "+$((LINES + 1))" /opt/gbo/logs/vault_audit.log | grep '"type":"request"' |
  sed 's/.*"operation":"\([^"]*\)".*"path":"\([^"]*\)".*/\1 \2/' | sort -u
"#;

/// Every bucket, and every object with its ETag, size and time.
const DRIVE: &str = r#"
user=$(sed -n 's/^Environment=MINIO_ROOT_USER=//p' /etc/systemd/system/drive.service)
password=$(sed -n 's/^Environment=MINIO_ROOT_PASSWORD=//p' /etc/systemd/system/drive.service)
ask() {
  printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:us-east-1:s3"\nsilent\nfail\n' "$user" "$password" |
    curl -K - -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "http://127.0.0.1:9100/$1"
}
buckets=$(ask "")
echo "$buckets"
for bucket in $(echo "$buckets" | grep -o '<Name>[^<]*' | sed 's/<Name>//' | sort -u); do
  ask "$bucket?list-type=2" | sed 's/<Contents>/\n&/g'
  echo
done
"#;

/// What each service holds now, a line each.
pub fn holdings(site: &TestSite) -> Vec<(String, Vec<String>)> {
    [
        ("tables", TABLES),
        ("system", CACHE),
        ("vault", VAULT),
        ("drive", DRIVE),
    ]
    .into_iter()
    .map(|(role, script)| {
        let said = site.sh(role, script);
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        (format!("what {role} holds"), lines)
    })
    .collect()
}

/// How many lines Vault's audit log has.
pub fn audited(site: &TestSite) -> usize {
    let said = site.sh("vault", "wc -l < /opt/gbo/logs/vault_audit.log");
    said.trim().parse().unwrap()
}

/// What was asked of Vault since then, `operation path` each.
pub fn asked_since(site: &TestSite, lines: usize) -> Vec<String> {
    let said = site.sh("vault", &format!("LINES={lines}\n{AUDITED}"));
    said.lines().map(str::to_owned).collect()
}
