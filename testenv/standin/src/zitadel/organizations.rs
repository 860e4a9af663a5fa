//! `/v2/organizations`: searching and making organizations, and giving them domains.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{Answer, found};
use super::refusal::Refusal;
use super::state::State;

/// Answers a request below `/v2/organizations`.
pub fn answer(
    state: &mut State,
    method: &str,
    rest: &[&str],
    body: &Value,
    domain: &str,
) -> Answer {
    match (method, rest) {
        ("POST", []) => add(state, body, domain),
        ("POST", ["_search"]) => Ok((StatusCode::OK, search(state, body))),
        ("POST", [id, "domains"]) => add_domain(state, id, body),
        ("POST", [id, "domains", "search"]) => {
            let organization = state.organizations.get(*id).ok_or_else(gone)?;
            let all = organization
                .domains
                .iter()
                .enumerate()
                .map(|(at, name)| json!({ "organizationId": id, "domain": name, "isVerified": true, "isPrimary": at == 0 }))
                .collect();
            let mut answer = found(all, body);
            answer["domains"] = answer["result"].take();
            Ok((StatusCode::OK, answer))
        }
        _ => Err(Refusal::missing("Not Found", None)),
    }
}

fn gone() -> Refusal {
    Refusal::missing("Organisation doesn't exist", Some("QUERY-iTTGJ"))
}

fn add(state: &mut State, body: &Value, domain: &str) -> Answer {
    let name = body
        .get("name")
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Refusal::argument("invalid AddOrganizationRequest.Name: value length must be between 1 and 200 runes, inclusive"))?;
    if state
        .organizations
        .values()
        .any(|organization| organization.name == name)
    {
        return Err(Refusal::exists("Organisation already exists", "V3-DKcYh"));
    }
    let id = state.add_organization(name, domain);
    let details =
        json!({ "sequence": "1", "changeDate": Timestamp::now().to_string(), "resourceOwner": id });
    Ok((
        StatusCode::CREATED,
        json!({ "organizationId": id, "details": details }),
    ))
}

/// The runbook sends `domainName`, the documentation has `domain`.
fn add_domain(state: &mut State, id: &str, body: &Value) -> Answer {
    let name = body
        .get("domain")
        .or_else(|| body.get("domainName"))
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Refusal::argument("invalid AddOrganizationDomainRequest.Domain: value length must be between 1 and 253 runes, inclusive"))?
        .to_owned();
    if !state.organizations.contains_key(id) {
        return Err(gone());
    }
    if state
        .organizations
        .values()
        .any(|organization| organization.domains.contains(&name))
    {
        return Err(Refusal::exists("Domain already exists", "V2-DomainExists"));
    }
    if let Some(organization) = state.organizations.get_mut(id) {
        organization.domains.push(name);
    }
    Ok((
        StatusCode::CREATED,
        json!({ "creationDate": Timestamp::now().to_string() }),
    ))
}

fn search(state: &State, body: &Value) -> Value {
    let queries = body
        .get("queries")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let all = state
        .organizations
        .iter()
        .filter(|(id, organization)| {
            queries.iter().all(|query| {
                query.pointer("/nameQuery/name").and_then(Value::as_str) == Some(organization.name.as_str())
                    || query.pointer("/idQuery/id").and_then(Value::as_str) == Some(id.as_str())
            })
        })
        .map(|(id, organization)| {
            json!({
                "id": id,
                "details": { "sequence": "1", "creationDate": organization.created.to_string(), "changeDate": organization.created.to_string(), "resourceOwner": id },
                "state": "ORGANIZATION_STATE_ACTIVE",
                "name": organization.name,
                "primaryDomain": organization.domains.first(),
            })
        })
        .collect();
    found(all, body)
}
