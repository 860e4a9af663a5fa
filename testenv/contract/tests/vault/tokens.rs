//! Tokens: their time, their makers and their end.

use crate::{Vault, code};
use runproof_contract::{http, original, until_async};
use serde_json::json;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::token;

#[tokio::test]
async fn a_token_shows_what_is_left_of_it_and_can_be_renewed_and_revoked() {
    let vault = Vault::open().await;
    let root = vault.root();
    let mut request = CreateTokenRequest::builder();
    request
        .policies(vec!["default".to_owned()])
        .ttl("100s")
        .display_name("bot");
    let made = token::new(&root, Some(&mut request)).await.unwrap();
    assert_eq!(
        (
            made.lease_duration,
            made.renewable,
            made.token_type.as_str()
        ),
        (100, true, "service")
    );
    let seen = token::lookup(&root, &made.client_token).await.unwrap();
    assert_eq!(
        (seen.creation_ttl, seen.policies.clone()),
        (100, vec!["default".to_owned()])
    );
    assert!(seen.ttl <= 100 && seen.ttl > 0, "{}", seen.ttl);
    assert_eq!(seen.id, made.client_token);
    let own = token::lookup_self(&vault.client(&made.client_token))
        .await
        .unwrap();
    assert_eq!(own.accessor, made.accessor);
    let by_accessor = token::lookup_accessor(&root, &made.accessor).await.unwrap();
    assert_eq!(
        by_accessor.id, "",
        "an accessor does not give the token away"
    );
    let longer = token::renew_self(&vault.client(&made.client_token), Some("200s"))
        .await
        .unwrap();
    assert!(
        (199..=200).contains(&longer.lease_duration),
        "{}",
        longer.lease_duration
    );
    token::revoke(&root, &made.client_token).await.unwrap();
    let dead = token::lookup_self(&vault.client(&made.client_token))
        .await
        .unwrap_err();
    assert_eq!(code(&dead), 403);
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_refused() {
    let vault = Vault::open().await;
    let mut request = CreateTokenRequest::builder();
    request.ttl("2s").policies(vec!["default".to_owned()]);
    let made = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let client = vault.client(&made.client_token);
    token::lookup_self(&client).await.unwrap();
    until_async("the token dies", || async {
        token::lookup_self(&client).await.is_err()
    })
    .await;
    let dead = token::lookup_self(&client).await.unwrap_err();
    assert_eq!(code(&dead), 403);
}

#[tokio::test]
async fn a_renewal_never_passes_the_explicit_maximum_and_a_periodic_token_starts_its_period_anew() {
    let vault = Vault::open().await;
    let mut request = CreateTokenRequest::builder();
    request.ttl("60s").explicit_max_ttl("90s");
    let made = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let renewed = token::renew(&vault.root(), &made.client_token, Some("3600s"))
        .await
        .unwrap();
    assert!(renewed.lease_duration <= 90, "{}", renewed.lease_duration);
    let mut request = CreateTokenRequest::builder();
    request.period("45s");
    let periodic = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let (_, seen) = vault
        .raw(
            "GET",
            "auth/token/lookup-self",
            &periodic.client_token,
            None,
        )
        .await;
    assert_eq!(seen["data"]["period"], 45);
    let renewed = token::renew(&vault.root(), &periodic.client_token, Some("3600s"))
        .await
        .unwrap();
    assert!(
        (44..=45).contains(&renewed.lease_duration),
        "{}",
        renewed.lease_duration
    );
}

#[tokio::test]
async fn a_ttl_beyond_the_servers_limit_is_cut_with_a_warning() {
    let vault = Vault::open().await;
    let body = json!({ "policies": ["default"], "ttl": "1000000h" });
    let (status, body) = vault
        .raw("POST", "auth/token/create", &vault.token, Some(body))
        .await;
    assert_eq!(status, 200);
    assert!(
        body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("exceeded the effective max_ttl"),
        "{body}"
    );
}

#[tokio::test]
async fn what_a_token_made_ends_with_it_and_an_orphan_does_not() {
    let vault = Vault::open().await;
    let rules = "path \"auth/token/create\" { capabilities = [\"update\", \"sudo\"] }";
    let parent = vault.token_for("contract-maker", rules, "60s").await;
    let child = token::new(&vault.client(&parent), None).await.unwrap();
    let mut request = CreateTokenRequest::builder();
    request.no_parent(true);
    let orphan = token::new(&vault.client(&parent), Some(&mut request))
        .await
        .unwrap();
    token::revoke(&vault.root(), &parent).await.unwrap();
    assert!(
        token::lookup_self(&vault.client(&child.client_token))
            .await
            .is_err()
    );
    assert!(
        token::lookup_self(&vault.client(&orphan.client_token))
            .await
            .unwrap()
            .orphan
    );
}

#[tokio::test]
async fn no_token_and_a_wrong_token_are_403_and_a_bearer_is_as_good_as_the_header() {
    let vault = Vault::open().await;
    for token in ["", "hvs.wrong"] {
        let (status, body) = vault
            .raw("GET", "auth/token/lookup-self", token, None)
            .await;
        assert_eq!(status, 403);
        assert!(
            body["errors"].to_string().contains("permission denied"),
            "{body}"
        );
    }
    let url = format!("{}/v1/auth/token/lookup-self", vault.address);
    let bearer = http()
        .get(&url)
        .bearer_auth(&vault.token)
        .header("X-Vault-Namespace", "x/")
        .send()
        .await
        .unwrap();
    if original("VAULT").is_none() {
        assert_eq!(
            bearer.status(),
            200,
            "namespaces are ignored where there are none"
        );
    }
    let bearer = http()
        .get(&url)
        .bearer_auth(&vault.token)
        .send()
        .await
        .unwrap();
    assert_eq!(bearer.status(), 200);
}
