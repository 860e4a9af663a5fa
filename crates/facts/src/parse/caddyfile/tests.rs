mod adapted;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rstest::rstest;
use runproof_model::{Observed, ReasonKind};

use super::adapt::{Adapted, Site, adapt};
use super::import::{Found, Source, Target};
use super::{Limits, parser};

fn read_with(text: &str, source: &dyn Source) -> Adapted {
    let limits = Limits::default();
    let parsed = parser::parse("/c/config", text, source, &limits).unwrap();
    adapt(&parsed, &limits).unwrap()
}

fn read(text: &str) -> Adapted {
    read_with(text, &())
}

fn files(files: &[(&str, &str)]) -> HashMap<String, String> {
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

fn sites(adapted: &Adapted) -> &[Site] {
    adapted.sites.known().unwrap()
}

fn messages(adapted: &Adapted) -> Vec<String> {
    adapted
        .errors
        .iter()
        .map(|e| format!("{}: {}", e.line, e.message))
        .collect()
}

fn ports(adapted: &Adapted) -> Vec<i64> {
    adapted
        .upstreams
        .known()
        .unwrap()
        .iter()
        .map(|u| *u.port.known().unwrap())
        .collect()
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpora/caddyfile");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "caddyfile"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// A file dropped into the corpus is a test; its golden stands beside it.
#[test]
fn the_corpus_is_read_as_its_goldens_say() {
    for path in corpus() {
        let adapted = read(&std::fs::read_to_string(&path).unwrap());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let golden = serde_json::json!({
            "errors": adapted.errors,
            "global": adapted.global,
            "snippets": adapted.snippets,
            "imports": adapted.imports,
            "environment": adapted.environment,
            "sites": adapted.sites,
            "hosts": adapted.hosts,
            "duplicate_hosts": adapted.duplicate_hosts,
        });
        insta::with_settings!({
            snapshot_path => "../../../../../fixtures/corpora/caddyfile/golden",
            prepend_module_to_snapshot => false,
        }, {
            insta::assert_json_snapshot!(name, golden);
        });
    }
}

/// Where the real server is installed, it has to agree on what is valid. Files say with
/// `# oracle: accepts` or `# oracle: refuses` that every version of it does.
#[test]
fn the_real_server_agrees_with_the_corpus() {
    let caddy = |path: &Path| {
        std::process::Command::new("caddy")
            .args(["adapt", "--adapter", "caddyfile", "--config"])
            .arg(path)
            .output()
    };
    for path in corpus() {
        let text = std::fs::read_to_string(&path).unwrap();
        let accepts = match text.lines().next() {
            Some("# oracle: accepts") => true,
            Some("# oracle: refuses") => false,
            _ => continue,
        };
        assert_eq!(read(&text).errors.is_empty(), accepts, "{}", path.display());
        // Not installed: nothing to compare with.
        if let Ok(output) = caddy(&path) {
            assert_eq!(output.status.success(), accepts, "{}", path.display());
        }
    }
}

#[test]
fn a_secret_of_the_corpus_is_nowhere_in_what_is_read() {
    for path in corpus() {
        let text = std::fs::read_to_string(&path).unwrap();
        let adapted = format!("{:?}", read(&text));
        assert!(!adapted.contains("Tq8v"), "{}: {adapted}", path.display());
    }
}

#[test]
fn a_password_in_an_address_is_not_repeated_in_a_message() {
    let adapted =
        read("a.com {\n\treverse_proxy http://u:Tq8v@10.0.2.5/x\n}\nhttp://u:Tq8v@b.com:x {\n}\n");
    assert_eq!(adapted.errors.len(), 2);
    assert!(!format!("{adapted:?}").contains("Tq8v"));
}

#[test]
fn an_import_of_files_brings_in_sites_in_the_order_of_their_names() {
    let source = files(&[
        ("/c/sites/b.conf", "b.example.com {\n\trespond b\n}\n"),
        ("/c/sites/a.conf", "a.example.com {\n\timport ../up 81\n}\n"),
        ("/c/up", "reverse_proxy 10.0.2.5:{args[0]}\n"),
        ("/c/sites/.keep", " \n"),
    ]);
    let adapted = read_with(
        "import sites/*\nc.example.com {\n\timport up 83\n}\n",
        &source,
    );
    assert_eq!(messages(&adapted), Vec::<String>::new());
    let addresses: Vec<&str> = sites(&adapted).iter().map(|s| &*s.addresses[0]).collect();
    assert_eq!(
        addresses,
        ["a.example.com", "b.example.com", "c.example.com"]
    );
    assert_eq!(ports(&adapted), [81, 83]);
    assert_eq!(sites(&adapted)[0].file, "/c/sites/a.conf");
    assert_eq!(sites(&adapted)[2].imports, ["up"]);
    assert!(adapted.imports.iter().all(|import| import.resolved));
}

#[test]
fn a_hidden_file_that_only_older_servers_import_is_unknown() {
    let source = files(&[
        ("/c/sites/a.conf", "a.example.com {\n}\n"),
        ("/c/sites/.a.swp", "x.example.com {\n}\n"),
    ]);
    let adapted = read_with("import sites/*\n", &source);
    assert!(matches!(adapted.hosts, Observed::Unknown(r) if r.detail.contains(".a.swp")));
    let adapted = read_with("import sites/*.conf\n", &source);
    assert_eq!(adapted.hosts, Observed::Known(vec!["a.example.com".into()]));
}

#[test]
fn snippets_of_an_imported_file_can_be_used() {
    let source = files(&[(
        "/c/snippets",
        "(up) {\n\treverse_proxy 10.0.2.5:{args[0]}\n}\n",
    )]);
    let adapted = read_with("import snippets x\na.com {\n\timport up 80\n}\n", &source);
    assert_eq!(messages(&adapted), Vec::<String>::new());
    assert_eq!(ports(&adapted), [80]);
    assert_eq!(adapted.imports[1].kind, "snippet");
}

#[test]
fn lines_of_different_imports_never_run_together() {
    let source = files(&[("/c/a", "header X-A a"), ("/c/b", "header X-B b")]);
    let adapted = read_with(
        "a.com {\n\timport a\n\timport b\n\trespond ok\n}\n",
        &source,
    );
    let directives = sites(&adapted)[0].directives.known().unwrap();
    let names: Vec<&str> = directives.iter().map(|d| &*d.name).collect();
    assert_eq!(names, ["header", "header", "respond"]);
    assert_eq!(directives[1].args, ["X-B", "b"]);
}

#[rstest]
#[case::site_in_site(
    "a.com {\n\trespond ok\n\tb.com {\n\t}\n}\n",
    3,
    "sites do not stand in each other"
)]
#[case::site_without_address("{\n\treverse_proxy 10.0.2.5:80\n}\n", 2, "among the global options")]
#[case::address_in_global("{\n\tb.com:80 {\n\t}\n}\n", 2, "among the global options")]
#[case::matcher_in_global("{\n\t@m path /\n}\n", 2, "among the global options")]
#[case::tls_in_handle(
    "a.com {\n\thandle {\n\t\ttls internal\n\t}\n}\n",
    3,
    "of the whole site"
)]
#[case::log_in_route("a.com {\n\troute {\n\t\tlog\n\t}\n}\n", 3, "of the whole site")]
#[case::directive_after_comma("a.com,\nreverse_proxy 10.0.2.5:80\n", 2, "outside of a site")]
#[case::http_on_the_port_of_https("http://a.com:443 {\n}\n", 1, "does not fit the port")]
#[case::https_on_the_port_of_http(
    "{\n\thttp_port 81\n}\nhttps://a.com:81 {\n}\n",
    4,
    "does not fit the port"
)]
#[case::missing_argument(
    "(s) {\n\treverse_proxy a:{args[0]}\n}\na.com {\n\timport s\n}\n",
    2,
    "does not give this argument"
)]
fn what_every_server_refuses_is_a_mistake(
    #[case] text: &str,
    #[case] line: u64,
    #[case] part: &str,
) {
    let errors = read(text).errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].line, line);
    assert!(errors[0].message.contains(part), "{errors:?}");
}

#[rstest]
#[case::log_and_metrics_are_options_too(
    "{\n\tlog {\n\t\toutput stderr\n\t}\n\tmetrics\n}\na.com {\n\tlog\n}\n"
)]
#[case::another_port_for_http("{\n\thttps_port 8443\n}\nhttp://a.com:443 {\n}\n")]
fn what_every_server_takes_is_none(#[case] text: &str) {
    assert_eq!(messages(&read(text)), Vec::<String>::new());
}

/// A source that knows that a file is there but not what stands in it.
struct Closed;

impl Source for Closed {
    fn find(&self, _: &Target) -> Found {
        Found::Unknown(runproof_model::Reason::new(ReasonKind::Permission, "no"))
    }
}

#[test]
fn what_an_unread_import_could_add_to_is_unknown_and_nothing_else() {
    let adapted = read_with(
        "a.com {\n\timport x\n\treverse_proxy 10.0.2.5:80\n}\nb.com {\n\treverse_proxy 10.0.2.6:81\n}\n",
        &Closed,
    );
    let sites = sites(&adapted);
    let permission = |reason: &runproof_model::Reason| reason.kind == ReasonKind::Permission;
    assert!(matches!(&sites[0].upstreams, Observed::Unknown(r) if permission(r)));
    assert!(matches!(&sites[0].tls, Observed::Unknown(_)));
    assert_eq!(sites[0].hosts, Observed::Known(vec!["a.com".into()]));
    assert_eq!(sites[1].upstreams.known().unwrap().len(), 1);
    assert!(matches!(&adapted.upstreams, Observed::Unknown(_)));
    assert_eq!(
        adapted.hosts,
        Observed::Known(vec!["a.com".into(), "b.com".into()])
    );
    assert_eq!(adapted.global.storage, Observed::Absent);
    assert!(adapted.unread.is_some());
    assert!(!adapted.imports[0].resolved);
}

#[test]
fn an_unread_import_between_sites_hides_sites_and_snippets() {
    let adapted = read_with("import x\na.com {\n\trespond ok\n}\n", &Closed);
    assert!(matches!(adapted.sites, Observed::Unknown(_)));
    assert!(matches!(adapted.hosts, Observed::Unknown(_)));
    assert!(matches!(adapted.duplicate_hosts, Observed::Unknown(_)));
    assert!(matches!(adapted.snippets, Observed::Unknown(_)));
    assert!(matches!(adapted.global.storage, Observed::Unknown(_)));
    assert_eq!(messages(&adapted), Vec::<String>::new());
}

#[test]
fn a_name_that_an_unread_file_may_define_is_no_mistake() {
    struct Partly;
    impl Source for Partly {
        fn find(&self, target: &Target) -> Found {
            match target {
                Target::File(path) if path == "/c/snippets" => Found::NotYet,
                Target::File(_) | Target::Glob(_) => Found::Missing,
            }
        }
    }
    let adapted = read_with(
        "import snippets\na.com {\n\timport tls_config\n}\n",
        &Partly,
    );
    assert_eq!(messages(&adapted), Vec::<String>::new());
    assert!(matches!(adapted.upstreams, Observed::Unknown(_)));
}

#[test]
fn values_from_the_environment_are_unknown_and_their_text_stays() {
    let adapted = read(
        "{\n\temail {$EMAIL}\n\tstorage file_system {$ROOT:/data}\n\tadmin off\n}\n{$SITE:localhost} {\n\treverse_proxy {$UP:10.0.2.5:80}\n}\nb.com {\n\trespond ok\n}\n",
    );
    assert_eq!(messages(&adapted), Vec::<String>::new());
    assert!(matches!(adapted.global.email, Observed::Unknown(_)));
    assert!(matches!(
        adapted.global.storage.known().unwrap().root,
        Observed::Unknown(_)
    ));
    assert_eq!(adapted.global.admin, Observed::Known("off".into()));
    let sites = sites(&adapted);
    assert_eq!(sites[0].addresses, ["{$SITE:localhost}"]);
    assert!(matches!(sites[0].hosts, Observed::Unknown(_)));
    assert_eq!(sites[1].hosts, Observed::Known(vec!["b.com".into()]));
    let upstream = &sites[0].upstreams.known().unwrap()[0];
    assert_eq!(upstream.address, "{$UP:10.0.2.5:80}");
    assert!(matches!(upstream.port, Observed::Unknown(_)));
    let names: Vec<&str> = adapted.environment.iter().map(|v| &*v.name).collect();
    assert_eq!(names, ["EMAIL", "ROOT", "SITE", "UP"]);
}

#[rstest]
#[case::in_global("{\n\t{$OPTIONS}\n}\na.com {\n\trespond ok\n}\n", "storage")]
#[case::in_site("a.com {\n\t{$MORE}\n\trespond ok\n}\n", "upstreams")]
#[case::between_sites("{$SITES}\na.com {\n\trespond ok\n}\n", "sites")]
#[case::in_proxy("a.com {\n\treverse_proxy a {\n\t\t{$MORE}\n\t}\n}\n", "upstreams")]
fn a_line_from_the_environment_hides_what_it_could_add(#[case] text: &str, #[case] hidden: &str) {
    let adapted = read(text);
    assert_eq!(messages(&adapted), Vec::<String>::new());
    let unknown = match hidden {
        "storage" => matches!(adapted.global.storage, Observed::Unknown(_)),
        "upstreams" => matches!(adapted.upstreams, Observed::Unknown(_)),
        _ => matches!(adapted.sites, Observed::Unknown(_)),
    };
    assert!(unknown, "{adapted:?}");
}

#[rstest]
#[case::short("{\n\tstorage file_system /data\n}\n", Some("/data"), 2)]
#[case::block(
    "{\n\tdebug\n\tstorage file_system {\n\t\troot /data\n\t}\n}\n",
    Some("/data"),
    3
)]
#[case::other("{\n\tstorage redis {\n\t\troot /x\n\t}\n}\n", None, 2)]
#[case::last_wins(
    "{\n\tstorage file_system /a\n\tstorage file_system /b\n}\n",
    Some("/b"),
    3
)]
fn storage_is_read_in_every_form(
    #[case] text: &str,
    #[case] root: Option<&str>,
    #[case] line: u64,
) {
    let adapted = read(text);
    let storage = adapted.global.storage.known().unwrap();
    assert_eq!(storage.root, root.map(str::to_owned).into());
    assert_eq!(storage.line, line);
    assert_eq!(adapted.global.present, Observed::Known(true));
}

#[rstest]
#[case("a.com {\n}\n\nA.com {\n}\n", &["a.com"], 0)]
#[case("a.com {\n}\na.com {\n}\n", &["a.com"], 1)]
#[case("a.com {\n}\nhttps://a.com:443 {\n}\n", &["a.com"], 0)]
#[case("http://a.com {\n}\na.com {\n}\n", &[], 0)]
#[case("a.com/x {\n}\na.com/y {\n}\n", &[], 0)]
#[case("a.com, a.com {\n}\n", &[], 0)]
#[case("a.com {\n\tbind 10.0.2.1\n}\na.com {\n\tbind 10.0.2.2\n}\n", &[], 0)]
#[case("{\n\thttp_port 8080\n}\nhttp://a.com {\n}\nhttp://a.com:8080 {\n}\n", &["a.com"], 0)]
fn a_host_of_two_sites_is_seen(
    #[case] text: &str,
    #[case] doubles: &[&str],
    #[case] errors: usize,
) {
    let adapted = read(text);
    assert_eq!(
        adapted.duplicate_hosts,
        Observed::Known(doubles.iter().map(|&d| d.to_owned()).collect())
    );
    assert_eq!(adapted.errors.len(), errors, "{:?}", adapted.errors);
}

#[rstest]
#[case("redir /a /b", "/a", &["/b"])]
#[case("root * /srv", "*", &["/srv"])]
#[case("root /srv", "", &["/srv"])]
#[case("tls /a.crt /a.pem", "", &["/a.crt", "/a.pem"])]
#[case("respond @x ok 200", "@x", &["ok", "200"])]
#[case("@x path /a", "", &["path", "/a"])]
fn a_matcher_is_told_from_arguments(
    #[case] line: &str,
    #[case] matcher: &str,
    #[case] args: &[&str],
) {
    let adapted = read(&format!("a.com {{\n\t{line}\n}}\n"));
    let directive = &sites(&adapted)[0].directives.known().unwrap()[0];
    assert_eq!((&*directive.matcher, directive.line), (matcher, 2));
    assert_eq!(directive.args, args);
}

#[test]
fn parsing_goes_on_after_a_mistake() {
    let adapted = read(
        "a.com{\n\trespond 1\n}\nencode gzip\nb.com {\n\thandle\n\t{\n\t\trespond 2\n\t}\n}\n}\nc.com {\n\trespond 3\n}\n",
    );
    let addresses: Vec<&str> = sites(&adapted).iter().map(|s| &*s.addresses[0]).collect();
    assert_eq!(addresses, ["a.com", "b.com", "c.com"]);
    let lines: Vec<u64> = adapted.errors.iter().map(|e| e.line).collect();
    assert_eq!(lines, [1, 4, 7, 11]);
}

#[rstest]
#[case::doubling(bomb(40, "import s{next}\n\timport s{next}"))]
#[case::doubling_empty(bomb(40, "import s{next} {args[0]}\n\timport s{next} x"))]
#[case::growing_text(bomb(40, "import s{next} {args[0]}{args[0]}{args[0]}{args[0]}"))]
#[case::doubling_words(bomb(40, "import s{next} {args[:]} {args[:]}"))]
fn a_file_written_to_explode_is_refused_quickly(#[case] text: String) {
    let limits = Limits::default();
    let started = std::time::Instant::now();
    let reason = parser::parse("/c", &text, &(), &limits).unwrap_err();
    assert_eq!(reason.kind, ReasonKind::CapReached);
    assert!(started.elapsed().as_secs() < 20);
}

fn bomb(depth: usize, body: &str) -> String {
    let mut text = String::new();
    for level in 0..depth {
        let body = body.replace("{next}", &(level + 1).to_string());
        text.push_str(&format!("(s{level}) {{\n\t{body}\n}}\n"));
    }
    text.push_str(&format!(
        "(s{depth}) {{\n\theader X \"{{args[0]}}\"\n}}\na.com {{\n\timport s0 0123456789\n}}\n"
    ));
    text
}

#[rstest]
#[case::blocks("a {\n".repeat(5000))]
#[case::braces("{ ".repeat(5000))]
#[case::snippet(format!("(s) {{\n{}", "x {\n".repeat(5000)))]
fn blocks_without_end_are_refused(#[case] text: String) {
    let reason = parser::parse("/c", &text, &(), &Limits::default()).unwrap_err();
    assert_eq!(reason.kind, ReasonKind::CapReached);
}

#[test]
fn imports_that_go_round_are_a_mistake() {
    let adapted = read("(a) {\n\timport b\n}\n(b) {\n\timport a\n}\nx.com {\n\timport a\n}\n");
    assert!(
        messages(&adapted)[0].contains("circle"),
        "{:?}",
        messages(&adapted)
    );
    let source = files(&[
        ("/c/x", "import x\n"),
        ("/c/y", "import ../c/config\n"),
        ("/c/config", "import y\n"),
    ]);
    let adapted = read_with("import x\nimport y\n", &source);
    assert!(messages(&adapted).iter().all(|m| m.contains("circle")));
    assert!(!adapted.errors.is_empty());
}

#[test]
fn a_lot_of_anything_is_read_in_time() {
    for piece in [
        "{",
        "}",
        "{}",
        "a,",
        "\\",
        "<<E\n",
        "{$",
        "{$A}",
        "{args[0]}",
        "\"",
        "`",
        "# \n",
        "a b {\n}\n",
        "(a) {\n}\n",
        "import a\n",
        "@",
    ] {
        let text = piece.repeat((1 << 18) / piece.len());
        let started = std::time::Instant::now();
        if let Ok(parsed) = parser::parse("/c", &text, &(), &Limits::default()) {
            let _ = adapt(&parsed, &Limits::default());
        }
        assert!(started.elapsed().as_secs() < 30, "{piece:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_without_panic(words in proptest::collection::vec(word(), 0..40)) {
        let text: String = words.concat();
        let limits = Limits::default();
        if let Ok(parsed) = parser::parse("/c", &text, &Closed, &limits) {
            let _ = adapt(&parsed, &limits);
        }
    }

    #[test]
    fn written_sites_come_back(hosts in proptest::collection::btree_set("[a-z]{1,8}\\.example\\.com", 1..8), port in 1u16..) {
        let text: String = hosts
            .iter()
            .map(|host| format!("{host} {{\n\treverse_proxy 10.0.2.5:{port}\n}}\n"))
            .collect();
        let adapted = read(&text);
        prop_assert_eq!(adapted.errors.len(), 0);
        prop_assert_eq!(adapted.hosts, Observed::Known(hosts.iter().cloned().collect::<Vec<_>>()));
        let lines: Vec<u64> = adapted.sites.known().unwrap().iter().map(|s| s.line).collect();
        let expected: Vec<u64> = (0..hosts.len()).map(|n| n as u64 * 3 + 1).collect();
        prop_assert_eq!(lines, expected);
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        " ",
        "\n",
        "\n",
        " {\n",
        "}\n",
        "{",
        "}",
        "{}",
        "a.com",
        ",",
        "import s ",
        "(s)",
        "&(r)",
        "(s) {\n",
        "reverse_proxy ",
        "handle ",
        "to ",
        "10.0.2.5:80",
        "http://",
        "{args[0]}",
        "{args[:]}",
        "{block}",
        "{blocks.x}",
        "{$A}",
        "{$",
        "\\",
        "\"",
        "`",
        "<<E\n",
        "E",
        "#",
        "@m",
        "invoke r\n",
        "dynamic a",
        "1-9",
        "header_up ",
        "-X",
        "storage ",
        "file_system ",
        "é",
    ])
}
