//! Canaries: where they are planted, and how they are looked at.

use std::fs;

use serde_json::Value;

use super::TestSite;

/// What is planted beside the lab's own secrets, which are canaries too: role, and the script that does it.
/// Every word that begins with `Cn4ry` is one.
pub const PLANTED: &[(&str, &str)] = &[
    (
        "system",
        r#"
cat >> /opt/gbo/bin/.env <<'ENV'
# VAULT_OLD_TOKEN=Cn4ryEnvNote01
OPENAI_API_KEY=Cn4ryEnvKey02
this is no line Cn4ryEnvLine03
ENV
mkdir -p /etc/systemd/system/ui.service.d
printf '[Service]\nEnvironment=API_TOKEN=Cn4ryUnitEnv04\nExecStartPre=/bin/true --password=Cn4ryUnitExec05\n' > /etc/systemd/system/ui.service.d/canary.conf
systemctl daemon-reload
cp /bin/sh /opt/gbo/bin/canarysh
systemd-run --quiet --unit=canary --setenv=SECRET_KEY=Cn4ryEnviron06 /opt/gbo/bin/canarysh -c 'sleep 3600; :' x --token Cn4ryArgument07 postgres://app:Cn4ryUrl08@10.0.0.1/db
cat >> /opt/gbo/logs/out.log <<'LOG'
20260101000000.000 info main:login of app with password=Cn4ryLogOut09
20260101000000.000 info main:Authorization: Bearer Cn4ryLogBearer10
LOG
echo '20260101000000.000 error main:cannot connect to postgres://app:Cn4ryLogUrl11@10.0.0.1/db, token: Cn4ryLogErr12' >> /opt/gbo/logs/err.log
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /etc/valkey/valkey.conf); export REDISCLI_AUTH
valkey-cli sadd suggestions:a:b '{"token":"Cn4rySuggestion13"}'
valkey-cli set session:a token=Cn4rySession14
"#,
    ),
    (
        "vault",
        r#"
export VAULT_ADDR=https://127.0.0.1:8200 VAULT_CACERT=/opt/gbo/conf/vault/ca.crt
VAULT_TOKEN=$(tr -d '\n' < /opt/gbo/bin/botserver-stack/conf/vault/vault-conf/init.json | sed 's/.*"root_token": *"\([^"]*\)".*/\1/'); export VAULT_TOKEN
PATH=/opt/gbo/bin:$PATH
vault kv patch secret/gbo/tables other=Cn4ryVaultKey15
vault kv put secret/gbo/canary key=Cn4ryVaultPath16
"#,
    ),
    (
        "tables",
        r#"
cd /
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d botserver <<'SQL'
INSERT INTO bot_configuration (id, bot_id, config_key, config_value, config_type, is_encrypted, created_at, updated_at)
SELECT gen_random_uuid(), id, 'openai-api-key', 'Cn4ryRow17', 'string', false, now(), now() FROM bots WHERE name = 'demo';
INSERT INTO bot_configuration (id, bot_id, config_key, config_value, config_type, is_encrypted, created_at, updated_at)
SELECT gen_random_uuid(), id, 'llm-url', 'https://app:Cn4ryRowUrl18@api.example.com/', 'string', false, now(), now() FROM bots WHERE name = 'demo';
ALTER SYSTEM SET primary_conninfo = 'host=10.0.0.1 password=Cn4rySetting19';
SELECT pg_reload_conf();
SQL
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d PROD-ALM <<'SQL'
INSERT INTO action_runner_token (id, token, owner_id, repo_id, is_active, created, updated) VALUES (20, 'Cn4ryRunner20', 0, 0, true, 1, 1);
UPDATE action_run SET title = 'deploy with token=Cn4ryTitle21' WHERE id = 1;
SQL
"#,
    ),
    (
        "drive",
        r#"
user=$(sed -n 's/^Environment=MINIO_ROOT_USER=//p' /etc/systemd/system/drive.service)
password=$(sed -n 's/^Environment=MINIO_ROOT_PASSWORD=//p' /etc/systemd/system/drive.service)
put() {
  cat > /run/canary
  printf 'user = "%s:%s"\naws-sigv4 = "aws:amz:us-east-1:s3"\nsilent\nfail\n' "$user" "$password" |
    curl -K - -X PUT --data-binary @/run/canary -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "http://127.0.0.1:9100/$1"
}
put demo.gbai/demo.gbot/config.csv <<'CSV'
llm-provider,groq
theme-color1,#cc0000
llm-key,Cn4ryCsvKey22
smtp-password,Cn4ryCsvPassword23
CSV
put demo.gbai/demo.gbdialog/start.bas <<'BAS'
password = "Cn4ryBas24"
TALK "Hello"
BAS
rm /run/canary
echo 'token: Cn4ryLogDrive25' >> /opt/gbo/logs/minio.log
"#,
    ),
    (
        "proxy",
        r#"
cat >> /opt/gbo/conf/config <<'CADDY'
canary.example.com {
	import tls_config
	reverse_proxy http://app:Cn4ryCaddyUrl26@10.0.0.1:5858 {
		header_up Authorization "Bearer Cn4ryCaddyHeader27"
	}
}
CADDY
"#,
    ),
];

/// What is looked at by hand, for suites leave most of it alone: role and query.
pub const LOOKS: &[(&str, &str)] = &[
    (
        "system",
        "dotenv: /opt/gbo/bin/.env, plain: [PORT], secret: [VAULT_TOKEN, OPENAI_API_KEY]",
    ),
    ("system", "file: /opt/gbo/bin/.env"),
    (
        "system",
        "unit: ui.service, environment: [BOTSERVER_URL], secret_environment: [API_TOKEN]",
    ),
    (
        "system",
        "process: { name: canarysh }, secret_environment: [SECRET_KEY]",
    ),
    ("system", "log: /opt/gbo/logs/out.log, contains: [password]"),
    ("system", "log: /opt/gbo/logs/err.log, contains: [token]"),
    (
        "system",
        "vault: chain, credential: vault, lists: [gbo], capabilities: [secret/data/gbo/tables]",
    ),
    (
        "system",
        "kv: gbo/tables, plain: [host], secret: [password, other]",
    ),
    ("system", "kv: gbo/canary, secret: [key]"),
    (
        "system",
        "cache: 'localhost:6379', patterns: ['suggestions:*', 'session:*'], info: [used_memory]",
    ),
    (
        "tables",
        "postgres: 'localhost:5432', database: botserver, bot: demo, config: [llm-url], secret: [openai-api-key], settings: [primary_conninfo]",
    ),
    (
        "tables",
        "postgres: 'localhost:5432', database: PROD-ALM, credential: auditor",
    ),
    (
        "drive",
        "unit: drive.service, secret_environment: [MINIO_ROOT_USER, MINIO_ROOT_PASSWORD]",
    ),
    (
        "drive",
        "objects: 'http://localhost:9100', prefixes: ['demo.gbai/'], lines: [demo.gbai/demo.gbot/config.csv, demo.gbai/demo.gbdialog/start.bas]",
    ),
    ("proxy", "caddyfile: /opt/gbo/conf/config"),
    ("directory", "zitadel: 'http://localhost:9000'"),
    ("directory", "file: /opt/gbo/conf/directory/admin-pat.txt"),
    (
        "vector",
        "qdrant: 'http://localhost:6333', credential: vectordb",
    ),
    ("llm", "llm: 'http://localhost:8081', credential: llm"),
];

/// The words that must stay where they are.
pub fn canaries(site: &TestSite) -> Vec<String> {
    let planted = PLANTED.iter().flat_map(|(_, script)| {
        script
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.starts_with("Cn4ry"))
            .map(str::to_owned)
    });
    let secrets = fs::read(site.kept().join("secrets.json")).unwrap();
    let secrets: Value = serde_json::from_slice(&secrets).unwrap();
    let own = secrets
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, value)| {
            // A certificate and a public key are for everybody.
            let public = ["LAB_CA_CRT", "LAB_RUNNER_KEY"].contains(&name.as_str());
            (!public).then(|| value.as_str().unwrap().to_owned())
        });
    // Vault's file holds several; a key has several lines.
    let own = own.flat_map(|value| {
        value
            .split(|c: char| c.is_whitespace() || c == '"')
            .filter(|word| word.len() >= 20 && !word.contains("-----"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    // The names of the fields of that file.
    let named = |word: &String| !word.starts_with("recovery_") && !word.starts_with("unseal_");
    planted.chain(own).filter(named).collect()
}
