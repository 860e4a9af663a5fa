use super::*;
use proptest::prelude::*;
use rstest::rstest;

#[rstest]
#[case("a.csv", "llm-key,hunter2", "llm-key,‹masked›")]
#[case("a.csv", "smtp-password,a,b", "smtp-password,‹masked›")]
#[case("a.csv", "llm-provider,groq", "llm-provider,groq")]
#[case("a.csv", "llm-key,", "llm-key,")]
#[case(
    "a.csv",
    "llm-url,https://u:hunter2@b.example.com/",
    "llm-url,https://‹masked›@b.example.com/"
)]
#[case("a.csv", "password=hunter2", "password=‹masked›")]
#[case("a.txt", "monkey,banana", "monkey,banana")]
fn a_line_of_a_csv_file_is_a_name_and_a_value(
    #[case] file: &str,
    #[case] text: &str,
    #[case] masked: &str,
) {
    assert_eq!(line_of(file, text), masked);
}

#[rstest]
#[case::assignment("DB_PASSWORD=hunter2 x", "DB_PASSWORD=‹masked› x")]
#[case::spaces("password = hunter2", "password = ‹masked›")]
#[case::colon("token: abc", "token: ‹masked›")]
#[case::json(
    r#"{"password": "a b", "user": "u"}"#,
    r#"{"password": "‹masked›", "user": "u"}"#
)]
#[case::compact_json(r#"{"secret":"a","n":1}"#, r#"{"secret":"‹masked›","n":1}"#)]
#[case::escaped_quote(r#"secret="a\"b" c"#, r#"secret="‹masked›" c"#)]
#[case::unclosed(r#"secret="a b c"#, r#"secret="‹masked›"#)]
#[case::flag("psql --password hunter2 -h x", "psql --password ‹masked› -h x")]
#[case::flag_equals("--requirepass=hunter2", "--requirepass=‹masked›")]
#[case::query("GET /x?token=abc&y=1", "GET /x?token=‹masked›&y=1")]
#[case::query_of_a_url(
    "to https://b.example.com/x?token=abc&y=1",
    "to https://b.example.com/x?token=‹masked›&y=1"
)]
#[case::userinfo(
    "postgres://gbuser:p%40ss@10.0.2.5:5432/db",
    "postgres://‹masked›@10.0.2.5:5432/db"
)]
#[case::slash_in_password("postgres://u:p/w@10.0.2.5/db", "postgres://‹masked›@10.0.2.5/db")]
#[case::bearer("Authorization: Bearer abc.def", "Authorization: Bearer ‹masked›")]
#[case::vault("with hvs.CAESIJabcdef0123", "with ‹masked›")]
#[case::old_vault("s.abcdefghijklmnopqrstuvw1", "‹masked›")]
#[case::jwt("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abcDEF123", "got ‹masked›")]
#[case::aws("AKIAIOSFODNN7EXAMPLE", "‹masked›")]
#[case::random("value wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "value ‹masked›")]
#[case::hex("9f86d081884c7d659a2feaa0c55ad015", "‹masked›")]
#[case::base64_with_slashes("a9Xk/3pQ+Zt7Lm/2Vb8Wc5Nd1R", "‹masked›")]
fn secret_looking_text_is_masked(#[case] text: &str, #[case] masked: &str) {
    assert_eq!(line(text), masked);
}

#[rstest]
#[case("/opt/gbo/bin/botserver-stack/conf/vault/vault-conf")]
#[case("https://system.example.com:8443/api/health?x=1")]
#[case("http://[::1]:5858/@user")]
#[case("listening on 0.0.0.0:5858")]
#[case("550e8400-e29b-41d4-a716-446655440000")]
#[case("bot-550e8400-e29b-41d4-a716-446655440000.log")]
#[case("2026-11-20T12:00:00.123456Z INFO botserver:main")]
#[case("20261120120000.123 info botserver::drive::drive_monitor:ETag changed")]
#[case("x86_64-unknown-linux-gnu-1.95.0-beta.4")]
#[case("linux-image-6.1.0-28-cloud-amd64_6.1.119-1_amd64.deb")]
#[case("SomeVeryLongTypeNameForAnErrorInTheHandler")]
#[case("SSL_KEY=/etc/ssl/private/server.key")]
#[case("--token-file /run/credentials/token")]
#[case("using password: YES")]
#[case("max_tokens=4096")]
#[case("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
#[case("/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30")]
#[case("botserver --noconsole --port 5858")]
#[case("mailto:ops@example.com")]
fn what_an_operator_has_to_read_stays(#[case] text: &str) {
    assert_eq!(line(text), text);
}

#[test]
fn the_argument_after_a_secret_flag_is_masked() {
    let args = [
        "redis-server",
        "--requirepass",
        "hunter 2",
        "--port",
        "6379",
    ];
    assert_eq!(
        argv(&args),
        ["redis-server", "--requirepass", MASK, "--port", "6379"]
    );
    assert_eq!(argv(&["curl", "-u", "a:b"])[2], format!("a:{MASK}"));
}

proptest! {
    #[test]
    fn any_text_is_masked_without_panic(text in ".{0,300}") {
        let _ = line(&text);
    }

    #[test]
    fn a_masked_line_stays_as_it_is(text in "[a-z=: \"'/@.-]{0,80}") {
        let once = line(&text);
        prop_assert_eq!(line(&once), once);
    }

    #[test]
    fn a_password_never_survives(value in "[A-Za-z0-9!#%+,;:/?@^_.~-]{3,40}") {
        let value = format!("Zq{value}");
        for text in [
            format!("x PGPASSWORD={value} y"),
            format!("--password {value}"),
            format!("{{\"secret\": \"{value}\"}}"),
        ] {
            let masked = line(&text);
            prop_assert!(!masked.contains(&value), "{}", masked);
        }
    }
}
