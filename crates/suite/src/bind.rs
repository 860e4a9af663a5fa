//! Binding: a library and a site make a plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use runproof_facts::{Reads, Wanted};
use runproof_model::observed::ABSENT_KEY;
use runproof_model::site::NodeRef;
use runproof_model::{Role, Site, Verdict, text};
use serde_json::{Map, Value, json};

use crate::expr::{Env, Expr, Val};
use crate::input::{Input, given};
use crate::invariant::{ALL, Invariant, Loop, MAX_ITEMS};
use crate::library::Library;
use crate::plan::{Bound, Item, Plan, Settled};
use crate::selection::Selection;
use crate::suite::Suite;
use crate::template::{Braces, Names, word};

/// The plan of everything that is selected of a library for a site. A plan is
/// empty when nothing was; whatever cannot be judged is in it, settled as an error.
pub fn bind(library: &Library, site: &Site, selection: &Selection) -> Plan {
    let parameters = library.parameters(&site.profile);
    let readings = library
        .chain(&site.profile)
        .into_iter()
        .rev()
        .flat_map(|profile| profile.parameters.iter())
        .map(|(name, parameter)| {
            let others = parameter
                .readings
                .iter()
                .map(|reading| (reading.value.to_json(), reading.source.value.clone()));
            (name.value.clone(), others.collect())
        })
        .collect();
    let mut binder = Binder {
        site,
        plan: Plan {
            site: site.site.clone(),
            profile: site.profile.clone(),
            bound: Vec::new(),
            unmatched: Vec::new(),
            wanted: Vec::new(),
            profile_val: Val::from_recorded(&parameters),
            parameters,
            site_val: Val::from_recorded(&site_value(site)),
            input_vals: Vec::new(),
            readings,
        },
        index: HashMap::new(),
    };
    for loaded in library.suites() {
        binder.suite(library, &loaded.suite, selection);
    }
    binder.unmatched(library, selection);
    binder.finish()
}

/// What expressions see as `site`.
fn site_value(site: &Site) -> Value {
    let nodes: Map<String, Value> = site
        .nodes
        .iter()
        .filter_map(|(role, node)| match node {
            NodeRef::Instance(name) => Some((role.to_string(), Value::from(name.as_str()))),
            NodeRef::Hypervisor(_) | NodeRef::Absent(_) => None,
        })
        .collect();
    json!({ "name": site.site, "profile": site.profile, "engine": site.reach.engine.as_str(), "nodes": nodes })
}

struct Binder<'a> {
    site: &'a Site,
    plan: Plan,
    index: HashMap<(Role, &'static str, String), usize>,
}

/// What is the same for all invariants of a suite.
struct Inputs<'a> {
    declared: BTreeMap<&'a str, &'a Input>,
    values: BTreeMap<String, Option<Value>>,
    wrong: BTreeMap<String, String>,
    at: usize,
}

fn error(message: impl Into<String>) -> Settled {
    Settled {
        verdict: Verdict::Error,
        message: text::one_line(&message.into(), 500),
    }
}

fn skip(message: impl AsRef<str>) -> Settled {
    Settled {
        verdict: Verdict::Skip,
        message: text::one_line(message.as_ref(), 500),
    }
}

impl<'a> Binder<'a> {
    fn suite(&mut self, library: &Library, suite: &Suite, selection: &Selection) {
        let declared: BTreeMap<&str, &Input> = suite
            .inputs
            .iter()
            .map(|(name, input)| (name.as_str(), input))
            .collect();
        let (values, wrong) = given(declared.iter().map(|(n, i)| (*n, *i)), &self.site.inputs);
        let seen: Map<String, Value> = values
            .iter()
            .map(|(name, value)| {
                let absent = || json!({ ABSENT_KEY: true });
                (name.clone(), value.clone().unwrap_or_else(absent))
            })
            .collect();
        let inputs = Inputs {
            declared,
            values,
            wrong,
            at: self.plan.input_vals.len(),
        };
        self.plan
            .input_vals
            .push(Val::from_recorded(&Value::Object(seen)));
        let name: Arc<str> = suite.suite.value.as_str().into();
        for invariant in &suite.invariants {
            if selection.wants(&name, invariant) && library.applies(invariant, &self.site.profile) {
                self.invariant(&name, invariant, &inputs, selection);
            }
        }
    }

    fn invariant(
        &mut self,
        suite: &Arc<str>,
        invariant: &Arc<Invariant>,
        inputs: &Inputs<'_>,
        selection: &Selection,
    ) {
        let verdict = self.applicability(invariant, inputs);
        for role in self.roles(invariant) {
            if role
                .as_ref()
                .is_some_and(|role| !selection.wants_role(role))
            {
                continue;
            }
            let name = role.as_ref().map_or(ALL, Role::as_str).to_owned();
            let bound = |settled| Bound {
                invariant: invariant.clone(),
                suite: suite.clone(),
                role: name.clone(),
                item: None,
                settled,
                fix: Vec::new(),
                facts: Vec::new(),
                inputs: inputs.at,
            };
            let settled = match &role {
                Some(role) => self.node(role).err(),
                None => Some(error("the site maps no node")),
            };
            // A role that is missing is a mistake of the site file, whether or not the rest applies.
            let settled = match (settled, &verdict) {
                (Some(settled), _) if settled.verdict == Verdict::Error => Some(settled),
                (settled, Err(other)) => Some(settled.unwrap_or_else(|| other.clone())),
                (settled, Ok(())) => settled,
            };
            if settled.is_some() {
                let mut bound = bound(settled);
                bound.fix = self.fix(invariant, inputs, None);
                self.plan.bound.push(bound);
                continue;
            }
            let Some(role) = role else { continue };
            match self.items(invariant, inputs) {
                Err(settled) => {
                    let mut bound = bound(Some(settled));
                    bound.fix = self.fix(invariant, inputs, None);
                    self.plan.bound.push(bound);
                }
                Ok(items) => {
                    for item in items {
                        let mut bound = bound(None);
                        let looped = item
                            .as_ref()
                            .map(|(item, value)| (item.variable.as_str(), value));
                        match self.facts(&role, invariant, inputs, looped) {
                            Ok(facts) => bound.facts = facts,
                            Err(settled) => bound.settled = Some(settled),
                        }
                        bound.fix = self.fix(invariant, inputs, looped);
                        bound.item = item.map(|(item, _)| item);
                        self.plan.bound.push(bound);
                    }
                }
            }
        }
    }

    /// The roles of `on`, each once; `None` for `all` of a site without nodes.
    fn roles(&self, invariant: &Invariant) -> Vec<Option<Role>> {
        let mut seen = BTreeSet::new();
        let mut roles = Vec::new();
        let mut add = |role: Option<Role>| {
            if seen.insert(role.clone()) {
                roles.push(role);
            }
        };
        for on in &invariant.on.0 {
            if on.value == ALL {
                let mut any = false;
                for (role, node) in &self.site.nodes {
                    if matches!(node, NodeRef::Instance(_)) {
                        any = true;
                        add(Some(role.clone()));
                    }
                }
                if !any {
                    add(None);
                }
            } else if let Ok(role) = Role::new(on.value.clone()) {
                add(Some(role));
            } else {
                add(None);
            }
        }
        roles
    }

    /// Whether a role is played by somebody, and if not, why not.
    fn node(&self, role: &Role) -> Result<(), Settled> {
        match self.site.nodes.get(role) {
            Some(NodeRef::Instance(_) | NodeRef::Hypervisor(_)) => Ok(()),
            Some(NodeRef::Absent(node)) => Err(skip(format!("no {role} here: {}", node.absent))),
            None => Err(error(format!(
                "role {role} is not in the site file: map it, or say why it is absent"
            ))),
        }
    }

    /// Whether the invariant applies to this site at all, and can be judged.
    fn applicability(&self, invariant: &Invariant, inputs: &Inputs<'_>) -> Result<(), Settled> {
        if let Some(when) = &invariant.when {
            let expr = when.compiled().map_err(|e| error(format!("`when`: {e}")))?;
            self.reads(expr, inputs)?;
            let unseen = Val::Absent;
            let env = Env::new(Val::Absent)
                .with("profile", &self.plan.profile_val)
                .with(
                    "input",
                    self.plan.input_vals.get(inputs.at).unwrap_or(&unseen),
                )
                .with("site", &self.plan.site_val);
            let outcome = expr.evaluate(&env);
            match outcome.verdict {
                Verdict::Pass => {}
                Verdict::Fail => {
                    let reason = invariant.when_not.as_deref();
                    return Err(skip(reason.unwrap_or("it does not apply here")));
                }
                Verdict::Error | Verdict::Skip | Verdict::Waived => {
                    return Err(error(format!("`when`: {}", outcome.message)));
                }
            }
        }
        for expectation in &invariant.expect.0 {
            let expr = expectation.compiled().map_err(|e| error(e.to_string()))?;
            self.reads(expr, inputs)?;
        }
        Ok(())
    }

    /// Whether everything that an expression reads of profile and inputs is there.
    fn reads(&self, expr: &Expr, inputs: &Inputs<'_>) -> Result<(), Settled> {
        for path in expr.paths() {
            let mut parts = path.iter().map(String::as_str);
            match (parts.next(), parts.next()) {
                (Some("profile"), Some(name))
                    if name != "*" && self.plan.parameters.get(name).is_none() =>
                {
                    let profile = &self.plan.profile;
                    return Err(error(format!(
                        "profile `{profile}` has no parameter `{name}`"
                    )));
                }
                (Some("input"), Some(name)) if name != "*" => {
                    if let Some(message) = inputs.wrong.get(name) {
                        return Err(error(message.as_str()));
                    }
                    let optional = inputs
                        .declared
                        .get(name)
                        .is_some_and(|input| input.optional);
                    if !optional {
                        self.names(inputs, None)
                            .value(&format!("input.{name}"))
                            .map_err(|(message, _)| error(message))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn names<'b>(
        &'b self,
        inputs: &'b Inputs<'_>,
        item: Option<(&'b str, &'b Value)>,
    ) -> Names<'b> {
        Names {
            profile_name: &self.plan.profile,
            profile: &self.plan.parameters,
            inputs: &inputs.values,
            site: &self.plan.site,
            item,
        }
    }

    /// The items of the loop; one nothing when there is no loop.
    fn items(
        &self,
        invariant: &Invariant,
        inputs: &Inputs<'_>,
    ) -> Result<Vec<Option<(Item, Value)>>, Settled> {
        let Some(looped) = invariant.looped() else {
            return Ok(vec![None]);
        };
        let Loop { variable, list } = looped.map_err(error)?;
        let name = list.split('.').nth(1).unwrap_or_default();
        if list.starts_with("input.")
            && let Some(message) = inputs.wrong.get(name)
        {
            return Err(error(message.as_str()));
        }
        let value = self
            .names(inputs, None)
            .value(&list)
            .map_err(|(message, _)| error(message))?;
        let Value::Array(values) = value else {
            return Err(error(format!("`{list}` is no list")));
        };
        if values.len() > MAX_ITEMS {
            return Err(error(format!("`{list}` has more than {MAX_ITEMS} items")));
        }
        if values.is_empty() {
            let message = format!("no {name}: {list} is empty");
            return Err(if invariant.allow_empty {
                skip(message)
            } else {
                Settled {
                    verdict: Verdict::Fail,
                    message,
                }
            });
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        Ok(values
            .iter()
            .map(|value| {
                let mut label = label(value);
                let count = seen.entry(label.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    label = format!("{label} #{count}");
                }
                let item = Item {
                    variable: variable.clone(),
                    label,
                    val: Val::from_recorded(value),
                };
                Some((item, value.clone()))
            })
            .collect())
    }

    /// The facts of one judgement, each with its place in the plan.
    fn facts(
        &mut self,
        role: &Role,
        invariant: &Invariant,
        inputs: &Inputs<'_>,
        item: Option<(&str, &Value)>,
    ) -> Result<Vec<(String, usize)>, Settled> {
        let mut facts = Vec::with_capacity(invariant.facts.0.len());
        let mut read = Vec::new();
        for expectation in &invariant.expect.0 {
            let expr = expectation.compiled().map_err(|e| error(e.to_string()))?;
            read.extend(expr.values());
        }
        for (name, query) in invariant.facts.iter() {
            let kind = query.kind().map_err(|(_, message, _)| error(message))?;
            let role = match query.role().map_err(|(_, message)| error(message))? {
                Some((other, _)) => {
                    let other = Role::new(other).map_err(|e| error(e.to_string()))?;
                    self.node(&other)?;
                    other
                }
                None => role.clone(),
            };
            for (input, message) in &inputs.wrong {
                let dotted = format!("input.{input}");
                if query.names().iter().any(|used| {
                    used.strip_prefix(dotted.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                }) {
                    return Err(error(message.as_str()));
                }
            }
            let resolved = query
                .resolve(&self.names(inputs, item))
                .map_err(|(_, e)| error(format!("fact `{}`: {}", name.value, e.message)))?;
            let probe = kind.probe(&resolved).map_err(|e| {
                error(format!(
                    "fact `{}`: this query cannot be used: {e}",
                    name.value
                ))
            })?;
            let canonical = probe.query();
            let key = (role.clone(), kind.name, canonical.to_string());
            let wanted = &mut self.plan.wanted;
            let at = *self.index.entry(key).or_insert_with(|| {
                wanted.push(Wanted {
                    role,
                    kind: kind.name,
                    query: canonical,
                    probe: probe.into(),
                    reads: Reads::nothing(),
                });
                wanted.len() - 1
            });
            if let Some(one) = wanted.get_mut(at) {
                for path in &read {
                    if let Some((root, steps)) = path.split_first()
                        && *root == name.value
                    {
                        one.reads.add(steps.iter().map(String::as_str));
                    }
                }
            }
            facts.push((name.value.clone(), at));
        }
        Ok(facts)
    }

    /// The documented commands; a template without a value stays as it is written.
    fn fix(
        &self,
        invariant: &Invariant,
        inputs: &Inputs<'_>,
        item: Option<(&str, &Value)>,
    ) -> Vec<String> {
        let names = self.names(inputs, item);
        let resolve = |line: &str| match names.resolve(line, Braces::Text) {
            Ok(value) => word(&value),
            Err(_) => line.to_owned(),
        };
        invariant.fix.iter().map(|line| resolve(line)).collect()
    }

    fn unmatched(&mut self, library: &Library, selection: &Selection) {
        let mut unmatched = Vec::new();
        let hit = |wants: &dyn Fn(&Bound) -> bool| self.plan.bound.iter().any(wants);
        for pattern in &selection.suites {
            if !hit(&|bound| crate::words::matches(pattern, &bound.suite)) {
                unmatched.push(format!("suite `{pattern}`"));
            }
        }
        for pattern in &selection.ids {
            if !hit(&|bound| crate::words::matches(pattern, &bound.invariant.id)) {
                let other = library.invariant(pattern).map(|(_, invariant)| {
                    let profiles: Vec<&str> = invariant
                        .profiles
                        .iter()
                        .map(|name| name.as_str())
                        .collect();
                    format!(" (it is for profile {})", profiles.join(", "))
                });
                unmatched.push(format!(
                    "invariant `{pattern}`{}",
                    other.unwrap_or_default()
                ));
            }
        }
        for role in &selection.roles {
            if !hit(&|bound| bound.role == role.as_str()) {
                unmatched.push(format!("role `{role}`"));
            }
        }
        self.plan.unmatched = unmatched;
    }

    /// Sorts what is wanted, so that a plan does not depend on the order of suites.
    fn finish(mut self) -> Plan {
        let mut order: Vec<((Role, &'static str, String), usize)> =
            self.index.into_iter().collect();
        order.sort();
        let mut new_place = vec![0; order.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            if let Some(place) = new_place.get_mut(*old) {
                *place = new;
            }
        }
        let mut wanted: Vec<Option<Wanted>> = self.plan.wanted.into_iter().map(Some).collect();
        self.plan.wanted = order
            .iter()
            .filter_map(|(_, old)| wanted.get_mut(*old).and_then(Option::take))
            .collect();
        for bound in &mut self.plan.bound {
            for (_, at) in &mut bound.facts {
                *at = new_place.get(*at).copied().unwrap_or(usize::MAX);
            }
        }
        self.plan
    }
}

/// What reports call an item of a loop.
fn label(value: &Value) -> String {
    let named = ["name", "id"]
        .iter()
        .find_map(|key| value.get(key))
        .filter(|name| name.is_string() || name.is_number());
    text::one_line(&word(named.unwrap_or(value)), 80)
}
