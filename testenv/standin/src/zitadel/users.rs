//! `/v2/users`: searching, making, changing and removing users, their passwords and their tokens.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{Answer, found};
use super::refusal::Refusal;
use super::state::{State, User};

/// Answers a request below `/v2/users`.
pub fn answer(
    state: &mut State,
    method: &str,
    rest: &[&str],
    body: &Value,
    organization: &str,
    domain: &str,
) -> Answer {
    match (method, rest) {
        ("POST", []) => Ok((StatusCode::OK, search(state, body, domain)?)),
        ("POST", ["human"]) => add(state, body, organization),
        ("GET", [id]) => match state.users.get(*id) {
            Some(user) => Ok((
                StatusCode::OK,
                json!({ "details": details(user), "user": show(id, user, domain) }),
            )),
            None => Err(gone()),
        },
        ("DELETE", [id]) => match state.users.remove(*id) {
            Some(user) => {
                state.tokens.retain(|_, pat| pat.user != *id);
                Ok((StatusCode::OK, json!({ "details": details(&user) })))
            }
            None => Err(gone()),
        },
        ("POST", [id, "password"]) => password(state, id, body),
        ("POST", [id, "pats"]) => token(state, id, body),
        ("DELETE", [_, "pats", pat]) => {
            let before = state.tokens.len();
            state.tokens.retain(|_, kept| kept.id != *pat);
            if state.tokens.len() == before {
                return Err(Refusal::missing(
                    "Errors.User.PAT.NotFound",
                    Some("COMMAND-4m77G"),
                ));
            }
            Ok((
                StatusCode::OK,
                json!({ "deletionDate": Timestamp::now().to_string() }),
            ))
        }
        _ => Err(Refusal::missing("Not Found", None)),
    }
}

/// Checks a login name and a password: what a login does.
pub fn session(state: &mut State, body: &Value) -> Answer {
    let name = body
        .pointer("/checks/user/loginName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let password = body
        .pointer("/checks/password/password")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let bare = name.split('@').next().unwrap_or_default();
    let user = state
        .users
        .values()
        .find(|user| user.username == name || user.username == bare)
        .ok_or_else(|| Refusal::missing("User could not be found", Some("QUERY-Dfbg2")))?;
    if !user.accepts(password) {
        return Err(Refusal::argument("Password is invalid (COMMAND-3M0fs)"));
    }
    let id = state.identifier();
    Ok((
        StatusCode::CREATED,
        json!({ "sessionId": id, "details": { "changeDate": Timestamp::now().to_string() } }),
    ))
}

fn gone() -> Refusal {
    Refusal::missing("User could not be found", Some("QUERY-Dfbg2"))
}

fn search(state: &State, body: &Value, domain: &str) -> Result<Value, Refusal> {
    let empty = Vec::new();
    let queries = match body.get("queries") {
        None => &empty,
        Some(queries) => queries
            .as_array()
            .ok_or_else(|| Refusal::argument("proto: syntax error: queries is no list"))?,
    };
    let all = state
        .users
        .iter()
        .filter(|(_, user)| queries.iter().all(|query| fits(user, query)))
        .map(|(id, user)| show(id, user, domain))
        .collect();
    Ok(found(all, body))
}

/// Names, addresses, organizations and types; any other condition finds nobody rather than everybody.
fn fits(user: &User, query: &Value) -> bool {
    let email = user
        .human
        .as_ref()
        .and_then(|human| human.pointer("/email/email"))
        .and_then(Value::as_str);
    let like = |have: &str, condition: &Value, member: &str| {
        let want = condition
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default();
        match condition.get("method").and_then(Value::as_str) {
            Some("TEXT_QUERY_METHOD_CONTAINS") => have.contains(want),
            Some("TEXT_QUERY_METHOD_STARTS_WITH") => have.starts_with(want),
            _ => have == want,
        }
    };
    if let Some(condition) = query.get("userNameQuery") {
        return like(&user.username, condition, "userName");
    }
    if let Some(condition) = query.get("emailQuery") {
        return like(email.unwrap_or_default(), condition, "emailAddress");
    }
    if let Some(condition) = query.get("organizationIdQuery") {
        return condition.get("organizationId").and_then(Value::as_str)
            == Some(user.organization.as_str());
    }
    if let Some(condition) = query.get("typeQuery") {
        let kind = if user.human.is_some() {
            "TYPE_HUMAN"
        } else {
            "TYPE_MACHINE"
        };
        return condition.get("type").and_then(Value::as_str) == Some(kind);
    }
    false
}

fn add(state: &mut State, body: &Value, organization: &str) -> Answer {
    let text = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let needed = |path: &str, what: &str| {
        text(path).ok_or_else(|| Refusal::argument(format!("invalid AddHumanUserRequest.{what}: value length must be between 1 and 200 runes, inclusive")))
    };
    let given = needed("/profile/givenName", "Profile.GivenName")?;
    let family = needed("/profile/familyName", "Profile.FamilyName")?;
    let email = needed("/email/email", "Email.Email")?;
    if !email.contains('@') {
        return Err(Refusal::condition(
            "Errors.User.Email.Invalid",
            "EMAIL-599BI",
        ));
    }
    let username = text("/username").unwrap_or(email);
    let organization = text("/organization/orgId").unwrap_or(organization);
    if !state.organizations.contains_key(organization) {
        return Err(Refusal::condition("Errors.Org.NotFound", "ORG-1M9sd"));
    }
    if state
        .users
        .values()
        .any(|user| user.username == username && user.organization == organization)
    {
        return Err(Refusal::exists("User already exists", "COMMAND-7yiox"));
    }
    let secret = text("/password/password");
    if let Some(secret) = secret {
        complex(secret)?;
    }
    let display =
        text("/profile/displayName").map_or_else(|| format!("{given} {family}"), str::to_owned);
    let human = json!({
        "profile": { "givenName": given, "familyName": family, "displayName": display },
        "email": { "email": email, "isVerified": body.pointer("/email/isVerified").and_then(Value::as_bool).unwrap_or(false) },
    });
    let (username, organization) = (username.to_owned(), organization.to_owned());
    let id = state.add_user(&username, &organization, Some(human));
    if let Some(secret) = secret {
        state.set_password(&id, secret).map_err(Refusal::broken)?;
    }
    let details = state.users.get(&id).map(details);
    Ok((
        StatusCode::CREATED,
        json!({ "userId": id, "details": details }),
    ))
}

fn password(state: &mut State, id: &str, body: &Value) -> Answer {
    let secret = body
        .pointer("/newPassword/password")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            Refusal::argument("invalid SetPasswordRequest.NewPassword: value is required")
        })?;
    let user = state.users.get(id).ok_or_else(gone)?;
    if let Some(current) = body.get("currentPassword").and_then(Value::as_str)
        && !user.accepts(current)
    {
        return Err(Refusal::argument("Password is invalid (COMMAND-3M0fs)"));
    }
    complex(secret)?;
    state.set_password(id, secret).map_err(Refusal::broken)?;
    let details = state.users.get(id).map(details);
    Ok((StatusCode::OK, json!({ "details": details })))
}

/// The policy that a new instance has.
fn complex(secret: &str) -> Result<(), Refusal> {
    let has = |kind: fn(&char) -> bool| secret.chars().any(|c| kind(&c));
    let (message, id) = if secret.chars().count() < 8 {
        (
            "Errors.User.PasswordComplexityPolicy.MinLength",
            "DOMAIN-HuJf6",
        )
    } else if !has(|c| c.is_lowercase()) {
        (
            "Errors.User.PasswordComplexityPolicy.HasLower",
            "DOMAIN-co3Xw",
        )
    } else if !has(|c| c.is_uppercase()) {
        (
            "Errors.User.PasswordComplexityPolicy.HasUpper",
            "DOMAIN-VoaRj",
        )
    } else if !has(|c| c.is_numeric()) {
        (
            "Errors.User.PasswordComplexityPolicy.HasNumber",
            "DOMAIN-ZBv4H",
        )
    } else if !has(|c| !c.is_alphanumeric()) {
        (
            "Errors.User.PasswordComplexityPolicy.HasSymbol",
            "DOMAIN-ZDLwA",
        )
    } else {
        return Ok(());
    };
    Err(Refusal::condition(message, id))
}

fn token(state: &mut State, id: &str, body: &Value) -> Answer {
    if !state.users.contains_key(id) {
        return Err(gone());
    }
    let expires = match body.get("expirationDate").and_then(Value::as_str) {
        Some(text) => Some(
            text.parse::<Timestamp>()
                .map_err(|e| Refusal::argument(format!("proto: invalid expirationDate: {e}")))?,
        ),
        None => None,
    };
    let (pat, token) = state.add_token(id, expires).map_err(Refusal::broken)?;
    Ok((
        StatusCode::CREATED,
        json!({ "creationDate": Timestamp::now().to_string(), "tokenId": pat, "token": token }),
    ))
}

fn details(user: &User) -> Value {
    json!({
        "sequence": "1",
        "creationDate": user.created.to_string(),
        "changeDate": user.changed.to_string(),
        "resourceOwner": user.organization,
    })
}

fn show(id: &str, user: &User, domain: &str) -> Value {
    let login = format!("{}@{domain}", user.username);
    let mut shown = json!({
        "userId": id,
        "details": details(user),
        "state": "USER_STATE_ACTIVE",
        "username": user.username,
        "loginNames": [login],
        "preferredLoginName": login,
    });
    match &user.human {
        Some(human) => shown["human"] = human.clone(),
        None => {
            shown["machine"] =
                json!({ "name": user.username, "accessTokenType": "ACCESS_TOKEN_TYPE_BEARER" })
        }
    }
    shown
}
