use proptest::prelude::*;

use super::*;

const PROC: &str = "==> /proc/net/dev <==
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0: 319363811    9633    0    0    0     0          0         0   623473    6030    0    0    0     0       0          0

==> /proc/net/route <==
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0

==> /proc/net/if_inet6 <==
fd000000000000000000000000000002 04 40 00 82     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo

==> /proc/net/ipv6_route <==
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo

==> /proc/sys/net/ipv6/conf/all/disable_ipv6 <==
0

==> flags <==
eth0 0x1003
lo 0x9
";

fn v4(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn checked(network: &Network) {
    assert_eq!(network.interfaces.known().unwrap(), &["lo", "eth0"]);
    assert_eq!(network.up.get("eth0"), Some(&true));
    let ipv4 = network.ipv4.known().unwrap();
    assert_eq!(
        (ipv4[1].addr, ipv4[1].prefix, ipv4[1].interface.as_str()),
        (v4("10.0.2.5"), 24, "eth0")
    );
    assert_eq!(ipv4[0].interface, "lo");
    assert_eq!(ipv4.len(), 2);
    let default = &network.default_v4.known().unwrap()[0];
    assert_eq!(default.gateway, Some(v4("10.0.2.1")));
    assert_eq!(
        network.default_v6.known().unwrap()[0].gateway,
        Some(v4("fd00::1"))
    );
    assert_eq!(network.ipv6_disabled, Observed::Known(false));
    assert!(network.ipv6.known().unwrap()[0].global);
}

#[test]
fn a_network_is_read_with_ip() {
    let text = format!(
        "{PROC}\n==> ip <==\n1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n12: eth0@if13    inet 10.0.2.5/24 brd 10.0.2.255 scope global eth0\\       valid_lft forever\n\n==> ip-done <==\n\n==> end <==\n"
    );
    checked(&parse(&text).unwrap());
}

#[test]
fn a_network_is_read_without_ip() {
    let text = format!(
        "{PROC}\n==> /proc/net/fib_trie <==\nMain:\n  +-- 0.0.0.0/0 3 0 4\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n        +-- 127.0.0.0/31 1 0 0\n           |-- 127.0.0.0\n              /8 host LOCAL\n           |-- 127.0.0.1\n              /32 host LOCAL\n           |-- 10.0.2.5\n              /32 host LOCAL\n           |-- 10.0.2.255\n              /32 link BROADCAST\n\n==> end <==\n"
    );
    checked(&parse(&text).unwrap());
}

#[test]
fn a_kernel_without_ipv6_has_none() {
    let text = "==> /proc/net/dev <==\n  lo: 1\n==> /proc/net/route <==\nIface\n\nhead: cannot open '/proc/net/if_inet6' for reading: No such file or directory\nhead: cannot open '/proc/net/ipv6_route' for reading: No such file or directory\n==> ip <==\nsomething broke\n==> end <==\n";
    let network = parse(text).unwrap();
    assert_eq!(network.ipv6, Observed::Absent);
    assert_eq!(network.default_v6, Observed::Absent);
    assert_eq!(network.default_v4, Observed::Known(vec![]));
    assert!(matches!(network.ipv4, Observed::Unknown(_)));
}

#[test]
fn the_real_look_answers_here() {
    let Ask::Run(command) = ask() else {
        panic!("not a command")
    };
    let out = std::process::Command::new("sh")
        .args(["-c", command.text, command.name])
        .output()
        .unwrap();
    let network = parse(&String::from_utf8_lossy(&out.stdout)).unwrap();
    assert!(
        network
            .interfaces
            .known()
            .unwrap()
            .contains(&"lo".to_owned())
    );
    assert!(network.default_v4.known().is_some());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(==> /proc/net/(dev|route|if_inet6|ipv6_route|fib_trie) <==\n)?[ -~\n]{0,200}") {
        let _ = parse(&format!("==> /proc/net/dev <==\n lo: 1\n{text}\n==> end <==\n"));
        let _ = parse(&text);
    }
}
