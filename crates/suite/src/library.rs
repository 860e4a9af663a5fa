//! The library: all suites, profiles, sources and conflicts together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use runproof_model::Site;
use serde_json::{Map, Value};

use crate::conflicts::Conflicts;
use crate::diagnostic::{Diagnostic, Place, tidy};
use crate::input::given;
use crate::invariant::Invariant;
use crate::profile::{Parameter, Profile};
use crate::scenario::Scenario;
use crate::sources::Sources;
use crate::suite::Suite;
use crate::template::{Braces, Names, word};

/// The most invariants that a library may hold.
pub const MAX_INVARIANTS: usize = 2000;
/// The most profiles that may inherit from each other in a row.
const MAX_CHAIN: usize = 8;

/// A file of the library, by its path below the folder of suites: `botui.yaml`,
/// `profiles/incus.yaml`, `sources.yaml`, `conflicts.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path, with `/`; diagnostics name it.
    pub name: String,
    /// The content.
    pub text: Cow<'static, str>,
}

impl SourceFile {
    /// A file.
    pub fn new(name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// Whether a file of this path belongs to a library; schemas and other folders do not.
    pub fn belongs(name: &str) -> bool {
        name.ends_with(".yaml")
            && match name.rsplit_once('/') {
                None => true,
                Some((folder, _)) => folder == "profiles" || folder.ends_with("/profiles"),
            }
    }

    fn stem(&self) -> &str {
        let base = self.name.rsplit('/').next().unwrap_or_default();
        base.strip_suffix(".yaml").unwrap_or(base)
    }
}

/// A suite with its file.
#[derive(Debug)]
pub struct LoadedSuite {
    /// The file.
    pub file: SourceFile,
    /// The suite.
    pub suite: Suite,
}

/// A profile with its file.
#[derive(Debug)]
pub struct LoadedProfile {
    /// The file.
    pub file: SourceFile,
    /// The profile.
    pub profile: Profile,
}

/// All suites, profiles, sources and conflicts together.
#[derive(Debug)]
pub struct Library {
    suites: Vec<LoadedSuite>,
    profiles: BTreeMap<String, LoadedProfile>,
    sources_file: Option<SourceFile>,
    conflicts_file: Option<SourceFile>,
    // Large, and needed by `lint` and `explain` only.
    sources: OnceLock<Result<Sources, Vec<Diagnostic>>>,
    conflicts: OnceLock<Result<Conflicts, Vec<Diagnostic>>>,
}

impl Library {
    /// Reads files into a library. What is wrong in any of them is returned
    /// together, sorted; a library that was loaded can be bound, but only
    /// [`Library::lint`] knows whether its parts fit each other.
    pub fn load(files: Vec<SourceFile>) -> Result<Self, Vec<Diagnostic>> {
        let (library, diagnostics) = Self::read(files);
        if diagnostics.is_empty() {
            Ok(library)
        } else {
            Err(tidy(diagnostics))
        }
    }

    /// What can be read of some files, and what is wrong with them.
    pub(crate) fn read(files: Vec<SourceFile>) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut library = Self {
            suites: Vec::new(),
            profiles: BTreeMap::new(),
            sources_file: None,
            conflicts_file: None,
            sources: OnceLock::new(),
            conflicts: OnceLock::new(),
        };
        for file in files {
            let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            if folder == "profiles" || folder.ends_with("/profiles") {
                library.add_profile(file, &mut diagnostics);
            } else if file.stem() == "sources" {
                library.sources_file = Some(file);
            } else if file.stem() == "conflicts" {
                library.conflicts_file = Some(file);
            } else {
                library.add_suite(file, &mut diagnostics);
            }
        }
        library
            .suites
            .sort_by(|a, b| a.suite.suite.value.cmp(&b.suite.suite.value));
        library.unique(&mut diagnostics);
        library.inheritance(&mut diagnostics);
        (library, diagnostics)
    }

    /// How many files it holds.
    pub(crate) fn files(&self) -> usize {
        self.suites.len()
            + self.profiles.len()
            + usize::from(self.sources_file.is_some())
            + usize::from(self.conflicts_file.is_some())
    }

    /// The suites that are compiled into the binary.
    pub fn builtin() -> Result<Self, Vec<Diagnostic>> {
        Self::load(crate::builtin::files())
    }

    fn add_suite(&mut self, file: SourceFile, diagnostics: &mut Vec<Diagnostic>) {
        let Some(suite) = Suite::read(&file.name, &file.text, diagnostics) else {
            return;
        };
        if suite.suite.value != file.stem() {
            let message = format!(
                "the suite is called `{}`, its file `{}`: they must agree",
                suite.suite.value,
                file.stem()
            );
            diagnostics.push(Diagnostic::new(&file.name, suite.suite.place, message));
        }
        self.suites.push(LoadedSuite { file, suite });
    }

    fn add_profile(&mut self, file: SourceFile, diagnostics: &mut Vec<Diagnostic>) {
        let Some(profile) = Profile::read(&file.name, &file.text, diagnostics) else {
            return;
        };
        let name = profile.profile.clone();
        if name.value != file.stem() {
            let message = format!(
                "the profile is called `{}`, its file `{}`: they must agree",
                name.value,
                file.stem()
            );
            diagnostics.push(Diagnostic::new(&file.name, name.place, message));
        }
        if self.profiles.contains_key(&name.value) {
            let message = format!("there are two profiles `{}`", name.value);
            diagnostics.push(Diagnostic::new(&file.name, name.place, message));
            return;
        }
        self.profiles
            .insert(name.value, LoadedProfile { file, profile });
    }

    fn unique(&self, diagnostics: &mut Vec<Diagnostic>) {
        let mut suites: BTreeMap<&str, &str> = BTreeMap::new();
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        let mut count = 0;
        for LoadedSuite { file, suite } in &self.suites {
            if let Some(other) = suites.insert(&suite.suite.value, &file.name) {
                let message = format!("the suite `{}` is also in {other}", suite.suite.value);
                diagnostics.push(Diagnostic::new(&file.name, suite.suite.place, message));
            }
            count += suite.invariants.len();
            let named = suite
                .invariants
                .iter()
                .map(|invariant| &invariant.id)
                .chain(suite.scenarios.iter().map(|scenario| &scenario.id));
            for id in named {
                let here = format!("{}:{}", file.name, id.place.line);
                if let Some(other) = ids.insert(&id.value, here) {
                    let message = format!("the identifier `{}` is taken at {other}", id.value);
                    diagnostics.push(Diagnostic::new(&file.name, id.place, message));
                }
            }
            if count > MAX_INVARIANTS {
                let message = format!("more than {MAX_INVARIANTS} invariants");
                diagnostics.push(Diagnostic::new(&file.name, Place::START, message));
                return;
            }
        }
    }

    fn inheritance(&self, diagnostics: &mut Vec<Diagnostic>) {
        for LoadedProfile { file, profile } in self.profiles.values() {
            let Some(parent) = &profile.inherits else {
                continue;
            };
            if !self.profiles.contains_key(&parent.value) {
                let message = format!("there is no profile `{}`", parent.value);
                let help = crate::diagnostic::did_you_mean(parent, self.profile_names());
                diagnostics.push(Diagnostic::new(&file.name, parent.place, message).help(help));
                continue;
            }
            let mut at = &parent.value;
            for step in 0.. {
                if at == &profile.profile.value || step > MAX_CHAIN {
                    let message = format!(
                        "`{}` inherits from itself, or from too many",
                        profile.profile.value
                    );
                    diagnostics.push(Diagnostic::new(&file.name, parent.place, message));
                    break;
                }
                match self
                    .profiles
                    .get(at)
                    .and_then(|loaded| loaded.profile.inherits.as_ref())
                {
                    Some(next) => at = &next.value,
                    None => break,
                }
            }
        }
    }

    /// Every suite with its file, sorted by name.
    pub fn suites(&self) -> &[LoadedSuite] {
        &self.suites
    }

    /// Every invariant with its suite, in the order of suites and files.
    pub fn invariants(&self) -> impl Iterator<Item = (&Suite, &Arc<Invariant>)> {
        self.suites.iter().flat_map(|loaded| {
            loaded
                .suite
                .invariants
                .iter()
                .map(|invariant| (&loaded.suite, invariant))
        })
    }

    /// Every scenario with its suite, likewise.
    pub fn scenarios(&self) -> impl Iterator<Item = (&Suite, &Scenario)> {
        self.suites.iter().flat_map(|loaded| {
            loaded
                .suite
                .scenarios
                .iter()
                .map(|scenario| (&loaded.suite, scenario))
        })
    }

    /// The invariant of that identifier, with its suite.
    pub fn invariant(&self, id: &str) -> Option<(&Suite, &Arc<Invariant>)> {
        self.invariants()
            .find(|(_, invariant)| invariant.id.value == id)
    }

    /// The names of all profiles, sorted.
    pub fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The profile of that name, as its file has it.
    pub fn profile(&self, name: &str) -> Option<&LoadedProfile> {
        self.profiles.get(name)
    }

    /// A profile and those it inherits from, nearest first; empty for an unknown one.
    pub fn chain(&self, name: &str) -> Vec<&Profile> {
        let mut chain = Vec::new();
        let mut next = self.profiles.get(name);
        while let Some(loaded) = next
            && chain.len() <= MAX_CHAIN
        {
            chain.push(&loaded.profile);
            next = loaded
                .profile
                .inherits
                .as_ref()
                .and_then(|parent| self.profiles.get(&parent.value));
        }
        chain
    }

    /// The parameter as a profile has it, its own or inherited.
    pub fn parameter(&self, profile: &str, name: &str) -> Option<&Parameter> {
        self.chain(profile)
            .into_iter()
            .find_map(|profile| profile.parameters.get(name))
    }

    /// All parameters of a profile, inherited ones included, as an object.
    pub fn parameters(&self, profile: &str) -> Value {
        let mut map = Map::new();
        for profile in self.chain(profile).into_iter().rev() {
            for (name, parameter) in profile.parameters.iter() {
                map.insert(name.value.clone(), parameter.value.to_json());
            }
        }
        Value::Object(map)
    }

    /// A text of a scenario with its templates filled in for a site; one without a value stays as
    /// it is written.
    pub fn fill(&self, site: &Site, text: &str) -> String {
        let declared = self.suites.iter().flat_map(|loaded| {
            let inputs = loaded.suite.inputs.iter();
            inputs.map(|(name, input)| (name.as_str(), input))
        });
        let (inputs, _) = given(declared, &site.inputs);
        let names = Names {
            profile_name: &site.profile,
            profile: &self.parameters(&site.profile),
            inputs: &inputs,
            site: &site.site,
            item: None,
        };
        match names.resolve(text, Braces::Text) {
            Ok(value) => word(&value),
            Err(_) => text.to_owned(),
        }
    }

    /// The roles that a profile knows, its own and inherited: required, then optional.
    pub fn roles(&self, profile: &str) -> (Vec<&str>, Vec<&str>) {
        let (mut required, mut optional) = (Vec::new(), Vec::new());
        for profile in self.chain(profile) {
            required.extend(profile.roles.required.iter().map(|role| role.as_str()));
            optional.extend(profile.roles.optional.iter().map(|role| role.as_str()));
        }
        (required, optional)
    }

    /// Whether an invariant is one of a profile's: listed for it, or for one it inherits from.
    pub fn applies(&self, invariant: &Invariant, profile: &str) -> bool {
        self.chain(profile).iter().any(|member| {
            invariant
                .profiles
                .iter()
                .any(|name| name.value == member.profile.value)
        })
    }

    /// What is wrong with the ledger and the conflicts, where the library brings them or
    /// something in it referred to them: reading the compiled-in ones takes longer than all else.
    pub(crate) fn mistakes_of_documents(&self) -> Vec<&[Diagnostic]> {
        let mut mistakes = Vec::new();
        if (self.sources_file.is_some() || self.sources.get().is_some())
            && let Err(found) = self.sources()
        {
            mistakes.push(found);
        }
        if (self.conflicts_file.is_some() || self.conflicts.get().is_some())
            && let Err(found) = self.conflicts()
        {
            mistakes.push(found);
        }
        mistakes
    }

    /// The ledger of the documents; of the compiled-in suites when the library brings none.
    pub fn sources(&self) -> Result<&Sources, &[Diagnostic]> {
        self.sources
            .get_or_init(|| match &self.sources_file {
                Some(file) => Sources::read(&file.name, &file.text),
                None => Sources::read("sources.yaml", crate::builtin::SOURCES),
            })
            .as_ref()
            .map_err(Vec::as_slice)
    }

    /// The disagreements of the documents, likewise.
    pub fn conflicts(&self) -> Result<&Conflicts, &[Diagnostic]> {
        self.conflicts
            .get_or_init(|| match &self.conflicts_file {
                Some(file) => Conflicts::read(&file.name, &file.text),
                None => Conflicts::read("conflicts.yaml", crate::builtin::CONFLICTS),
            })
            .as_ref()
            .map_err(Vec::as_slice)
    }
}
