//! A part of an instance that its engine keeps: a device, or a setting. What may be changed is a
//! closed list of what no host is hurt by.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The kinds of devices that can be taken away.
const REMOVABLE: [&str; 3] = ["disk", "nic", "proxy"];
/// The disk without which there is no instance.
const ROOT: &str = "root";
/// The least memory with which a node still answers, in MiB.
const LEAST_MEMORY: u32 = 64;

/// Which part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The device of that name.
    Device(String),
    /// A setting.
    Setting(Setting),
}

/// A setting that may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// Whether it starts with its engine.
    #[serde(rename = "boot.autostart")]
    BootAutostart,
    /// How much memory it may have.
    #[serde(rename = "limits.memory")]
    LimitsMemory,
}

/// A key of a network card that may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CardKey {
    /// The IPv4 address that it is given for good.
    #[serde(rename = "ipv4.address")]
    Ipv4Address,
    /// The IPv6 address that it is given for good.
    #[serde(rename = "ipv6.address")]
    Ipv6Address,
}

/// How a part stands, by the words of the engine. Nobody but the engine and [`Change::of`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Stands {
    /// A device.
    Device(Device),
    /// A setting; none where the instance itself says nothing of it.
    Setting {
        /// Which.
        key: Setting,
        /// What the instance itself says.
        value: Option<String>,
    },
}

/// A device of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    name: String,
    /// What the instance itself says of it.
    own: Option<BTreeMap<String, String>>,
    /// Whether a profile gives one of that name, which stands where the instance says nothing.
    of_profile: bool,
}

/// A change of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Set(String, BTreeMap<CardKey, Option<IpAddr>>),
    Remove(String),
    Setting(Setting, Option<String>),
}

impl Change {
    /// Keys of a network card; none takes one away.
    ///
    /// # Errors
    /// When the name is none, nothing is set, or an address is of the other family.
    pub fn set_card(name: &str, keys: BTreeMap<CardKey, Option<IpAddr>>) -> Result<Self, String> {
        check_name(name)?;
        if keys.is_empty() {
            return Err("nothing is set".to_owned());
        }
        for (key, address) in &keys {
            let fits = match key {
                CardKey::Ipv4Address => address.is_none_or(|address| address.is_ipv4()),
                CardKey::Ipv6Address => address.is_none_or(|address| address.is_ipv6()),
            };
            if !fits {
                return Err(format!("an address of the other family for `{key}`"));
            }
        }
        Ok(Self(Kind::Set(name.to_owned(), keys)))
    }

    /// A device that is no more; the disk of the instance itself never.
    ///
    /// # Errors
    /// When the name is none, or `root`.
    pub fn remove_device(name: &str) -> Result<Self, String> {
        check_name(name)?;
        if name == ROOT {
            return Err("without `root` there is no instance".to_owned());
        }
        Ok(Self(Kind::Remove(name.to_owned())))
    }

    /// A setting; none takes it away.
    ///
    /// # Errors
    /// When it cannot have this value.
    pub fn set(key: Setting, value: Option<&str>) -> Result<Self, String> {
        let fits = match (key, value) {
            (_, None) | (Setting::BootAutostart, Some("true" | "false")) => true,
            (Setting::BootAutostart, Some(_)) => false,
            (Setting::LimitsMemory, Some(size)) => {
                let mib = size.strip_suffix("MiB").map(|mib| (mib, 1));
                let mib = mib.or_else(|| size.strip_suffix("GiB").map(|gib| (gib, 1024)));
                mib.is_some_and(|(number, times)| {
                    number.bytes().all(|b| b.is_ascii_digit())
                        && number
                            .parse::<u32>()
                            .is_ok_and(|number| number.saturating_mul(times) >= LEAST_MEMORY)
                })
            }
        };
        if !fits {
            return Err(match key {
                Setting::BootAutostart => {
                    "`boot.autostart` is \"true\", \"false\" or null".to_owned()
                }
                Setting::LimitsMemory => format!(
                    "`limits.memory` is a size such as \"512MiB\", {LEAST_MEMORY}MiB at least, or null"
                ),
            });
        }
        Ok(Self(Kind::Setting(key, value.map(str::to_owned))))
    }

    /// Which part it is about.
    pub fn part(&self) -> Part {
        match &self.0 {
            Kind::Set(name, _) | Kind::Remove(name) => Part::Device(name.clone()),
            Kind::Setting(key, _) => Part::Setting(*key),
        }
    }

    /// How the part stands after it.
    ///
    /// # Errors
    /// When it cannot be done to what stands there, or changes nothing.
    pub fn of(&self, before: &Stands) -> Result<Stands, String> {
        let after = match (&self.0, before) {
            (Kind::Set(name, keys), Stands::Device(device)) => {
                let own = own(device, name)?;
                if own.get("type").map(String::as_str) != Some("nic") {
                    return Err(format!("the device {name} is no network card"));
                }
                let mut own = own.clone();
                for (key, address) in keys {
                    match address {
                        Some(address) => own.insert(key.word().to_owned(), address.to_string()),
                        None => own.remove(key.word()),
                    };
                }
                Stands::Device(Device {
                    own: Some(own),
                    ..device.clone()
                })
            }
            (Kind::Remove(name), Stands::Device(device)) => {
                let own = own(device, name)?;
                let kind = own.get("type").map(String::as_str).unwrap_or_default();
                if !REMOVABLE.contains(&kind) || own.get("path").is_some_and(|path| path == "/") {
                    return Err(format!("a device like {name} is not taken away"));
                }
                // Else the profile's stands there instead.
                let none = BTreeMap::from([("type".to_owned(), "none".to_owned())]);
                Stands::Device(Device {
                    own: device.of_profile.then_some(none),
                    ..device.clone()
                })
            }
            (Kind::Setting(key, value), Stands::Setting { .. }) => Stands::Setting {
                key: *key,
                value: value.clone(),
            },
            (Kind::Set(..) | Kind::Remove(_), Stands::Setting { .. })
            | (Kind::Setting(..), Stands::Device(_)) => {
                return Err("that is another part".to_owned());
            }
        };
        if after == *before {
            return Err("it stands so already".to_owned());
        }
        Ok(after)
    }
}

/// What an instance itself says of a device.
fn own<'a>(device: &'a Device, name: &str) -> Result<&'a BTreeMap<String, String>, String> {
    match &device.own {
        Some(own) if device.name == name => Ok(own),
        _ => Err(format!("the instance has no device {name} of its own")),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len())
        && name.bytes().all(word)
        && name
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric)
    {
        Ok(())
    } else {
        Err(format!("{name:?} is not the name of a device"))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Setting {
    fn word(self) -> &'static str {
        match self {
            Self::BootAutostart => "boot.autostart",
            Self::LimitsMemory => "limits.memory",
        }
    }
}

impl CardKey {
    fn word(self) -> &'static str {
        match self {
            Self::Ipv4Address => "ipv4.address",
            Self::Ipv6Address => "ipv6.address",
        }
    }
}

impl Stands {
    /// Which part it is.
    pub fn part(&self) -> Part {
        match self {
            Self::Device(device) => Part::Device(device.name.clone()),
            Self::Setting { key, .. } => Part::Setting(*key),
        }
    }

    /// How a part stands in the engine's descriptions of an instance and its profiles; none when
    /// they cannot be read.
    pub(crate) fn read(instance: &Value, profiles: &[Value], part: &Part) -> Option<Self> {
        match part {
            Part::Device(name) => {
                let of_profile = profiles
                    .iter()
                    .map(|profile| Some(profile.get("devices")?.as_object()?.contains_key(name)))
                    .collect::<Option<Vec<bool>>>()?;
                let own = instance.get("devices")?.as_object()?.get(name).cloned();
                Some(Self::Device(Device {
                    name: name.clone(),
                    own: own.map(serde_json::from_value).transpose().ok()?,
                    of_profile: of_profile.contains(&true),
                }))
            }
            Part::Setting(key) => {
                let value = instance.get("config")?.as_object()?.get(key.word());
                let value = match value {
                    None => None,
                    Some(value) => Some(value.as_str()?.to_owned()),
                };
                Some(Self::Setting { key: *key, value })
            }
        }
    }

    /// The engine's description of an instance with the part as it stands here; none when it is no
    /// description.
    pub(crate) fn write(&self, instance: &Value) -> Option<Value> {
        let mut body = Map::new();
        for field in [
            "architecture",
            "config",
            "description",
            "devices",
            "ephemeral",
            "profiles",
        ] {
            body.insert(field.to_owned(), instance.get(field)?.clone());
        }
        let (field, name, value) = match self {
            Self::Device(device) => {
                let own = device.own.as_ref().map(serde_json::to_value);
                ("devices", device.name.as_str(), own.transpose().ok()?)
            }
            Self::Setting { key, value } => {
                ("config", key.word(), value.clone().map(Value::String))
            }
        };
        let parts = body.get_mut(field)?.as_object_mut()?;
        match value {
            Some(value) => parts.insert(name.to_owned(), value),
            None => parts.remove(name),
        };
        Some(Value::Object(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn instance() -> Value {
        json!({
            "architecture": "x86_64", "description": "", "ephemeral": false, "profiles": ["default"],
            "config": { "user.a": "b" },
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
        let changed = after.write(&instance()).unwrap();
        assert_eq!(changed.pointer(at), then.as_ref());
        assert_eq!(stands(&changed, &change), after);
        assert_eq!(after.part(), change.part());
        let mut whole = instance();
        whole.as_object_mut().unwrap().remove("name");
        assert_eq!(before.write(&changed).unwrap(), whole);
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
}
