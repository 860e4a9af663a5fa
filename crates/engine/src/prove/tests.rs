//! Proofs over the reference that is compiled in.

use runproof_site::Bundle;
use runproof_suite::{Library, Selection, bind};

use super::*;

const REFERENCE: &[u8] = include_bytes!("../../../../fixtures/sites/reference/bundle.json");

#[test]
fn look() {
    let library = Library::builtin().unwrap();
    let bundle = Bundle::parse("reference", REFERENCE).unwrap();
    let plan = bind(&library, &crate::site_of(&bundle), &Selection::all());
    let start = std::time::Instant::now();
    let proof = prove(&library, &plan, &bundle.evidence, &[], false);
    println!("{:?} {:#?}", start.elapsed(), proof.counts);
    for one in &proof.invariants {
        for w in &one.toothless {
            println!("TOOTHLESS {} {} {} mut {}", one.id, w.node, w.expect, one.mutants);
        }
        for w in &one.green_on_unknown {
            println!("GREEN {} {} {} :: {}", one.id, w.node, w.place, w.expect);
        }
        if one.standing != Standing::Holds { println!("{:?} {}", one.standing, one.id); }
    }
    let mut top: Vec<_> = proof.invariants.iter().map(|o| (o.mutants, &o.id)).collect();
    top.sort(); top.reverse();
    println!("{:?}", &top[..20]);
}
