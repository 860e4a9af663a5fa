use super::*;
use rstest::rstest;
use serde_json::json;

fn instance() -> Value {
    json!({
        "architecture": "x86_64", "description": "", "ephemeral": false, "profiles": ["default"],
        "config": { "user.a": "b", "volatile.eth0.hwaddr": "10:66:6a:00:00:01" },
        "devices": {
            "eth0": { "type": "nic", "network": "br0", "ipv4.address": "10.0.0.9" },
            "web": { "type": "proxy", "listen": "tcp:0.0.0.0:80", "connect": "tcp:127.0.0.1:80" },
            "other": { "type": "disk", "path": "/", "pool": "default" },
            "tty": { "type": "unix-char", "source": "/dev/ttyS0" },
        },
        "name": "lab-dns",
    })
}

fn profiles() -> [Value; 1] {
    [
        json!({ "devices": { "eth0": { "type": "nic" }, "eth1": { "type": "nic" }, "root": { "type": "disk", "path": "/" } } }),
    ]
}

fn stands(instance: &Value, change: &Change) -> Stands {
    Stands::read(instance, &profiles(), &change.part()).unwrap()
}

/// What the engine makes of a description: a card that is gone leaves nothing, and one without a
/// hardware address gets a new one where none was chosen in the time of the card.
fn engine(body: &Value) -> Value {
    let mut made = body.clone();
    let card = &body["devices"]["eth0"];
    let config = made["config"].as_object_mut().unwrap();
    if card["type"] != "nic" || card.get("hwaddr").is_some() {
        config.remove("volatile.eth0.hwaddr");
    } else {
        let new = json!("10:66:6a:00:00:02");
        config.entry("volatile.eth0.hwaddr").or_insert(new);
    }
    made
}

fn unset() -> Change {
    Change::set_card("eth0", BTreeMap::from([(CardKey::Ipv4Address, None)])).unwrap()
}

#[rstest]
#[case::an_address_is_unset(unset(), "/devices/eth0", Some(json!({ "type": "nic", "network": "br0" })))]
#[case::a_card_of_the_profile_too_is_masked(Change::remove_device("eth0").unwrap(), "/devices/eth0", Some(json!({ "type": "none" })))]
#[case::an_added_device_is_gone(Change::remove_device("web").unwrap(), "/devices/web", None)]
#[case::a_setting(Change::set(Setting::LimitsMemory, Some("1GiB")).unwrap(), "/config/limits.memory", Some(json!("1GiB")))]
fn a_change_is_one_of_the_part_alone_and_goes_back(
    #[case] change: Change,
    #[case] at: &str,
    #[case] then: Option<Value>,
) {
    let before = stands(&instance(), &change);
    let after = change.of(&before).unwrap();
    let changed = engine(&after.write(&instance()).unwrap());
    assert_eq!(changed.pointer(at), then.as_ref());
    assert_eq!(stands(&changed, &change), after);
    assert_eq!(after.part(), change.part());
    let mut whole = instance();
    whole.as_object_mut().unwrap().remove("name");
    let mut back = changed;
    for _ in 0..3 {
        back = engine(&before.write(&back).unwrap());
    }
    assert_eq!(back, whole);
}

#[rstest]
#[case::missing(Change::remove_device("gone"), "no device gone of its own")]
#[case::of_the_profile_alone(Change::set_card("eth1", BTreeMap::from([(CardKey::Ipv4Address, None)])), "no device eth1 of its own")]
#[case::the_disk_of_the_instance_by_another_name(
    Change::remove_device("other"),
    "is not taken away"
)]
#[case::a_device_of_the_host(Change::remove_device("tty"), "is not taken away")]
#[case::no_card(Change::set_card("web", BTreeMap::from([(CardKey::Ipv4Address, None)])), "no network card")]
#[case::nothing_to_unset(Change::set_card("eth0", BTreeMap::from([(CardKey::Ipv6Address, None)])), "so already")]
#[case::a_setting_that_nobody_set(Change::set(Setting::BootAutostart, None), "so already")]
fn what_cannot_be_done_says_why(#[case] change: Result<Change, String>, #[case] words: &str) {
    let change = change.unwrap();
    let why = change.of(&stands(&instance(), &change)).unwrap_err();
    assert!(why.contains(words), "{why}");
}

#[rstest]
#[case::root(Change::remove_device("root"))]
#[case::an_option(Change::remove_device("--force"))]
#[case::a_path(Change::remove_device("a/b"))]
#[case::nothing(Change::set_card("eth0", BTreeMap::new()))]
#[case::the_other_family(Change::set_card("eth0", BTreeMap::from([(CardKey::Ipv4Address, Some("fd00::1".parse().unwrap()))])))]
#[case::a_word(Change::set(Setting::BootAutostart, Some("sometimes")))]
#[case::too_little(Change::set(Setting::LimitsMemory, Some("63MiB")))]
#[case::a_sign(Change::set(Setting::LimitsMemory, Some("+512MiB")))]
#[case::a_percentage(Change::set(Setting::LimitsMemory, Some("50%")))]
fn what_could_hurt_is_no_change(#[case] change: Result<Change, String>) {
    assert!(change.is_err(), "{change:?}");
}

#[rstest]
#[case(json!({}))]
#[case(json!({ "devices": { "eth0": { "type": 7 } } }))]
#[case(json!({ "devices": [] }))]
fn what_is_no_description_says_nothing(#[case] instance: Value) {
    assert_eq!(Stands::read(&instance, &profiles(), &unset().part()), None);
    assert_eq!(
        Stands::read(&instance, &[], &Part::Setting(Setting::BootAutostart)),
        None
    );
}
