//! Tables of the language, and what no input may do.

mod checked;
mod hostile;
mod judged;
mod told;

use serde_json::json;

use super::*;

fn site() -> Vec<(&'static str, Val)> {
    let facts = json!({
        "ui": {"environment": {"BOTSERVER_URL": "https://system.example.com", "GONE": {"$absent": true}},
               "active": "active", "restarts": 3, "memory": {"$unknown": {"kind": "timeout", "detail": "5 s"}},
               "enabled": true, "version": "2.38", "since": 1000, "ratio": 0.5},
        "ports": {"listeners": [
            {"port": 22, "address": "0.0.0.0", "process": "sshd"},
            {"port": 5858, "address": "127.0.0.1", "process": {"$unknown": {"kind": "permission", "detail": ""}}},
            {"port": 80, "address": "10.0.2.7", "process": {"$absent": true}}],
            "none": [], "numbers": [22, 80, 443], "names": ["a", "b"]},
        "down": {"$unknown": {"kind": "unreachable", "detail": "no route"}},
        "gone": {"$absent": true},
        "mixed": [1, {"$unknown": {"kind": "failed", "detail": "x"}}, 3],
        "keys": {"a": 1, "b": {"$absent": true}, "c": {"$unknown": {"kind": "failed", "detail": ""}}},
        "profile": {"botserver_port": 5858, "ports": [22, 80], "glibc": "2.36", "empty": []},
    });
    let mut vars = Vec::new();
    for name in ["ui", "ports", "down", "gone", "mixed", "keys", "profile"] {
        vars.push((name, Val::from_recorded(&facts[name])));
    }
    vars
}

fn judge(source: &str) -> Outcome {
    let expr = Expr::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let vars = site();
    let mut env = Env::new(2000.0);
    for (name, val) in &vars {
        env.set(name, val);
    }
    expr.evaluate(&env)
}
