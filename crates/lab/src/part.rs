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

/// What a description of an instance is replaced by.
const FIELDS: [&str; 6] = [
    "architecture",
    "config",
    "description",
    "devices",
    "ephemeral",
    "profiles",
];

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

/// How a part stands, by the words of the engine. Nobody makes one but the engine, [`Change::of`],
/// and the journal that has one of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands(How);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
enum How {
    Device(Device),
    /// No value where the instance itself says nothing of it.
    Setting {
        key: Setting,
        value: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    name: String,
    /// What the instance itself says of it.
    own: Option<BTreeMap<String, String>>,
    /// Whether a profile gives one of that name, which stands where the instance says nothing.
    of_profile: bool,
    /// The hardware address that the engine chose for a card.
    hwaddr: Option<String>,
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
        let after = match (&self.0, &before.0) {
            (Kind::Set(name, keys), How::Device(device)) => {
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
                How::Device(Device {
                    own: Some(own),
                    ..device.clone()
                })
            }
            (Kind::Remove(name), How::Device(device)) => {
                let own = own(device, name)?;
                let kind = own.get("type").map(String::as_str).unwrap_or_default();
                if !REMOVABLE.contains(&kind) || own.get("path").is_some_and(|path| path == "/") {
                    return Err(format!("a device like {name} is not taken away"));
                }
                // Else the profile's stands there instead.
                let none = BTreeMap::from([("type".to_owned(), "none".to_owned())]);
                How::Device(Device {
                    own: device.of_profile.then_some(none),
                    hwaddr: None,
                    ..device.clone()
                })
            }
            (Kind::Setting(key, value), How::Setting { .. }) => How::Setting {
                key: *key,
                value: value.clone(),
            },
            (Kind::Set(..) | Kind::Remove(_), How::Setting { .. })
            | (Kind::Setting(..), How::Device(_)) => {
                return Err("that is another part".to_owned());
            }
        };
        if after == before.0 {
            return Err("it stands so already".to_owned());
        }
        Ok(Stands(after))
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
        match &self.0 {
            How::Device(device) => Part::Device(device.name.clone()),
            How::Setting { key, .. } => Part::Setting(*key),
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
                Some(Self(How::Device(Device {
                    name: name.clone(),
                    own: own.map(serde_json::from_value).transpose().ok()?,
                    of_profile: of_profile.contains(&true),
                    hwaddr: chosen(instance, name).map(str::to_owned),
                })))
            }
            Part::Setting(key) => {
                let value = instance.get("config")?.as_object()?.get(key.word());
                let value = match value {
                    None => None,
                    Some(value) => Some(value.as_str()?.to_owned()),
                };
                Some(Self(How::Setting { key: *key, value }))
            }
        }
    }

    /// The engine's description of an instance with the part as it stands here, or one step nearer
    /// to that; none when it is no description.
    pub(crate) fn write(&self, instance: &Value) -> Option<Value> {
        let mut body = Map::new();
        for field in FIELDS {
            body.insert(field.to_owned(), instance.get(field)?.clone());
        }
        let mut put = |field: &str, key: &str, value: Option<Value>| {
            let all = body.get_mut(field)?.as_object_mut()?;
            match value {
                Some(value) => all.insert(key.to_owned(), value),
                None => all.remove(key),
            };
            Some(())
        };
        match &self.0 {
            How::Device(device) => {
                let mut own = device.own.clone();
                if let (Some(own), Some(hwaddr)) = (&mut own, &device.hwaddr)
                    && chosen(instance, &device.name) != Some(hwaddr)
                {
                    // The engine forgets what it chose with the card, and takes no choice with a
                    // new one. So the card gets it as a key first, and then it is the choice.
                    let key = instance.get("devices")?.get(&device.name);
                    let key = key.and_then(|device| device.get("hwaddr")?.as_str());
                    if key == Some(hwaddr) {
                        put("config", &choice(&device.name), Some(hwaddr.clone().into()))?;
                    } else {
                        own.insert("hwaddr".to_owned(), hwaddr.clone());
                    }
                }
                let own = own.map(serde_json::to_value).transpose().ok()?;
                put("devices", &device.name, own)?;
            }
            How::Setting { key, value } => {
                put("config", key.word(), value.clone().map(Value::String))?;
            }
        }
        Some(Value::Object(body))
    }
}

/// The setting in which the engine keeps the hardware address that it chose.
fn choice(device: &str) -> String {
    format!("volatile.{device}.hwaddr")
}

fn chosen<'a>(instance: &'a Value, device: &str) -> Option<&'a str> {
    instance.get("config")?.get(choice(device))?.as_str()
}

#[cfg(test)]
mod tests;
