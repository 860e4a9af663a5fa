use proptest::prelude::*;
use rstest::rstest;
use runproof_model::Observed;

use super::packet::stranger;
use super::walk::{decide, dropping, loopback_accepted_first, named_sources};
use super::*;

macro_rules! corpus {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/corpora/iptables/",
            $name
        ))
    };
}

fn filter(rules: &str) -> String {
    format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}\nCOMMIT\n"
    )
}

fn local(port: u16) -> Packet {
    Packet {
        family: Family::V4,
        input: Link::Loopback,
        output: Link::Loopback,
        source: Some(0x7f00_0001),
        destinations: vec![0x7f00_0001],
        port: Some(port),
        local: true,
        stranger: false,
        tracked: true,
    }
}

fn foreign(port: u16, dump: &Dump) -> Packet {
    Packet {
        family: Family::V4,
        input: Link::Named("eth0".into()),
        output: Link::None,
        source: stranger(Family::V4, &named_sources(&[dump], Family::V4)),
        destinations: vec![0x0a00_0205],
        port: Some(port),
        local: false,
        stranger: true,
        tracked: true,
    }
}

fn said(dump: &Dump, packet: &Packet) -> String {
    let decision = decide(&[dump], packet);
    match decision.verdict {
        Observed::Known(verdict) => verdict.as_str().to_owned(),
        Observed::Absent => "absent".to_owned(),
        Observed::Unknown(_) => "unknown".to_owned(),
    }
}

fn clean(family: Family, text: &str) -> Dump {
    let dump = parse(family, text);
    assert_eq!(dump.errors, []);
    assert!(dump.tables.iter().all(|table| table.complete));
    dump
}

#[rstest]
#[case::nothing("", "accept", "accept")]
#[case::drop("-A INPUT -p tcp -m tcp --dport 6379 -j DROP", "drop", "drop")]
#[case::the_guide(
    "-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 6379 -j DROP",
    "accept",
    "drop"
)]
#[case::wrong_order(
    "-A INPUT -p tcp -m tcp --dport 6379 -j DROP\n-A INPUT -i lo -j ACCEPT",
    "drop",
    "drop"
)]
#[case::not_from_lo(
    "-A INPUT ! -i lo -p tcp -m tcp --dport 6379 -j DROP",
    "accept",
    "drop"
)]
#[case::old_negation("-A INPUT -i ! lo -p tcp --dport 6379 -j DROP", "accept", "drop")]
#[case::reject(
    "-A INPUT -p tcp --dport 6379 -j REJECT --reject-with tcp-reset",
    "reject",
    "reject"
)]
#[case::range("-A INPUT -p tcp --dport 6000:7000 -j DROP", "drop", "drop")]
#[case::open_range("-A INPUT -p tcp --dport 6379: -j DROP", "drop", "drop")]
#[case::range_below("-A INPUT -p tcp --dport :6378 -j DROP", "accept", "accept")]
#[case::multiport(
    "-A INPUT -p tcp -m multiport --dports 22,6000:6400 -j DROP",
    "drop",
    "drop"
)]
#[case::not_multiport(
    "-A INPUT -p tcp -m multiport ! --dports 22,80 -j DROP",
    "drop",
    "drop"
)]
#[case::other_protocol("-A INPUT -p udp --dport 6379 -j DROP", "accept", "accept")]
#[case::protocol_number("-A INPUT -p 6 --dport 6379 -j DROP", "drop", "drop")]
#[case::service_name("-A INPUT -p tcp --dport redis -j DROP", "drop", "drop")]
#[case::state_new(
    "-A INPUT -p tcp -m state --state NEW --dport 6379 -j DROP",
    "drop",
    "drop"
)]
#[case::established_first(
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -j DROP",
    "drop",
    "drop"
)]
#[case::not_established(
    "-A INPUT -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP",
    "drop",
    "drop"
)]
#[case::user_chain(
    ":c - [0:0]\n-A INPUT -j c\n-A c -i lo -j RETURN\n-A c -p tcp --dport 6379 -j DROP",
    "accept",
    "drop"
)]
#[case::goto(
    ":c - [0:0]\n-A INPUT -g c\n-A INPUT -j DROP\n-A c -i lo -j RETURN\n-A c -p tcp --dport 6379 -j REJECT",
    "accept",
    "reject"
)]
#[case::goto_returns_to_the_last_jump(
    ":a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A INPUT -j DROP\n-A a -g b\n-A a -j ACCEPT\n-A b -j RETURN",
    "drop",
    "drop"
)]
#[case::a_loop(":a - [0:0]\n-A INPUT -j a\n-A a -j a", "unknown", "unknown")]
#[case::source_of_loopback(
    "-A INPUT -s 127.0.0.0/8 -j ACCEPT\n-A INPUT -j DROP",
    "accept",
    "drop"
)]
#[case::inside_only(
    "-A INPUT -s 10.0.0.0/8 -p tcp --dport 6379 -j ACCEPT\n-A INPUT -p tcp --dport 6379 -j DROP",
    "drop",
    "drop"
)]
#[case::outside_only(
    "-A INPUT ! -s 127.0.0.1 -p tcp --dport 6379 -j DROP",
    "accept",
    "drop"
)]
#[case::both_halves_of_the_world(
    "-A INPUT -s 0.0.0.0/1 -j DROP\n-A INPUT -s 128.0.0.0/1 -j DROP",
    "drop",
    "unknown"
)]
#[case::to_this_node(
    "-A INPUT -d 10.0.2.5/32 -p tcp --dport 6379 -j DROP",
    "accept",
    "drop"
)]
#[case::to_another("-A INPUT -d 10.0.2.6/32 -j DROP", "accept", "accept")]
#[case::by_interface("-A INPUT -i eth+ -p tcp --dport 6379 -j DROP", "accept", "drop")]
#[case::by_another_interface("-A INPUT -i eth1 -p tcp --dport 6379 -j DROP", "accept", "accept")]
#[case::unknown_condition("-A INPUT -m frobnicate --frob 1 -j DROP", "unknown", "unknown")]
#[case::unknown_condition_on_a_log(
    "-A INPUT -m frobnicate --frob 1 -j LOG\n-A INPUT -j DROP",
    "drop",
    "drop"
)]
#[case::unknown_condition_without_effect(
    "-A INPUT -m frobnicate --frob 1 -j DROP\n-A INPUT -j DROP",
    "drop",
    "drop"
)]
#[case::unknown_condition_for_others(
    "-A INPUT -p udp -m frobnicate --frob 1 -j DROP",
    "accept",
    "accept"
)]
#[case::unknown_option("-A INPUT -p tcp --frob 1 -j DROP", "unknown", "unknown")]
#[case::unknown_target("-A INPUT -j FROBNICATE", "unknown", "unknown")]
#[case::queue(
    "-A INPUT -j NFQUEUE --queue-num 1 --queue-bypass",
    "unknown",
    "unknown"
)]
#[case::limit(
    "-A INPUT -m limit --limit 3/min -j ACCEPT\n-A INPUT -j DROP",
    "unknown",
    "unknown"
)]
#[case::leftover_words("-A INPUT frob -j DROP", "unknown", "unknown")]
#[case::marked(
    "-A INPUT -j MARK --set-xmark 0x1/0xff\n-A INPUT -m mark --mark 0x1/0x1 -j DROP",
    "drop",
    "drop"
)]
#[case::unmarked("-A INPUT -m mark --mark 0x1/0x1 -j DROP", "accept", "accept")]
#[case::perhaps_marked(
    "-A INPUT -m frob -j MARK --set-xmark 0x1\n-A INPUT -m mark --mark 0x1 -j DROP",
    "unknown",
    "unknown"
)]
#[case::syn("-A INPUT -p tcp --syn -j DROP", "drop", "drop")]
#[case::not_syn(
    "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP",
    "accept",
    "accept"
)]
#[case::fragments("-A INPUT -f -j DROP", "accept", "accept")]
#[case::local_addresses(
    "-A INPUT -m addrtype --src-type LOCAL -j ACCEPT\n-A INPUT -j DROP",
    "accept",
    "drop"
)]
#[case::not_local("-A INPUT -m addrtype ! --dst-type LOCAL -j DROP", "accept", "accept")]
#[case::iprange(
    "-A INPUT -m iprange --src-range 127.0.0.1-127.0.0.9 -j ACCEPT\n-A INPUT -j DROP",
    "accept",
    "drop"
)]
#[case::recent(
    "-A INPUT -p tcp --dport 6379 -m recent --update --seconds 60 --hitcount 4 --name x --mask 255.255.255.255 --rsource -j DROP",
    "unknown",
    "accept"
)]
#[case::banned_set("-A INPUT -m set --match-set bad src -j DROP", "unknown", "accept")]
#[case::set_of_ports(
    "-A INPUT -m set --match-set open dst -j ACCEPT\n-A INPUT -j DROP",
    "unknown",
    "unknown"
)]
#[case::source_rate(
    "-A INPUT -p tcp -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x -j DROP",
    "unknown",
    "accept"
)]
#[case::output("-A OUTPUT -o lo -p tcp --dport 6379 -j DROP", "drop", "accept")]
#[case::counters_in_front("[12:720] -A INPUT -j DROP", "drop", "drop")]
#[case::counters_behind("-A INPUT -c 1 2 -j DROP", "drop", "drop")]
#[case::attached("-A INPUT -ptcp --dport=6379 -jDROP", "drop", "drop")]
#[case::long_names(
    "--append INPUT --protocol tcp --destination-port 6379 --jump DROP",
    "drop",
    "drop"
)]
#[case::comment_with_words(
    r#"-A INPUT -m comment --comment "-j ACCEPT ! -i lo" -j DROP"#,
    "drop",
    "drop"
)]
#[case::comment_with_a_dash("-A INPUT -m comment --comment -x -j DROP", "drop", "drop")]
#[case::insert("-A INPUT -j DROP\n-I INPUT 1 -i lo -j ACCEPT", "accept", "drop")]
#[case::for_the_other_family("-6 -A INPUT -j DROP", "accept", "accept")]
fn a_packet_is_judged_as_the_kernel_would(
    #[case] rules: &str,
    #[case] at_lo: &str,
    #[case] outside: &str,
) {
    let dump = clean(Family::V4, &filter(rules));
    assert_eq!(said(&dump, &local(6379)), at_lo, "lo");
    assert_eq!(said(&dump, &foreign(6379, &dump)), outside, "outside");
}

#[rstest]
#[case::guide(corpus!("guide.v4"), 6379, "accept", "drop")]
#[case::guide_broken(corpus!("guide-broken.v4"), 6379, "drop", "drop")]
#[case::ufw_denied(corpus!("ufw.v4"), 6379, "accept", "drop")]
#[case::ufw_allowed(corpus!("ufw.v4"), 22, "accept", "accept")]
#[case::ufw_limited(corpus!("ufw.v4"), 2222, "accept", "accept")]
#[case::ufw_rejected(corpus!("ufw.v4"), 25, "accept", "reject")]
#[case::ufw_from_inside(corpus!("ufw.v4"), 5432, "accept", "drop")]
#[case::ufw_range(corpus!("ufw.v4"), 9005, "accept", "accept")]
#[case::ufw_default(corpus!("ufw.v4"), 8080, "accept", "drop")]
#[case::fail2ban(corpus!("fail2ban.v4"), 22, "accept", "accept")]
#[case::fail2ban_other(corpus!("fail2ban.v4"), 80, "accept", "accept")]
#[case::docker(corpus!("docker-incus.v4"), 6379, "accept", "accept")]
#[case::firewalld(corpus!("firewalld-iptables.v4"), 22, "accept", "accept")]
#[case::firewalld_closed(corpus!("firewalld-iptables.v4"), 6379, "accept", "reject")]
fn real_rule_sets_are_judged(
    #[case] text: &str,
    #[case] port: u16,
    #[case] at_lo: &str,
    #[case] outside: &str,
) {
    let dump = clean(Family::V4, text);
    assert_eq!(said(&dump, &local(port)), at_lo, "lo");
    assert_eq!(said(&dump, &foreign(port, &dump)), outside, "outside");
}

#[rstest]
#[case(corpus!("guide.v4"), true)]
#[case(corpus!("guide-broken.v4"), false)]
#[case(corpus!("ufw.v4"), true)]
#[case(corpus!("ufw.v6"), true)]
#[case(corpus!("fail2ban.v4"), false)]
#[case(corpus!("docker-incus.v4"), false)]
fn the_accept_of_lo_is_found(#[case] text: &str, #[case] first: bool) {
    let dump = clean(Family::V4, text);
    assert_eq!(loopback_accepted_first(&dump), Observed::Known(first));
}

#[test]
fn the_deciding_rule_is_named() {
    let dump = clean(Family::V4, corpus!("ufw.v4"));
    let decision = decide(&[&dump], &foreign(25, &dump));
    assert_eq!(
        decision.rule,
        Observed::Known(
            "-A ufw-user-input -p tcp --dport 25 -j REJECT --reject-with tcp-reset".into()
        )
    );
    assert_eq!(decision.position, Observed::Known(2));
    let decision = decide(&[&dump], &foreign(8080, &dump));
    assert_eq!(decision.rule, Observed::Known("policy".into()));
    assert_eq!(decision.position, Observed::Absent);
}

#[test]
fn both_backends_filter() {
    let nft = clean(Family::V4, &filter("-A INPUT -i lo -j ACCEPT"));
    let legacy = clean(Family::V4, &filter("-A INPUT -p tcp --dport 6379 -j DROP"));
    let decision = decide(&[&nft, &legacy], &local(6379));
    assert_eq!(decision.verdict, Observed::Known(walk::Verdict::Drop));
}

#[test]
fn a_redirected_packet_is_not_guessed() {
    let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 8080\n-A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.2.6:81\nCOMMIT\n";
    let dump = clean(Family::V4, text);
    assert_eq!(said(&dump, &local(80)), "unknown");
    assert_eq!(said(&dump, &local(81)), "accept");
    assert_eq!(said(&dump, &foreign(81, &dump)), "unknown");
    assert_eq!(said(&dump, &foreign(80, &dump)), "accept");
}

#[test]
fn dropping_rules_are_listed_with_the_way_to_them() {
    let dump = clean(Family::V4, corpus!("ufw.v4"));
    let found = dropping(&dump, 100).unwrap();
    let text: Vec<_> = found
        .iter()
        .map(|d| format!("{} {} {}", d.position, d.rule.ports, d.rule.text))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
    assert_eq!(dropping(&dump, 2), None);
}

#[rstest]
#[case::nft(corpus!("zoo.v4"))]
#[case::legacy(corpus!("zoo-legacy.v4"))]
fn every_rule_of_the_zoo_is_read_and_normalised(#[case] text: &str) {
    let dump = clean(Family::V4, text);
    // A rule that is printed and read again is the same rule.
    for table in &dump.tables {
        for chain in &table.chains {
            for rule in &chain.rules {
                let declared: String = table
                    .chains
                    .iter()
                    .map(|c| format!(":{} - [0:0]\n", c.name))
                    .collect();
                let again = clean(
                    Family::V4,
                    &format!("*{}\n{declared}{}\nCOMMIT\n", table.name, rule.text),
                );
                let again = &again.tables[0].chain(&chain.name).unwrap().rules[0];
                assert_eq!((&again.key, &again.text), (&rule.key, &rule.text));
                assert_eq!(again.target, rule.target);
                assert!(
                    !matches!(rule.target, Target::Elsewhere(_))
                        || rule.text.contains("QUEUE")
                        || rule.text.contains("SYNPROXY")
                        || rule.text.contains("CONNMARK"),
                    "{}",
                    rule.text
                );
            }
        }
    }
}

#[test]
fn the_zoo_looks_like_this() {
    let dump = clean(Family::V4, corpus!("zoo.v4"));
    let mut text = String::new();
    for table in &dump.tables {
        for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
            let opaque = rule
                .matches
                .iter()
                .any(|m| m.condition == Condition::Opaque);
            let mark = if opaque { "?" } else { " " };
            text.push_str(&format!("{mark} {} {}\n", table.name, rule.text));
        }
    }
    insta::assert_snapshot!(text);
}

#[rstest]
#[case("-A INPUT -s 10.1.2.3 -j DROP", "-A INPUT -s 10.1.2.3/32 -j DROP")]
#[case(
    "-A INPUT -s 10.1.2.3/255.255.0.0 -j DROP",
    "-A INPUT -s 10.1.0.0/16 -j DROP"
)]
#[case("-A INPUT -s 0.0.0.0/0 -j DROP", "-A INPUT -j DROP")]
#[case(
    "-A INPUT -p tcp -m tcp --dport 22 -j DROP",
    "-A INPUT -p tcp --dport ssh -j DROP"
)]
#[case("-A INPUT -m comment --comment \"x y\" -j DROP", "-A INPUT -j DROP")]
#[case(
    "-A INPUT -j REJECT --reject-with icmp-port-unreachable",
    "-A INPUT -j REJECT"
)]
#[case(
    "-A INPUT -p tcp --syn -j DROP",
    "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"
)]
#[case(
    "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT",
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
)]
#[case("-A INPUT -j ACCEPT -i lo", "-A INPUT -i lo -j ACCEPT")]
#[case("-A INPUT ! -i lo -j DROP", "-A INPUT -i ! lo -j DROP")]
#[case(
    "-A INPUT -p icmp --icmp-type echo-request -j DROP",
    "-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP"
)]
#[case(
    "-A INPUT -p tcp --sport 1 --dport 2 -j DROP",
    "-A INPUT -p tcp -m tcp --dport 2 --sport 1 -j DROP"
)]
fn two_spellings_of_a_rule_are_one(#[case] one: &str, #[case] other: &str) {
    let key = |text: &str| {
        let dump = clean(Family::V4, &filter(text));
        dump.tables[0].chains[0].rules[0].key.clone()
    };
    assert_eq!(key(one), key(other));
}

#[rstest]
#[case::no_table("-A INPUT -j DROP\n")]
#[case::no_commit("*filter\n*nat\nCOMMIT\n")]
#[case::garbage("*filter\nhello world\nCOMMIT\n")]
#[case::open_quote("*filter\n-A INPUT -m comment --comment \"x -j DROP\nCOMMIT\n")]
#[case::twice("*filter\nCOMMIT\n*filter\nCOMMIT\n")]
fn broken_lines_are_told(#[case] text: &str) {
    assert_ne!(parse(Family::V4, text).errors, []);
}

#[test]
fn a_cut_dump_is_not_complete() {
    let dump = parse(Family::V4, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo");
    assert!(!dump.tables[0].complete);
}

#[test]
fn chains_that_multiply_do_not_hang() {
    let mut text = String::from("*filter\n:INPUT ACCEPT [0:0]\n");
    for n in 0..40 {
        text.push_str(&format!(":c{n} - [0:0]\n"));
    }
    text.push_str("-A INPUT -j c0\n");
    for n in 0..39 {
        let next = n + 1;
        text.push_str(&format!("-A c{n} -j c{next}\n-A c{n} -j c{next}\n"));
    }
    text.push_str("COMMIT\n");
    let dump = clean(Family::V4, &text);
    assert_eq!(said(&dump, &local(1)), "unknown");
}

#[test]
fn what_the_tool_cannot_show_is_noticed() {
    let dump = parse(Family::V4, corpus!("native-ip-filter.v4"));
    assert_eq!(dump.incompatible, ["filter"]);
}

#[test]
fn a_stranger_is_nobody_that_the_rules_name() {
    assert_eq!(stranger(Family::V4, &[]), Some(1 << 24));
    let all_low = (0, 0x7fff_ffff);
    assert_eq!(stranger(Family::V4, &[all_low]), Some(0x8000_0000));
    assert_eq!(stranger(Family::V4, &[(0, 0xffff_ffff)]), None);
    assert_eq!(stranger(Family::V6, &[]), Some(0x2000 << 112));
    assert_eq!(stranger(Family::V6, &[(0, u128::MAX)]), None);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(\\*filter\n)?([-:!a-zA-Z0-9 /.,\"\\\\\n]{0,200})") {
        let dump = parse(Family::V4, &text);
        let _ = decide(&[&dump], &local(80));
        let _ = parse(Family::V6, &text);
    }

    #[test]
    fn any_words_of_a_rule_are_read_without_panic(words in proptest::collection::vec(
        prop_oneof![
            Just("!"), Just("-i"), Just("-s"), Just("-p"), Just("tcp"), Just("-m"), Just("multiport"),
            Just("--dport"), Just("--dports"), Just("1:2"), Just("-j"), Just("DROP"), Just("-g"),
            Just("--ctstate"), Just("NEW"), Just("-c"), Just("0"), Just("--match-set"), Just("\"\""),
            Just("--mark"), Just("0x1/0x2"), Just("--tcp-flags"), Just("-"), Just("--"), Just("é"), Just("-é"),
        ], 0..12)) {
        let text = filter(&format!("-A INPUT {}", words.join(" ")));
        let dump = parse(Family::V4, &text);
        let _ = decide(&[&dump], &foreign(80, &dump));
    }
}

/// Each of these took minutes when every line looked at all lines before it.
#[rstest]
#[case::many_inserted(format!("*filter\n{}COMMIT\n", "-I A\n".repeat(150_000)))]
#[case::many_chains(format!("*filter\n{}COMMIT\n", (0..150_000).map(|n| format!(":c{n} - [0:0]\n")).collect::<String>()))]
#[case::many_tables((0..200_000).map(|n| format!("*t{n}\n")).collect::<String>())]
#[case::many_extensions(format!("*filter\n-A A {}\nCOMMIT\n", "-m x --dport 1 ".repeat(60_000)))]
fn hostile_rule_sets_do_not_take_long(#[case] text: String) {
    let start = std::time::Instant::now();
    let _ = parse(Family::V4, &text);
    assert!(start.elapsed().as_secs() < 20);
}
