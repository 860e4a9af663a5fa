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
