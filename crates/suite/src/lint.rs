//! Lint: whether the parts of a library fit each other, before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::observed::ABSENT_KEY;
use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, Place, did_you_mean, tidy};
use crate::expr::{ExprError, Scope, Type};
use crate::expression::Expression;
use crate::invariant::{ALL, Invariant, MAX_ITEMS};
use crate::library::{Library, LoadedSuite, SourceFile};
use crate::query::Unresolved;
use crate::template::{Braces, Names};
use crate::yaml::NodeKind;

mod scenario;

pub use scenario::{TriedScenario, tried};

impl Library {
    /// Everything that does not fit: names of profiles, roles, sources,
    /// parameters, inputs and identifiers that nobody knows, queries that cannot
    /// be used and expressions that cannot be meant, tried once for every
    /// profile. A typo can never pass. Sorted; empty when all is well.
    pub fn lint(&self) -> Vec<Diagnostic> {
        let mut lint = Lint {
            library: self,
            diagnostics: Vec::new(),
            roles: self
                .profile_names()
                .flat_map(|name| {
                    let (required, optional) = self.roles(name);
                    required.into_iter().chain(optional)
                })
                .collect(),
            ids: self
                .suites()
                .iter()
                .flat_map(|loaded| loaded.suite.ids.iter().map(String::as_str))
                .collect(),
        };
        lint.profiles();
        for loaded in self.suites() {
            lint.suite(loaded);
        }
        lint.shared_inputs();
        lint.circles();
        for mistakes in self.mistakes_of_documents() {
            lint.diagnostics.extend_from_slice(mistakes);
        }
        tidy(lint.diagnostics)
    }

    /// Everything that is wrong in some files: what [`Library::load`] says of
    /// them and, where they can be read at all, what [`Library::lint`] says too.
    pub fn lint_files(files: Vec<SourceFile>) -> Vec<Diagnostic> {
        let count = files.len();
        let (library, mut diagnostics) = Self::read(files);
        // A file that is missing would be missed by all that refer to it.
        if library.files() == count {
            diagnostics.extend(library.lint());
        }
        tidy(diagnostics)
    }
}

struct Lint<'a> {
    library: &'a Library,
    diagnostics: Vec<Diagnostic>,
    roles: BTreeSet<&'a str>,
    ids: BTreeSet<&'a str>,
}

impl<'a> Lint<'a> {
    fn say(&mut self, file: &str, place: Place, message: String, help: Option<String>) {
        self.diagnostics
            .push(Diagnostic::new(file, place, message).help(help));
    }

    fn profiles(&mut self) {
        for name in self.library.profile_names() {
            let Some(loaded) = self.library.profile(name) else {
                continue;
            };
            for (_, parameter) in loaded.profile.parameters.iter() {
                if let Some(conflict) = &parameter.conflict
                    && let Ok(conflicts) = self.library.conflicts()
                    && conflicts.conflict(conflict).is_none()
                {
                    let known = conflicts.conflicts.iter().map(|c| c.id.as_str());
                    let help = did_you_mean(conflict, known);
                    self.say(
                        &loaded.file.name,
                        conflict.place,
                        format!("there is no conflict `{}`", conflict.value),
                        help,
                    );
                }
            }
        }
    }

    fn role(&mut self, file: &str, role: &str, place: Place) {
        if !self.roles.contains(role) {
            let help = did_you_mean(role, self.roles.iter().copied());
            self.say(
                file,
                place,
                format!("no profile knows the role `{role}`"),
                help,
            );
        }
    }

    fn source(&mut self, file: &str, source: &str, place: Place) {
        if let Ok(sources) = self.library.sources()
            && !sources.keys().contains(source)
        {
            let known = sources.keys().iter().map(String::as_str);
            let help = did_you_mean(source, known).or_else(|| {
                let doc = source.split('/').next().unwrap_or_default();
                let begins = format!("{doc}/");
                let any = sources.keys().iter().any(|key| key.starts_with(&begins));
                (!any).then(|| format!("there is no document `{doc}`"))
            });
            let message = format!("no statement of the ledger has the source `{source}`");
            self.say(file, place, message, help);
        }
    }

    fn known_id(&mut self, file: &str, id: &str, place: Place) {
        if !self.ids.contains(id) {
            let help = did_you_mean(id, self.ids.iter().copied());
            self.say(file, place, format!("there is no invariant `{id}`"), help);
        }
    }

    fn suite(&mut self, loaded: &'a LoadedSuite) {
        let file = loaded.file.name.as_str();
        let suite = &loaded.suite;
        for scenario in &suite.scenarios {
            self.scenario(loaded, scenario);
        }
        for invariant in &suite.invariants {
            self.names(file, invariant);
            for profile in self.library.profile_names() {
                if self.library.applies(invariant, profile) {
                    self.tried(loaded, invariant, profile);
                }
            }
        }
    }

    /// No sources are allowed where no profile of an invariant claims a document.
    fn undocumented(&mut self, file: &str, invariant: &Invariant) {
        let claims = |name: &str| {
            let loaded = self.library.profile(name);
            loaded.is_none_or(|loaded| loaded.profile.undocumented.is_none())
        };
        if invariant.sources.is_empty()
            && let Some(profile) = invariant.profiles.iter().find(|name| claims(name))
        {
            let message = format!(
                "`sources` is empty, and the profile `{}` follows documents",
                profile.value
            );
            let help = "name where it is stated; a profile that follows no document says `undocumented: <why>`";
            self.say(file, invariant.id.place, message, Some(help.to_owned()));
        }
    }

    /// The names that an invariant mentions, whatever the profile.
    fn names(&mut self, file: &str, invariant: &'a Invariant) {
        for profile in &invariant.profiles {
            if self.library.profile(profile).is_none() {
                let help = did_you_mean(profile, self.library.profile_names());
                self.say(
                    file,
                    profile.place,
                    format!("there is no profile `{}`", profile.value),
                    help,
                );
            }
        }
        for role in &invariant.on.0 {
            if role.value != ALL {
                self.role(file, role, role.place);
            }
        }
        for source in &invariant.sources {
            self.source(file, source, source.place);
        }
        self.undocumented(file, invariant);
        for id in &invariant.needs {
            if id.value == invariant.id.value {
                self.say(
                    file,
                    id.place,
                    "an invariant cannot need itself".to_owned(),
                    None,
                );
            } else {
                self.known_id(file, id, id.place);
            }
        }
        for (name, query) in invariant.facts.iter() {
            if let Ok(Some((role, place))) = query.role() {
                self.role(file, role, place);
            }
            let read = invariant.expressions().any(|expression| {
                expression
                    .compiled()
                    .is_ok_and(|expr| expr.roots().contains(&name.value))
            });
            if !read {
                self.say(
                    file,
                    name.place,
                    format!("the fact `{}` is looked at and never read", name.value),
                    None,
                );
            }
        }
        if let Some(reading) = &invariant.reading {
            let parameter = reading.parameter.as_str();
            let known = invariant
                .profiles
                .iter()
                .any(|profile| self.library.parameter(profile, parameter).is_some());
            let others = self.library.profile_names().any(|profile| {
                self.library.applies(invariant, profile)
                    && self
                        .library
                        .parameter(profile, parameter)
                        .is_some_and(|parameter| !parameter.readings.is_empty())
            });
            if !known {
                let message = format!("no profile of this invariant has a parameter `{parameter}`");
                let parameters: Vec<Value> = invariant
                    .profiles
                    .iter()
                    .map(|profile| self.library.parameters(profile))
                    .collect();
                let names = parameters.iter().filter_map(Value::as_object);
                let names = names.flat_map(|map| map.keys()).map(String::as_str);
                let help = did_you_mean(parameter, names);
                self.say(file, reading.parameter.place, message, help);
            } else if !others {
                let message =
                    format!("no profile of this invariant has other readings of `{parameter}`");
                self.say(file, reading.parameter.place, message, None);
            }
        }
    }

    /// Tries an invariant as a site of a profile would.
    fn tried(&mut self, loaded: &'a LoadedSuite, invariant: &'a Invariant, profile: &str) {
        let file = loaded.file.name.as_str();
        let text: &str = &loaded.file.text;
        let parameters = self.library.parameters(profile);
        let inputs: BTreeMap<String, Option<Value>> = loaded
            .suite
            .inputs
            .iter()
            .map(|(name, input)| (name.value.clone(), input.sample()))
            .collect();
        let mut names = Names {
            profile_name: profile,
            profile: &parameters,
            inputs: &inputs,
            site: "example",
            item: None,
        };
        let mut scope = Scope::default();
        scope
            .0
            .insert("profile".to_owned(), Type::of_value(&parameters));
        let seen: Map<String, Value> = inputs
            .iter()
            .map(|(name, value)| {
                let absent = || json!({ ABSENT_KEY: true });
                (name.clone(), value.clone().unwrap_or_else(absent))
            })
            .collect();
        scope
            .0
            .insert("input".to_owned(), Type::of_value(&Value::Object(seen)));
        scope.0.insert(
            "site".to_owned(),
            Type::object(
                "site",
                [
                    ("name", Type::String),
                    ("profile", Type::String),
                    ("engine", Type::String),
                    ("nodes", Type::Map(std::sync::Arc::new(Type::String))),
                ],
            ),
        );
        if let Some(when) = &invariant.when {
            self.expression(file, text, when, &scope, &names);
        }
        let looped = invariant.looped().and_then(Result::ok);
        let mut item = None;
        if let (Some(looped), Some(for_each)) = (&looped, &invariant.for_each) {
            match names.value(&looped.list) {
                Err((message, help)) => {
                    self.say(file, for_each.place, message, help);
                    return;
                }
                Ok(Value::Array(items)) if items.len() > MAX_ITEMS => {
                    let message = format!("`{}` has more than {MAX_ITEMS} items", looped.list);
                    self.say(file, for_each.place, message, None);
                }
                Ok(Value::Array(items)) => item = items.first(),
                Ok(_) => {
                    self.say(
                        file,
                        for_each.place,
                        format!("`{}` is no list", looped.list),
                        None,
                    );
                    return;
                }
            }
            let Some(item) = item else {
                // An empty list of the profile: nothing runs there.
                return;
            };
            names.item = Some((&looped.variable, item));
            scope
                .0
                .insert(looped.variable.clone(), Type::of_value(item));
        }
        for (name, query) in invariant.facts.iter() {
            let Ok(kind) = query.kind() else {
                scope.0.insert(name.value.clone(), Type::Any);
                continue;
            };
            let mut r#type = Type::Any;
            match query.resolve(&names) {
                Err(unresolved) => self.unresolved(loaded, unresolved),
                Ok(resolved) => match kind.probe(&resolved) {
                    Err(error) => {
                        let unknown = query.unknown_options(kind);
                        if unknown.is_empty() {
                            let message = format!("this query cannot be used: {error}");
                            self.say(file, query.place_of(kind.name), message, None);
                        }
                        for (place, message, help) in unknown {
                            self.say(file, place, message, help);
                        }
                    }
                    Ok(probe) => {
                        r#type = Type::from_schema(kind.fact_schema().as_value(), &probe.query());
                    }
                },
            }
            scope.0.insert(name.value.clone(), r#type);
        }
        for expectation in &invariant.expect.0 {
            self.expression(file, text, expectation, &scope, &names);
        }
        for line in &invariant.fix {
            if let Err(error) = names.resolve(line, Braces::Text) {
                let place = crate::yaml::inside(text, line.place, line, error.offset);
                self.say(file, place, error.message, error.help);
            }
        }
    }

    /// A template that has no value, at its place in the text.
    fn unresolved(&mut self, loaded: &LoadedSuite, (node, error): Unresolved) {
        let place = match &node.kind {
            NodeKind::Text(value) => {
                crate::yaml::inside(&loaded.file.text, node.place, value, error.offset)
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => node.place,
        };
        self.say(&loaded.file.name, place, error.message, error.help);
    }

    fn expression(
        &mut self,
        file: &str,
        text: &str,
        expression: &Expression,
        scope: &Scope,
        names: &Names<'_>,
    ) {
        let Ok(expr) = expression.compiled() else {
            return; // reported when the file was read
        };
        for ExprError {
            offset,
            message,
            help,
            ..
        } in expr.check(scope)
        {
            // "no field x" of profile and input is said in the words of those who can mend it.
            let place = expression.place_of(text, offset);
            let missing = expr.paths().into_iter().find_map(|path| {
                let (root, name) = (path.first()?, path.get(1)?);
                let dotted = format!("{root}.{name}");
                let ours = matches!(root.as_str(), "profile" | "input") && name != "*";
                let at = expression.text().get(offset..)?;
                let here = at.starts_with(&dotted)
                    || at.starts_with(name.as_str())
                    || at.starts_with(&format!(".{name}"));
                (ours && here).then(|| names.value(&dotted).err()).flatten()
            });
            match missing {
                Some((message, help)) => self.say(file, place, message, help),
                None => self.say(file, place, message, help),
            }
        }
    }

    /// An input that two suites declare is one input.
    fn shared_inputs(&mut self) {
        let mut first: BTreeMap<&str, (crate::input::InputType, &str)> = BTreeMap::new();
        let library = self.library;
        for loaded in library.suites() {
            for (name, input) in loaded.suite.inputs.iter() {
                match first.get(name.as_str()) {
                    Some((r#type, other)) if *r#type != input.r#type => {
                        let message = format!(
                            "the input `{}` is a {} here and a {} in {other}",
                            name.value,
                            input.r#type.as_str(),
                            r#type.as_str()
                        );
                        self.say(&loaded.file.name, name.place, message, None);
                    }
                    Some(_) => {}
                    None => {
                        first.insert(name, (input.r#type, &loaded.file.name));
                    }
                }
            }
        }
    }

    /// Invariants that need each other in a circle.
    fn circles(&mut self) {
        let library = self.library;
        let needs: BTreeMap<&str, Vec<&str>> = library
            .invariants()
            .map(|(_, i)| {
                (
                    i.id.as_str(),
                    i.needs.iter().map(|id| id.as_str()).collect(),
                )
            })
            .collect();
        for loaded in library.suites() {
            for invariant in &loaded.suite.invariants {
                let id = invariant.id.as_str();
                let mut seen = BTreeSet::new();
                let mut open: Vec<&str> = needs.get(id).into_iter().flatten().copied().collect();
                while let Some(next) = open.pop() {
                    if next == id && invariant.needs.iter().all(|need| need.value != id) {
                        let message = format!("`{id}` needs itself by way of others");
                        self.say(&loaded.file.name, invariant.id.place, message, None);
                        break;
                    }
                    if seen.insert(next) {
                        open.extend(needs.get(next).into_iter().flatten());
                    }
                }
            }
        }
    }
}
