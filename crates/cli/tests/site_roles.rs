//! The nodes beyond the first three: what each of them serves is green, and red when it is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use common::{Engine, TestSite};

#[test]
fn on_incus_the_runner_the_database_and_the_name_server_are_judged_for_real() {
    let site = TestSite::up(
        Engine::Incus,
        "incus",
        &["system", "alm-ci", "tables", "dns"],
    );
    let red = || {
        // The site has no proxy and no drive, which is an error in the suites that ask for them.
        let checked = site.check(&[
            "--suite", "ct", "--suite", "glibc", "--suite", "net", "--suite", "path",
        ]);
        assert_eq!(checked.roots("error"), Vec::<String>::new());
        (checked.roots("fail"), checked)
    };
    let (fails, green) = red();
    assert_eq!(fails, Vec::<String>::new());
    assert_eq!(green.code, 0, "{}", green.stderr);
    for id in [
        "glibc-runner-newer-than-system",
        "ct-alm-ci-runner",
        "ct-tables-postgres-5432",
        "ct-dns-coredns-53",
    ] {
        assert_eq!(green.finding(id)["verdict"], "pass", "{id}");
    }

    site.sh("alm-ci", "systemctl stop forgejo-runner");
    site.sh("tables", "systemctl stop postgresql@15-main");
    site.sh("dns", "systemctl stop dns");
    let (fails, checked) = red();
    assert_eq!(
        fails,
        [
            "ct-alm-ci-runner@alm-ci",
            "ct-dns-coredns-53@dns",
            "ct-tables-postgres-5432@tables"
        ]
    );
    assert_eq!(checked.code, 1);
    assert!(
        checked
            .message("ct-alm-ci-runner")
            .contains("runner.count is 0"),
        "{}",
        checked.message("ct-alm-ci-runner")
    );
    site.sh("alm-ci", "systemctl start forgejo-runner");
    site.sh("tables", "systemctl start postgresql@15-main");
    site.sh("dns", "systemctl start dns; sleep 1");

    // A runner that is open to the network.
    site.sh(
        "alm-ci",
        "cp /opt/gbo/bin/forgejo-runner /opt/gbo/bin/minio; systemd-run -q /opt/gbo/bin/minio server /opt/gbo/data --address :8088; sleep 1",
    );
    let (fails, checked) = red();
    assert_eq!(fails, ["ct-alm-ci-runner@alm-ci"]);
    assert!(
        checked.message("ct-alm-ci-runner").contains("0.0.0.0"),
        "{}",
        checked.message("ct-alm-ci-runner")
    );
}

/// Whoever reads nothing but states is given them from the manager's list; what that does not
/// hold is shown. Both have to say the same of every unit.
#[test]
fn on_incus_the_states_of_units_are_those_that_the_manager_shows() {
    let site = TestSite::up(Engine::Incus, "incus", &["tables"]);
    let listed = site.sh(
        "tables",
        "systemctl list-unit-files --no-legend --no-pager | cut -d' ' -f1 | grep -v '@\\.' | head -60",
    );
    // One that no file makes, another name of one, and one that is not there.
    let more = [
        "-.mount",
        "dbus-org.freedesktop.login1.service",
        "nothing.service",
    ];
    let units: Vec<&str> = listed.lines().chain(more).collect();
    let suites = site.folder.path().join("suites");
    std::fs::create_dir_all(suites.join("profiles")).unwrap();
    let mut suite = String::from("suite: states\ninvariants:\n");
    for (at, unit) in units.iter().enumerate() {
        let shown = site.sh(
            "tables",
            &format!("systemctl show --value -p LoadState,ActiveState,SubState -- '{unit}'"),
        );
        let mut words = shown.split_whitespace();
        let mut word = || words.next().unwrap().to_owned();
        let (load, active, sub) = (word(), word(), word());
        let expect = if load == "not-found" {
            "!u.exists".to_owned()
        } else {
            format!(
                "u.load_state == \"{load}\" && u.active_state == \"{active}\" && u.sub_state == \"{sub}\""
            )
        };
        suite.push_str(&format!(
            "  - id: unit-{at}\n    title: a unit\n    profiles: [states]\n    severity: low\n    on: tables\n    facts: {{ u: {{ unit: '{unit}' }} }}\n    expect: '{expect}'\n    why: compared with what the manager shows\n    sources: []\n"
        ));
    }
    std::fs::write(suites.join("states.yaml"), suite).unwrap();
    std::fs::write(
        suites.join("profiles/states.yaml"),
        "profile: states\ntitle: one node\nundocumented: a comparison\nroles:\n  required: [tables]\n  optional: []\nparameters: {}\n",
    )
    .unwrap();
    let file = site.folder.path().join("states-site.yaml");
    std::fs::write(
        &file,
        format!(
            "site: states\nprofile: states\nreach: {{ engine: incus }}\nnodes: {{ tables: {} }}\n",
            site.node("tables")
        ),
    )
    .unwrap();
    let checked = site.check_as(&file, &["--suites", suites.to_str().unwrap()]);
    assert_eq!(checked.roots("fail"), Vec::<String>::new());
    assert_eq!(checked.roots("error"), Vec::<String>::new());
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let findings = checked.report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), units.len());
}

#[test]
fn on_incus_a_cache_in_a_container_of_its_own_is_green_there_and_red_when_it_is_gone() {
    let site = TestSite::up_with(
        Engine::Incus,
        "incus",
        &["system"],
        &["--with", "cache=own"],
    );
    let check = || site.check(&["--suite", "cache", "--suite", "fw", "--suite", "sugg"]);
    let green = check();
    assert_eq!(green.code, 0, "{}", green.stderr);
    assert_eq!(green.finding("ct-cache-valkey-6379")["verdict"], "pass");
    for id in [
        "ct-system-valkey-colocated",
        "cache-bind-loopback",
        "fw-6379-drop-external",
    ] {
        assert_eq!(green.finding(id)["verdict"], "skip", "{id}");
        assert!(green.message(id).contains("a container of its own"), "{id}");
    }
    // botserver found it where Vault says that it is.
    site.sh(
        "system",
        "grep 'Cache initialized - Valkey connected via .*:6379' /opt/gbo/logs/out.log | grep -v localhost",
    );

    site.sh("cache", "systemctl stop valkey-server");
    let gone = check();
    assert_eq!(gone.roots("fail"), ["ct-cache-valkey-6379@cache"]);
    assert_eq!(gone.code, 1);
}
